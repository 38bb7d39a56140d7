# Every target works in a fresh clone: the virtual environment and the extension are made when they are missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUST := $(shell find rust_ext/core rust_ext/py -name '*.rs' 2>/dev/null) rust_ext/Cargo.toml rust_ext/core/Cargo.toml rust_ext/py/Cargo.toml

.PHONY: build demo test test-slow check format golden sizes bench fuzz docs pages clean

build: $(VENV)/.built

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "maturin>=1.12,<2" numpy
	touch $@

$(VENV)/.built: $(VENV)/.dev $(RUST)
	$(BIN)/maturin develop --release --quiet
	touch $@

$(VENV)/.tools: $(VENV)/.built
	$(BIN)/maturin develop --release --quiet --extras dev
	touch $@

demo: $(VENV)/.built
	$(BIN)/python -m lmcodec.demo

test: $(VENV)/.tools
	cargo test --quiet --manifest-path rust_ext/Cargo.toml
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.tools
	$(BIN)/python -m pytest

check: $(VENV)/.tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/stubtest --allowlist tests/stubtest-allowlist.txt lmcodec._core
	$(BIN)/lint-imports
	cargo fmt --manifest-path rust_ext/Cargo.toml --all --check
	cargo clippy --quiet --manifest-path rust_ext/Cargo.toml --workspace --all-targets -- -D warnings

# Adds the golden streams that are missing; never changes one that is there.
golden: $(VENV)/.tools
	$(BIN)/python -m tests.golden.make

# Writes the table of coded sizes anew: look at its difference before committing it.
sizes: $(VENV)/.tools
	$(BIN)/python -m tests.regression.make

# Completion files and manual pages, from the options of the commands.
pages: $(VENV)/.tools
	$(BIN)/python -m tests.cli.make

# Takes hours with every peer installed; an interrupted run goes on.
bench: $(VENV)/.built
	$(BIN)/maturin develop --release --quiet --extras bench
	$(BIN)/python -m benchmarks --resume

format: $(VENV)/.tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --manifest-path rust_ext/Cargo.toml --all

clean:
	rm -rf $(VENV) rust_ext/target
