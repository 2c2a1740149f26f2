# Each target makes the environment that it needs.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
STAMP := .venv/.made-from-lock
SITES := .venv/sites/.made-from-lock
# Of `review`, `archive` and so on: make review STUDY=smoke
STUDY ?= study
SLURM_TESTS ?= slurm

.PHONY: always setup reproduce smoke test test-kills test-slurm check document verify why review archive publish lock

setup: $(STAMP)                 ## the environment, from the lock file

# A build of torch that is asked for by name is looked at each time.
$(STAMP): $(wildcard requirements*.lock) tools/setup.sh tools/torch.sh $(if $(TORCH),always)
	bash tools/setup.sh

reproduce: setup                ## the default study: every figure, table and the report
	snakemake reproduce all

smoke: setup                    ## the whole workflow, very small
	snakemake reproduce all --config study=smoke

$(SITES): $(STAMP)
	rm -rf $(@D)
	uv pip install --quiet --python .venv/bin/python --target $(@D) --require-hashes --requirement requirements-sites.lock
	touch $@

test: setup $(SITES)            ## all tests, the smoke study included
	python -m pytest

test-slurm: setup               ## the workflow through a SLURM cluster on this machine; needs root, slurm-wlm and munge
	python -m pytest -n 0 -m "$(SLURM_TESTS)" tests/slurm

test-kills: setup               ## the smoke study, killed ten times at random moments
	python -m pytest -n 0 -m slow tests/workflow/test_kills.py

verify: setup                   ## a study's numbers beside the published ones
	python -m pipeline verify --study $(STUDY)

why: setup                      ## why each job of the last run ran
	python -m pipeline why

check: setup                    ## format, lint, types, imports, generated files
	bash tools/check.sh

document: setup                 ## fill in README's generated parts
	python -m pipeline document

review: setup                   ## the review of a study, one page; its address is printed
	python -m pipeline review --study $(STUDY)

archive: setup                  ## code, settings and results as one file below dist/
	python -m pipeline archive --study $(STUDY)

publish: setup                  ## send the offline W&B runs and build the review there; OPTIONS=--dry-run sends nothing
	python -m pipeline publish --study $(STUDY) $(OPTIONS)

UNIVERSAL := --universal --python-version 3.11 --generate-hashes --no-header --quiet
COMPILE := uv pip compile pyproject.toml --no-emit-package torch $(UNIVERSAL)

lock: setup                     ## renew the lock files, but that of PyTorch's CPU builds (needs the network)
	$(COMPILE) --extra test --extra check --output-file requirements.lock
	$(COMPILE) --extra s3 --extra ssh --extra slurm --extra publish --extra browser --extra servers --extra parallel \
	  --constraint requirements.lock --output-file requirements-tools.lock
	uv pip compile --group sites $(UNIVERSAL) --constraint requirements.lock --constraint requirements-tools.lock \
	  --output-file requirements-sites.lock
	grep --only-matching 'torch==[^"]*' pyproject.toml | uv pip compile - --no-config $(UNIVERSAL) \
	  --constraint requirements.lock --output-file requirements-torch.lock
