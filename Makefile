# Everything runs in .venv, which uv makes from uv.lock. ARGS is handed on: make test ARGS="tests/services -x"
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev services demo test test-long faults lint bench bench-calibration
MAKEFLAGS += --no-print-directory

UV := ./scripts/uv.sh
BIN := .venv/bin
EXTRAS := --extra onnx --extra demo
DEV_EXTRAS := $(EXTRAS) --extra confluent --extra torch --extra ray

help: ## list what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install Driftglass with what the demo needs
	@$(UV) sync --frozen --no-dev --inexact --compile-bytecode $(EXTRAS)

setup-dev: ## the same, with the tools of the developers
	@$(UV) sync --frozen --group dev --inexact --compile-bytecode $(DEV_EXTRAS)

services: ## install Kafka, PostgreSQL, Chromium and the peers for the tests
	@./scripts/services.sh

demo: setup ## run the demo on the flights of 2013
	@$(BIN)/driftglass demo $(ARGS)

test: setup-dev services ## run the tests
	@./scripts/test.sh $(ARGS)

test-long: setup-dev services ## run those that take long, of which `make test` has shorter forms
	@./scripts/test.sh -m long $(ARGS)

faults: setup-dev services ## kill and cut everything for many minutes, and count every record
	@$(BIN)/python -m testing.faults $(ARGS)

lint: setup-dev ## check style, types and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy testing tests/conftest.py
	@$(BIN)/lint-imports

bench: setup-dev ## run the benchmarks beside their peers
	@$(BIN)/python -m bench $(ARGS)

bench-calibration: setup-dev ## count false alarms where nothing moves, and see how soon shifts are seen
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.calibration $(ARGS)
