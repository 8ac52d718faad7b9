# The one door. Everything runs in .venv, which the first verb that needs it creates.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
READY := .venv/.ready
PACKAGES := .venv/.packages
LINT := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
LINTED := .venv/.linted
TEXTS := $(wildcard src/fieldstation/hub/locale/*/LC_MESSAGES/*.po)
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint format texts bench proof instrument docs clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt hatch_build.py catalogues.py frontend/package-lock.json $(TEXTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fieldstation needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "the venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(PACKAGES): $(READY) tests/packages.txt frontend/package-lock.json
	@tests/install_packages.sh
	@cd frontend && PATH=$(CURDIR)/$(BIN):$$PATH npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(READY)  ## twins of every instrument, a station and a hub on this machine, with live pages
	@tests/install_packages.sh mosquitto
	@exec $(BIN)/fieldstation demo

test: $(PACKAGES)  ## install what the tests need and run them all, and lint in what they leave of the processors
	@nice sh -xc '$(LINT)' >$(LINTED) 2>&1 & linting=$$!; \
		$(PYTEST); tested=$$?; \
		wait $$linting; linted=$$?; cat $(LINTED); exit $$((tested | linted))

quick: $(READY)  ## lint and the tests that need no system package, in two minutes on two cores
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check . && $(BIN)/lint-imports --no-logo >/dev/null
	$(PYTEST) -q -m 'not slow'

lint: $(READY)  ## style, types and the layers of the rooms
	$(LINT)

format: $(READY)  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

texts: $(READY)  ## renew the catalogues of the hub's texts and say what lacks a translation
	$(BIN)/python catalogues.py

bench: $(READY)  ## measure the figures of docs/reference/figures.md and write them as JSON
	$(BIN)/python -m benchmarks

proof: $(PACKAGES)  ## put the promises to the test in 45 minutes: power cuts, kills, failing disks, 30 days away
	$(BIN)/python -m proof

instrument: $(READY)  ## run the conformance tests of one instrument: make instrument NAME=axpert
	@test -n "$(NAME)" || { echo "name one: make instrument NAME=axpert"; exit 2; }
	$(BIN)/python -m pytest -q tests/instruments/test_conformance.py -k "$(NAME)"
	$(BIN)/python -m pytest -q src/fieldstation/instruments/$(NAME)

docs: $(READY)  ## write the generated reference pages anew
	$(BIN)/python -m fieldstation.cli.reference docs

clean:  ## remove the environment and all that the verbs wrote
	rm -rf .venv var build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf src/fieldstation/hub/static/vendor
