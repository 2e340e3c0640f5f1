# `make setup` needs Python ≥ 3.11 with pip and venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?=
WORKERS ?= logical

.PHONY: setup up test check format-check lint types rules format bench bench-search recall soak lock openapi dev

setup:
	@$(PYTHON) scripts/setup.py

up: setup
	@exec $(BIN)/holdfast serve

dev:
	@$(PYTHON) scripts/setup.py --dev

test: dev
	@scripts/system-packages
	@$(BIN)/python scripts/beside.py
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal $(TESTS)

check: format-check lint types rules

format-check: dev
	$(BIN)/ruff format --check --quiet .

lint: dev
	$(BIN)/ruff check .

types: dev
	$(BIN)/pyright

rules: dev
	$(BIN)/python -m pytest -q tests/checks

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev
	$(BIN)/python -W ignore:XDG_RUNTIME_DIR -m bench.run $(BENCH)

bench-search: dev
	$(BIN)/python -W ignore:XDG_RUNTIME_DIR -m bench.searching $(SEARCH)

recall: dev
	$(BIN)/python -W ignore:XDG_RUNTIME_DIR -m bench.recall $(RECALL)

soak: dev
	@scripts/system-packages
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 tests/soak $(TESTS)

openapi: dev
	$(BIN)/python scripts/openapi.py

lock: dev
	$(BIN)/uv lock --default-index https://pypi.org/simple

include deploy/Makefile.letta
