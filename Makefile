# `make` alone lists the targets. Every target does the set-up it needs, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
STUDY ?= core
BIN := .venv/bin
ABLATE := $(BIN)/ablate
CHOSEN = $(if $(STEPS),--steps $(STEPS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DATA),--data $(DATA))
PIP := $(BIN)/python -m pip --disable-pip-version-check install

.PHONY: help setup ablations report ui test coverage test-services same-bits simulation campaign check bench pictures clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  STUDY=$(STUDY) STEPS= SEEDS= DATA= may follow ablations, report and ui"

setup: .venv/ready ## install everything into .venv

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; received $$($(PYTHON) -V). Set PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing torch, MLflow and what they need into .venv, once. With a CPU build of torch this"
	@echo "downloads 0.5 GB, takes 2.1 GB of disk, and 2 to 10 minutes. The CUDA build, which pip takes on"
	@echo "most Linux machines, adds 3 GB of downloads; docs/installing.md says how to choose."
	@# keep an installed torch of any build, if its version is in pyproject's range
	@if $(BIN)/python -m pip show --quiet torch 2>/dev/null; then sed '/^torch==/d' constraints.txt; \
	  else cat constraints.txt; fi > .venv/constraints.txt
	@$(PIP) --constraint .venv/constraints.txt --editable '.[dev]'
	@touch $@

.venv/services: .venv/ready
	@$(PIP) --constraint .venv/constraints.txt --editable '.[dev,services,ray]'
	@touch $@

ablations: .venv/ready ## train the missing runs of STUDY (default: core), then write its report
	@$(ABLATE) run $(STUDY) $(CHOSEN) --report

report: .venv/ready ## remake STUDY's report from the store, without training
	@$(ABLATE) report $(STUDY) $(CHOSEN)

ui: .venv/ready ## start the MLflow UI, and print where STUDY's runs are
	@$(ABLATE) ui $(STUDY) $(CHOSEN)

test: .venv/ready ## quick tests
	@$(BIN)/pytest --numprocesses 2 --dist worksteal

coverage: .venv/ready ## the lines run by all quick tests but those of the report's drawings
	@$(BIN)/pytest --numprocesses 2 --ignore tests/report --cov

test-services: .venv/services ## slow tests: kills, servers, browser, PostgreSQL, Ray
	@$(BIN)/pytest -m service --numprocesses 2 --dist loadfile

same-bits: .venv/ready ## the same bits on this processor and on those that it emulates
	@$(BIN)/pytest -m service tests/test_same_bits.py

simulation: .venv/ready ## how often verdicts are wrong where the truth is known
	@$(BIN)/python -m tests.simulation

campaign: .venv/ready ## hundreds of kills at random moments
	@$(BIN)/python -m tests.campaign

check: .venv/ready ## style (ruff) and types (mypy)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: .venv/ready ## how fast this machine trains, against the lecture's loop and the physical limit
	@$(BIN)/python -m benchmarks

pictures: .venv/services ## the pictures of README and docs, made anew
	@$(BIN)/python -m docs.pictures
	@$(ABLATE) run core
	@$(BIN)/python -m tests.support.screenshots

clean: ## remove caches and the environment; runs, checkpoints, data and reports stay
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
