# Each target makes the environment that it needs.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
STAMP := .venv/.made-from-lock

.PHONY: setup reproduce smoke test verify why check document lock

setup: $(STAMP)                 ## the environment, from the lock file

$(STAMP): requirements.lock requirements-tools.lock tools/setup.sh
	bash tools/setup.sh

reproduce: setup                ## the default study: every figure, table and the report
	snakemake reproduce all

smoke: setup                    ## the whole workflow, very small
	snakemake reproduce all --config study=smoke

test: setup                     ## all tests, the smoke study included
	python -m pytest

verify: setup                   ## the default study's numbers beside the published ones
	python -m pipeline.verify --study study

why: setup                      ## why each job of the last run ran
	python -m pipeline.why

check: setup                    ## format, lint, types, imports, generated files
	bash tools/check.sh

document: setup                 ## fill in README's generated parts
	python -m pipeline.document

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-emit-package torch --generate-hashes \
  --no-header --quiet

lock: setup                     ## renew the lock files (needs the network)
	$(COMPILE) --extra test --extra check --output-file requirements.lock
	$(COMPILE) --extra s3 --extra ssh --extra slurm --extra publish --extra browser --extra servers \
	  --constraint requirements.lock --output-file requirements-tools.lock
