# `make demo` and `make test` need Python 3.11, make and git; everything else comes from the lock.
PYTHON ?= python3.11
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
export PATH := $(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := true

.PHONY: help setup demo test test-pipeline lint types check bench lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11, or say 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

setup: $(VENV)/.ready  ## .venv from the lock

demo: setup  ## the built-in benchmark from nothing to a results table
	gsf demo

test: setup  ## the tests, without those of the two engines
	pytest -n 2 --dist loadfile

test-pipeline: setup  ## both engines for real, in clones
	pytest -m pipeline tests/pipeline

lint: setup  ## ruff, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

types: setup  ## mypy --strict
	mypy

check: test lint types test-pipeline  ## all that CI runs

bench: setup  ## every speed measurement that this machine can do
	for script in bench/[a-z]*.py; do case $$script in bench/record.py|bench/turns.py) ;; *) python $$script || exit 1 ;; esac; done

lock: setup  ## renew requirements.lock from what is installed
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock

clean:  ## remove what the demo computed, keep the environment
	rm -rf data runs .work .snakemake
