# `make help` tells what there is. Everything runs in .venv, which `make setup` keeps up to date.

SHELL := /bin/bash
PY := .venv/bin/python
DEMO ?= 1
# Tests to run: make test TESTS=tests/config
TESTS ?= tests
BENCH_JSON ?= build/bench.json
ASAN_TESTS ?= tests/media/plane tests/fuzz
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 3600

# Tests start many processes: without what is kept compiled, each would compile our modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench fuzz soak asan
.PHONY: pytest-first pytest-second pytest-third

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## make .venv, install dependencies, compile the packet plane; nothing when nothing changed
	@.ci/setup

run: setup ## server and demonstration under ./var, on https://localhost:8443; DEMO=0 starts empty
	@exec $(PY) -m huishang run $(if $(filter 0,$(DEMO)),--no-demo)

test: setup ## all tests, the plane's under AddressSanitizer; installs Debian packages when root
	@.ci/install-packages
ifeq ($(TESTS),tests)
	@$(MAKE) --no-print-directory -j3 pytest-first pytest-second pytest-third
else
	$(PY) -m pytest -q $(TESTS)
endif

# Three at a time on two processors, because much of their time is waiting: for processes that start, for consent that
# runs out. Each takes a third of the time, and is shown when it is over: one report in another could not be read.
FIRST := tests/console tests/recorder
SECOND := tests/peers tests/dispatch tests/huishang_demo
IN_TURN = @mkdir -p build; echo 'tests: $@ ...'; ( $(1) ) >build/$@.log 2>&1; status=$$?; cat build/$@.log; exit $$status

pytest-first:
	$(call IN_TURN,$(PY) -m pytest -q $(FIRST))

# What AddressSanitizer runs, it alone runs: it sees all that is seen without it. But for memory, of which it keeps much
# back on purpose: tests/media/plane/test_objects.py runs with the others too.
pytest-second:
	$(call IN_TURN,$(PY) -m pytest -q $(SECOND) && $(ASAN))

pytest-third:
	$(call IN_TURN,$(PY) -m pytest -q tests $(patsubst %,--ignore=%,$(FIRST) $(SECOND) tests/fuzz) \
	    --ignore-glob='tests/media/plane/test_[!o]*.py')

check: setup ## lint, format, types, import walls, module size
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m pytest -q tests/house

bench: setup ## every benchmark with its limits; figures as JSON in build/bench.json
	@.ci/install-packages
	@mkdir -p $(dir $(BENCH_JSON))
	$(PY) -m benchmarks --json $(BENCH_JSON)

fuzz: setup ## hostile input at length: FUZZ_SECONDS for every fuzzer, FUZZ_SEED repeats one
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(PY) -m pytest -q -s --timeout 0 tests/fuzz

soak: setup ## joining, leaving, crashing, links that change, SOAK_SECONDS (an hour) each; kills; build/soak.json
	@.ci/install-packages
	SOAK_SECONDS=$(SOAK_SECONDS) $(PY) -m pytest -q -s -m soak --timeout 0 $(TESTS)

# The copy under build/asan/lib has its own libraries; running from there keeps the tree's from being imported.
# Python's own allocator and the libraries that never free at exit would drown the report, hence the two settings.
ASAN = HUISHANG_ASAN=1 $(PY) setup.py --quiet build && \
    rm -rf build/asan/lib/tests && cp -r tests pyproject.toml build/asan/lib/ && \
    cd build/asan/lib && LD_PRELOAD=$$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 PYTHONPATH=$(CURDIR)/build/asan/lib \
    $(CURDIR)/$(PY) -m pytest -q -m "not soak" --timeout 600 $(ASAN_TESTS)

asan: setup ## the packet plane's tests and all fuzzers under AddressSanitizer
	$(ASAN)
