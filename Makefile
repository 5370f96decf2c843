# `make demo` and `make test` need Python 3.11, make and git; everything else comes from the lock.
PYTHON ?= python3.11
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
# `make setup TORCH=cpu`: the lock's torch as PyTorch builds it without CUDA, and none of CUDA's libraries.
TORCH ?= default
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
CUDA_BUILD := ^(torch|torchvision|triton|nvidia-[^=]*|cuda-[^=]*)==
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS)
# They measure nothing: they write the tables of docs/ from what the others measured.
PAGES := bench/estimate.py bench/performance.py
export PATH := $(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := true
export NO_MKDOCS_2_WARNING := 1

# Two workers share the cores; a second thread of each would mostly wait. Stages set their own number of threads.
test test-slow test-pipeline: export OMP_NUM_THREADS := 1

.PHONY: help setup demo test test-slow test-pipeline test-slurm test-mlflow crate-validator docs lint types check bench lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11, or say 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	sed -n -E 's/^((torch|torchvision)==[^+]*)$$/\1+cpu/p' requirements.lock > $(VENV)/torch.lock
	grep -v -E '$(CUDA_BUILD)' requirements.lock > $(VENV)/rest.lock
	$(PIP) --no-deps --index-url $(TORCH_INDEX) -r $(VENV)/torch.lock
	$(PIP) -r $(VENV)/rest.lock
else
	$(PIP) -r requirements.lock
endif
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

setup: $(VENV)/.ready  ## .venv from the lock

demo: setup  ## the built-in benchmark from nothing to a results table
	gsf demo

test: setup  ## the tests, without those of the two engines
	pytest -n 2 --dist loadfile

test-slow: setup  ## what `make test` leaves out: campaigns of damage and kills, every network exported; long
	pytest -n 2 --dist loadfile -m 'slow and not slurm' tests
	pytest -m 'slow and slurm' tests/slurm

test-slurm: setup  ## the graph on a Slurm of one node, as root; skips loudly without the packages
	pytest -m 'slurm and not slow' tests/slurm

test-mlflow: setup  ## MLflow on a PostgreSQL, behind its server and in a browser; skips loudly without the packages
	pytest -m mlflow tests/servers

# In the order of their names, so that the file that takes longest (the pages of the documentation) is among the first.
test-pipeline: setup  ## both engines for real, in clones
	pytest -n 2 --dist loadfile --no-loadscope-reorder -m pipeline tests

crate-validator: .work/crate-validator/.ready  ## the published validator of RO-Crates, in an environment of its own, for the tests

.work/crate-validator/.ready: tests/exchange/validator/requirements.lock
	$(PYTHON) -m venv --clear .work/crate-validator
	.work/crate-validator/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -r $<
	touch $@

docs: setup  ## the documentation as pages, in .work/docs
	mkdocs build --strict --quiet

lint: setup  ## ruff, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

types: setup  ## mypy --strict
	mypy

check: test lint types docs test-pipeline test-slurm test-mlflow  ## all that CI runs

bench: setup  ## every speed measurement that this machine can do
	for script in $(filter-out $(PAGES), $(wildcard bench/*.py)); do python $$script || exit 1; done
	for script in $(PAGES); do python $$script || exit 1; done

lock: setup  ## renew requirements.lock from what is installed
	$(BIN)/python -m pip freeze --all --exclude pip --exclude-editable > requirements.lock

clean:  ## remove what the demo computed, keep the environment
	rm -rf data runs .work .snakemake
