# `make setup` needs Python ≥ 3.11 with pip and venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?=
WORKERS ?= logical

.PHONY: setup up test check format bench soak lock openapi dev

setup:
	@$(PYTHON) scripts/setup.py

up: setup
	@exec $(BIN)/holdfast serve

dev:
	@$(PYTHON) scripts/setup.py --dev

test: dev
	@scripts/system-packages
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal $(TESTS)

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -q tests/checks

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev
	$(BIN)/python -m bench.run $(BENCH)

soak: dev
	@scripts/system-packages
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 tests/soak $(TESTS)

openapi: dev
	$(BIN)/python scripts/openapi.py

lock: dev
	$(BIN)/uv lock --default-index https://pypi.org/simple
