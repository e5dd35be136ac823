# The daily verbs. `make` or `make help` lists them; everything runs inside .venv, which `make setup` makes.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
READY := .venv/.ready
BEGUN := .venv/.begun
SOURCES := services shared tests clients

# Tests wait about as much as they compute, and each worker has servers of its own: more of them than this fill no machine.
WORKERS ?= 3
EXAMPLES ?= 100
# Tests start the command hundreds of times; it should not be compiled each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup models demo run test fuzz unit check fmt bench samples lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it; needs only Python 3.11 to 3.13, quick the second time

models: setup ## fetch and convert the networks that tell speakers apart into models/; setup has tried it before
	@$(BIN)/python -m services.transcriber.conversion

demo: setup ## the whole platform on real speech: transcript, artifacts in out/demo/, verified webhook, a report
	@$(BIN)/audio2txt demo

run: setup ## keep the platform running in one process on port 8000 (data in ./var)
	@exec $(BIN)/audio2txt run all

test: setup ## every test, on the real RabbitMQ, PostgreSQL and S3 that it starts itself; WORKERS=1 for one after the other
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

fuzz: setup ## the API against its own description, at length: EXAMPLES requests made up for each route
	@AUDIO2TXT_SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/integration/test_gateway_described.py

unit: setup ## the fast tests: no servers, no processes
	@$(BIN)/python -m pytest tests/unit

check: setup ## format, lint, types and import rules
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/python clients/python/generate_sync.py --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fmt: setup ## put the code into shape, and make the client's blocking face anew
	@$(BIN)/python clients/python/generate_sync.py
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: setup ## figures beside what they are compared to, measured in one run
	@$(BIN)/python -m tests.bench

samples: setup ## docs/samples and docs/problems.md anew, from the scenarios and the problem codes
	@$(BIN)/python -m tests.samples
	@$(BIN)/python -m tests.problem_table

lock: setup ## resolve requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
		--all-extras --no-header pyproject.toml --output-file requirements.lock
	@set -e; lock() { name=$$1; shift; \
			$(BIN)/uv pip compile --quiet --python-version 3.12 --python-platform linux --generate-hashes --no-emit-index-url \
			--no-header --no-annotate --constraint requirements.lock "$$@" pyproject.toml \
			--output-file deploy/requirements/$$name.lock; }; \
		lock common; lock gateway --extra gateway --extra client; lock transcriber --extra transcriber --extra local; \
		lock reporter --extra reporter; lock notifier --extra notifier

clean: ## remove what was made: .venv, caches, out/ (data in var/ stays)
	@rm -rf .venv out .pytest_cache .mypy_cache .ruff_cache *.egg-info clients/python/*.egg-info

$(READY): requirements.lock pyproject.toml clients/python/pyproject.toml
	@test -n "$(PYTHON)" || { echo "Audio2txt needs Python 3.11, 3.12 or 3.13 (PYTHON=/path/to/python3 make setup)." >&2; exit 1; }
	@test ! -f $(BEGUN) || rm -rf .venv  # what a set-up left that was broken off
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python's venv module is incomplete; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $(BEGUN)
	@echo "Installing what requirements.lock names into .venv (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable clients/python --editable .
	@echo "Fetching what tells speakers apart into models/ (81 MB; everything works without it, too)"
	@$(BIN)/python -m services.transcriber.conversion || echo "Later: make models" >&2
	@rm -f $(BEGUN)
	@touch $(READY)
