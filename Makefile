# `make` and `make help` list the targets and install nothing; every other target runs `setup` first if needed.
# `help` prints the comments that begin with two hashes.
SHELL := /bin/bash
.SHELLFLAGS := -p -c

# Recipes start without the variables that change what a command means. Those that change make itself have done so
# already, and are refused.
UNSET :=
KEEP :=
-include pipeline/environment.list
unexport $(filter-out $(KEEP),$(filter $(UNSET),$(.VARIABLES)))
ifneq ($(MAKEFILES),)
$(error Found MAKEFILES=$(MAKEFILES), which can change every target: start make without it)
endif
REFUSED := $(foreach option,e i t,$(findstring $(option),$(filter-out --%,$(firstword -$(MAKEFLAGS)))))
ifneq ($(strip $(REFUSED)),)
$(error Found the option -$(firstword $(REFUSED)) of make, which hides errors or changes what is done: \
  start make without it, in MAKEFLAGS too)
endif
ifneq ($(filter-out help,$(MAKECMDGOALS)),)
ifeq ($(wildcard tools/setup.sh),)
$(error Found no project in $(CURDIR): start make in the project's folder, or with make -C FOLDER)
endif
endif

export PATH := $(CURDIR)/.venv/bin:$(PATH)
STAMP := .venv/.made-from-lock
SITES := .venv/sites/.made-from-lock

## STUDY=smoke                        the study of review, verify, archive and publish (default: study)
STUDY ?= study
## TORCH=cpu or TORCH=cuda            the build of torch that setup installs (default: cuda with nvidia-smi, else cpu)
## PYTHON=/path/to/python             the Python for .venv, 3.11 or newer (default: the first one found on PATH)
## OPTIONS=--dry-run                  more options for publish
## DEVICE=cuda                        the device that bench measures updates on (default: cpu)
DEVICE ?= cpu
## SLURM_TESTS="slurm and not slow"   the tests that test-slurm runs, by pytest's markers (default: slurm)
SLURM_TESTS ?= slurm

.PHONY: help setup reproduce smoke test test-slurm test-kills test-gpu bench verify why check docs document review archive publish lock
.PHONY: always

help:                           ## list the targets and variables
                                ## installs nothing
	@awk '/^[a-z-]+:.*## / { sub(/:.*## /, "\t"); split($$0, part, "\t"); printf "  %-12s %s\n", part[1], part[2] } \
	  /^ +## / { sub(/^ +## /, ""); printf "  %-12s   (%s)\n", "", $$0 } \
	  /^## / { variables = variables "\n  " substr($$0, 4) } \
	  BEGIN { print "usage: make TARGET [VARIABLE=value]\n"; \
	    print "Targets (all but help run setup first if the environment is missing or out of date)" } \
	  END { print "\nVariables" variables }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)                 ## install the environment into .venv from the lock files, checked by hash
                                ## under ten minutes, 2.5 GB, network; several GB more with torch's CUDA build

# If TORCH names a build or PYTHON an interpreter, setup runs each time, to check which one is installed.
$(STAMP): $(wildcard requirements*.lock) tools/setup.sh tools/torch.sh $(if $(TORCH)$(PYTHON),always)
	bash tools/setup.sh

reproduce: setup                ## run the default study: every figure, every table, the report
                                ## README's table of times says how long; network for the data, the first time
	@set -o pipefail; snakemake reproduce all 2>&1 | python -m pipeline progress --study study
	@python -m pipeline found --study study

smoke: setup                    ## run the whole workflow on a very small study, whose numbers mean nothing
                                ## under ten minutes on two cores; network for the data, the first time
	@set -o pipefail; snakemake reproduce all --config study=smoke 2>&1 | python -m pipeline progress --study smoke
	@python -m pipeline found --study smoke

$(SITES): $(STAMP)
	rm -rf $(@D)
	uv pip install --quiet --python .venv/bin/python --target $(@D) --require-hashes --requirement requirements-sites.lock
	touch $@

test: setup $(SITES)            ## run all tests, with the smoke study in a copy of the tree
                                ## under twenty minutes on two cores; network for the data, the first time
	python -m pytest

test-slurm: setup               ## run the workflow through a SLURM cluster on this machine
                                ## under half an hour, most of it waiting; needs root, slurm-wlm and munge, else skips
	python -m pytest -n 0 -m "$(SLURM_TESTS)" tests/slurm

test-kills: setup               ## run the smoke study and kill it ten times at random moments
                                ## under half an hour on two cores
	python -m pytest -n 0 -m slow tests/workflow/test_kills.py

test-gpu: setup                 ## run the tests of updates, and the smoke study, on a GPU
                                ## without a GPU that torch can use, all are skipped
	python -m pytest -n 0 -m gpu tests/gpu

bench: setup                    ## measure the engine's speed as ratios and write them to benchmarks/
                                ## under ten minutes on two cores that do nothing else; DEVICE=cuda measures the updates on a GPU
	python -m benchmarks --device $(DEVICE)

verify: setup                   ## compare the numbers and verdicts of STUDY with the reference values
                                ## needs the results of STUDY
	python -m pipeline verify --study $(STUDY)

why: setup                      ## say why each job of the last run ran
                                ## reads Snakemake's log
	python -m pipeline why

check: setup                    ## check format, lint, types, imports and generated files
                                ## changes nothing
	bash tools/check.sh

docs: setup                     ## build the documentation as a site in dist/site and print its address
                                ## under a minute; needs no network
	python -m docs.generator

document: setup                 ## fill in the generated parts of README, write fingerprints.yaml
                                ## needs the results of the default study
	python -m pipeline document

review: setup                   ## write the review of STUDY as one page and print its address
                                ## needs the results of STUDY
	python -m pipeline review --study $(STUDY)

archive: setup                  ## pack code, settings and results of STUDY into one file in dist/
                                ## needs the results of STUDY
	python -m pipeline archive --study $(STUDY)

publish: setup                  ## send the W&B runs of STUDY, read them back and build its review there
                                ## network and a W&B key; OPTIONS=--dry-run needs neither and sends nothing
	python -m pipeline publish --study $(STUDY) $(OPTIONS)

UNIVERSAL := --universal --python-version 3.11 --generate-hashes --no-header --quiet
COMPILE := uv pip compile pyproject.toml --no-emit-package torch $(UNIVERSAL)

lock: setup                     ## renew the lock files, except that of PyTorch's CPU builds
                                ## network; installs nothing
	$(COMPILE) --extra test --extra check --output-file requirements.lock
	$(COMPILE) --extra s3 --extra ssh --extra slurm --extra publish --extra browser --extra servers --extra parallel \
	  --extra docs --constraint requirements.lock --output-file requirements-tools.lock
	uv pip compile --group sites $(UNIVERSAL) --constraint requirements.lock --constraint requirements-tools.lock \
	  --output-file requirements-sites.lock
	grep --only-matching 'torch==[^"]*' pyproject.toml | uv pip compile - --no-config $(UNIVERSAL) \
	  --constraint requirements.lock --output-file requirements-torch.lock
