# `make` alone says what there is. Every target does the set-up it needs, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
STUDY ?= core
BIN := .venv/bin
ABLATE := $(BIN)/ablate
CHOSEN = $(if $(STEPS),--steps $(STEPS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DATA),--data $(DATA))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: help setup ablations report ui test test-services campaign check bench clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24
	@echo "  STUDY=$(STUDY) STEPS= SEEDS= DATA= may follow ablations, report and ui"

setup: .venv/ready ## install everything into .venv

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; received $$($(PYTHON) -V). Set PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (torch and MLflow are large; this happens once)"
	@# a torch that is installed already, of whatever build, is kept if it is in pyproject's range
	@if $(BIN)/python -m pip show --quiet torch 2>/dev/null; then sed '/^torch==/d' constraints.txt; \
	  else cat constraints.txt; fi > .venv/constraints.txt
	@$(PIP) --constraint .venv/constraints.txt --editable '.[dev]'
	@touch $@

.venv/services: .venv/ready
	@$(PIP) --constraint .venv/constraints.txt --editable '.[dev,services,ray]'
	@touch $@

ablations: .venv/ready ## train what is missing of STUDY (default: core), then write its report
	@$(ABLATE) run $(STUDY) $(CHOSEN) --report

report: .venv/ready ## remake STUDY's report from the store, without training
	@$(ABLATE) report $(STUDY) $(CHOSEN)

ui: .venv/ready ## open STUDY's runs in the MLflow UI
	@$(ABLATE) ui $(STUDY)

test: .venv/ready ## quick tests
	@$(BIN)/pytest --numprocesses 2

test-services: .venv/services ## slow tests: kills, servers, browser, PostgreSQL, Ray
	@$(BIN)/pytest -m service

campaign: .venv/ready ## hundreds of kills at random moments
	@$(BIN)/python -m tests.campaign

check: .venv/ready ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: .venv/ready ## how fast this machine trains, against the lecture's loop and the floor
	@$(ABLATE) bench

clean: ## remove caches and the environment; runs, checkpoints, data and reports stay
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
