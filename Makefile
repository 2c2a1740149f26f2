# Each target makes the environment that it needs.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
STAMP := .venv/.made-from-lock

.PHONY: setup reproduce smoke test test-kills check document lock

setup: $(STAMP)                 ## the environment, from the lock file

$(STAMP): requirements.lock tools/setup.sh
	bash tools/setup.sh

reproduce: setup                ## the default study: every figure, table and the report
	snakemake reproduce all

smoke: setup                    ## the whole workflow, very small
	snakemake reproduce all --config study=smoke

test: setup                     ## all tests, the smoke study included
	python -m pytest

test-kills: setup               ## the smoke study, killed ten times at random moments
	python -m pytest -m slow tests/test_kills.py

check: setup                    ## format, lint, types, imports, generated files
	bash tools/check.sh

document: setup                 ## fill in README's generated parts
	python -m pipeline.document

lock: setup                     ## renew requirements.lock (needs the network)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-package torch \
	  --generate-hashes --no-header --quiet --output-file requirements.lock
