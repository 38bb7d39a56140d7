# Every target works in a fresh clone: the virtual environment and the extension are made when they are missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUST := $(shell find rust_ext/core rust_ext/py -name '*.rs' 2>/dev/null) rust_ext/Cargo.toml rust_ext/core/Cargo.toml rust_ext/py/Cargo.toml

.PHONY: build demo test test-slow check check-fast check-rust format golden sizes bench fuzz docs pages clean

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

check: check-fast check-rust
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt lmcodec._core

# What the commit hooks run.
check-fast: $(VENV)/.tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

check-rust:
	cargo fmt --manifest-path rust_ext/Cargo.toml --all --check
	cargo clippy --quiet --manifest-path rust_ext/Cargo.toml --workspace --all-targets -- -D warnings

# Adds the golden streams that are missing; never changes one that is there.
golden: $(VENV)/.tools
	$(BIN)/python -m tests.golden.make

# Writes the table of coded sizes anew: look at its difference before committing it.
sizes: $(VENV)/.tools
	$(BIN)/python -m tests.regression.make

# Seconds for each target, and the targets, all by default. Needs cargo-fuzz, but no nightly toolchain: the
# sanitizers are left out, since the crate has no unsafe code outside of its vector paths.
FUZZ_S ?= 60
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard rust_ext/fuzz/fuzz_targets/*.rs)))

fuzz:
	cd rust_ext/fuzz && for target in $(FUZZ_TARGETS); do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . -s none $$target -- \
			-max_total_time=$(FUZZ_S) -max_len=65536 -timeout=60 || exit 1; \
	done

# Runs every example in the pages and docstrings, and looks after every link of the main pages.
docs: $(VENV)/.tools
	$(BIN)/python -m pytest -q tests/test_surface.py tests/cli/test_readme.py tests/cli/test_pages.py
	cargo test --quiet --doc --manifest-path rust_ext/Cargo.toml

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
