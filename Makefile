# ferraio: everything one does with this repository. `make` alone lists it.
#
# Needs Rust and a CPython >= 3.11; the rest is set up here. PYTHON chooses the interpreter: a version (PYTHON=3.12), a
# path, or the newest one found. Each version has an environment .venv-3.X with the package as it stands in python/ and
# the extension built for development, another, .venv-3.X-release, with the optimised wheel, .venv-3.X-downstream with
# other people's programs, and .venv-3.X-checked with those that `ferraio check` is tried on. Cargo builds each version's
# extension in a folder of its own, target/py3.X, so that going from one to the other rebuilds nothing; a new one begins as
# a copy of what another has, since most of what is in it knows no Python.

PYTHON ?= newest
ARGS ?=

ifneq ($(filter-out help clean wheels,$(or $(MAKECMDGOALS),help)),)
  found := $(shell scripts/find-pythons.sh $(PYTHON))
  ifeq ($(found),)
    $(error no Python to work with)
  endif
  version := $(firstword $(found))
  python := $(lastword $(found))
endif

venv := $(CURDIR)/.venv-$(version)
release := $(CURDIR)/.venv-$(version)-release
downstream := $(CURDIR)/.venv-$(version)-downstream
checked := $(CURDIR)/.venv-$(version)-checked
in_venv = VIRTUAL_ENV=$(venv) CARGO_TARGET_DIR=$(CURDIR)/target/py$(version) $(venv)/bin/
wheel_pattern := dist/ferraio-*-cp$(subst .,,$(version))-cp$(subst .,,$(version))-*.whl

rust_files := Cargo.toml $(wildcard Cargo.lock) $(shell find crates docs/rules -type f)
python_files := pyproject.toml $(wildcard README.md LICENSE-*) \
    $(shell find python -type f -not -name '*.so' -not -name '*.pyc')

.PHONY: help
help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo "  with PYTHON=3.X for a certain version, ARGS='…' for demo, bench and pytest"

# --- using it

.PHONY: demo
demo: $(release)/.installed ## a real agent program on asyncio and on ferraio, with a model server that comes along
	$(release)/bin/ferraio demo $(ARGS)

.PHONY: bench
bench: $(release)/.installed $(release)/.bench-tools ## asyncio, uvloop, rloop, aiofastnet and ferraio, side by side
	$(release)/bin/python -m benches $(ARGS)

.PHONY: bench-checkers
bench-checkers: $(release)/.installed $(release)/.checkers ## ferraio check, ruff, mypy and others on the same mistakes
	$(release)/bin/python -m benches.checkers

.PHONY: bench-diagnosers
bench-diagnosers: $(release)/.installed $(release)/.diagnosers ## what ferraio, asyncio's debug mode and others report
	$(release)/bin/python -m benches.diagnosers $(ARGS)

.PHONY: check-packages
check-packages: $(checked)/.packages $(release)/.installed ## ferraio check on well-known packages: what it says there
	$(release)/bin/python -m benches.checkers.packages $(checked)

.PHONY: bench-diagnose
bench-diagnose: $(release)/.installed ## what it costs to be diagnosed, and how soon deadlocks and blocked loops are told
	$(release)/bin/python -m benches.diagnosis $(ARGS)
	$(release)/bin/python -m benches.blocking

.PHONY: wheels
wheels: ## an optimised wheel for each Python found, in dist/
	@set -e; for version in $$(scripts/find-pythons.sh | cut -d' ' -f1); do $(MAKE) --no-print-directory wheel PYTHON=$$version; done

.PHONY: wheel
wheel: dist/.built-$(version) ## an optimised wheel for one Python
	@ls $(wheel_pattern)

# --- working on it

.PHONY: develop
develop: $(venv)/.developed ## build the extension for development, into .venv-3.X
	@echo "ready: $(venv)/bin/python"

.PHONY: test
test: test-core test-loom test-python ## all tests on one Python

.PHONY: test-core
test-core: | target/py$(version) ## the tests of the crates that know no Python
	PYO3_PYTHON=$(python) CARGO_TARGET_DIR=$(CURDIR)/target/py$(version) cargo test -p ferraio-core -p ferraio-report -p ferraio-check

.PHONY: test-loom
test-loom: ## the inbox under every order of events that two threads can have
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(CURDIR)/target/loom cargo test -p ferraio-core --release --test loom_inbox

.PHONY: test-python
test-python: $(venv)/.developed ## the tests in tests/, CPython's own among them
	$(venv)/bin/python -m pytest $(ARGS)

.PHONY: test-quick
test-quick: $(venv)/.developed ## the tests in tests/ but the slow ones
	$(venv)/bin/python -m pytest --quick $(ARGS)

.PHONY: test-debug
test-debug: $(venv)/.developed ## the quick tests with a checking allocator and in Python's development mode
	PYTHONMALLOC=debug $(venv)/bin/python -X dev -m pytest --quick $(ARGS)

.PHONY: test-downstream
test-downstream: $(downstream)/.developed ## real programs (SDKs, web servers, databases) on ferraio, in .venv-3.X-downstream
	$(downstream)/bin/python -m pytest -p no:asyncio -p no:anyio tests/downstream $(ARGS)

.PHONY: lint
lint: $(venv)/.developed $(venv)/.check-tools ## formatting, clippy, ruff, and the stubs against the extension
	cargo fmt --check
	PYO3_PYTHON=$(venv)/bin/python cargo clippy --workspace --all-targets -- -D warnings
	$(venv)/bin/ruff check
	$(venv)/bin/ruff format --check
	$(venv)/bin/python -m mypy.stubtest --allowlist scripts/stubtest-allowlist.txt ferraio._ferraio ferraio._primitives

.PHONY: check
check: lint test ## what a change has to pass

.PHONY: format
format: $(venv)/.check-tools ## format the Rust and the Python code
	cargo fmt
	$(venv)/bin/ruff check --fix
	$(venv)/bin/ruff format

.PHONY: clean
clean: ## remove everything that was built
	rm -rf target dist .venv-3.* python/ferraio/_ferraio.*.so
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how the environments come to be

$(venv)/.tools: pyproject.toml
	$(python) -m venv $(venv)
	$(venv)/bin/python -m pip install --quiet --upgrade pip
	$(venv)/bin/python -m pip install --quiet --no-compile --group build --group test
	touch $@

$(venv)/.check-tools: $(venv)/.tools
	$(venv)/bin/python -m pip install --quiet --group check
	touch $@

# Cargo notes what it has built after it was built, so its notes are copied first. Its dates are part of them.
target/py$(version):
	@mkdir -p $@/debug
	@other=$$(ls -dt target/py3.*/debug/.fingerprint 2>/dev/null | head -1); \
	for part in .fingerprint build deps; do \
	    test -z "$$other" || cp -Rp "$$(dirname "$$other")/$$part" $@/debug/; \
	done

$(venv)/.developed: $(venv)/.tools $(rust_files) | target/py$(version)
	$(in_venv)maturin develop --quiet
	touch $@

dist/.built-$(version): $(venv)/.tools $(rust_files) $(python_files)
	rm -f $(wheel_pattern)
	$(in_venv)maturin build --quiet --release --interpreter $(venv)/bin/python --out dist
	touch $@

$(release)/.installed: dist/.built-$(version)
	test -x $(release)/bin/python || $(python) -m venv $(release)
	$(release)/bin/python -m pip install --quiet --upgrade pip
	wheel=$$(ls $(wheel_pattern)) && $(release)/bin/python -m pip install --quiet "$$wheel[demo]" && \
	    $(release)/bin/python -m pip install --quiet --force-reinstall --no-deps "$$wheel"
	touch $@

$(downstream)/.tools: pyproject.toml
	$(python) -m venv $(downstream)
	$(downstream)/bin/python -m pip install --quiet --upgrade pip
	$(downstream)/bin/python -m pip install --quiet --no-compile --group downstream
	touch $@

$(downstream)/.developed: $(downstream)/.tools $(venv)/.tools $(rust_files) | target/py$(version)
	VIRTUAL_ENV=$(downstream) CARGO_TARGET_DIR=$(CURDIR)/target/py$(version) $(venv)/bin/maturin develop --quiet
	touch $@

$(release)/.checkers: $(release)/.installed
	$(release)/bin/python -m pip install --quiet --group checkers
	touch $@

$(release)/.diagnosers: $(release)/.installed
	$(release)/bin/python -m pip install --quiet --group diagnosers
	touch $@

$(checked)/.packages: pyproject.toml
	$(python) -m venv $(checked)
	$(checked)/bin/python -m pip install --quiet --group checked-packages
	touch $@

$(release)/.bench-tools: $(release)/.installed
	$(release)/bin/python -m pip install --quiet --group bench
	touch $@
