# Every target sets up what it needs. The work is in tools/*.py; `make` alone lists the targets.
PARLEY := tools/python -m

.DEFAULT_GOAL := help
.PHONY: help run setup test check lint browser models torch attacks plane servers bench bench-scripted bench-voice bench-store bench-accounts bench-browser bench-plane bench-pipeline bench-rag bench-money bench-readers verify-weights audit-verify crawl deploy modal-matrix lock clean

help: ## list the targets
	@echo "Parley: talk, by voice, with a character."
	@grep -E '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s  %s\n", $$1, $$2 }'

run: ## set up on the first start, then serve on http://127.0.0.1:7210 (PORT= MODELS=small RUNTIME=local)
	@$(PARLEY) tools.run

setup: ## everything `make run` does before it serves
	@$(PARLEY) tools.run --only-setup

test: ## the default tests: minutes, no models, no browser
	@$(PARLEY) tools.suites test

check: ## lint, types, import contracts and the default tests
	@$(PARLEY) tools.suites lint test

lint: ## ruff, mypy and the import contracts
	@$(PARLEY) tools.suites lint

browser: ## a real Chromium speaks to a character
	@$(PARLEY) tools.suites browser

models: ## the real (small) models: what one speaks, another hears; then the torch suite
	@$(PARLEY) tools.suites models

torch: ## the code of the GPU engines on the CPU, in an environment of its own (.venv-torch)
	@$(PARLEY) tools.suites torch

attacks: ## every route by every kind of visitor, with every hostile text; who may what, and which headers
	@$(PARLEY) tools.suites attacks

plane: ## the functions on the local Modal: real containers, the unmodified client, one conformance suite
	@$(PARLEY) tools.suites plane

servers: ## the stores on PostgreSQL, MariaDB and Redis
	@$(PARLEY) tools.suites servers

bench: ## all benches: overhead with scripted engines, latency of real ones, cost of the stores and of signing in, hands-free in Chromium
	@$(PARLEY) tools.suites bench

bench-scripted bench-voice bench-store bench-accounts bench-browser bench-plane bench-pipeline bench-rag bench-money bench-readers: ## one of them (ARGS=... goes to it, here and in the suites)
	@$(PARLEY) tools.suites $@

verify-weights: ## read every model file again and compare its sha256
	@$(PARLEY) tools.get_weights --verify

audit-verify: ## is the audit log whole? names the first broken row (CORE_URL= DATA_DIR= AUDIT_KEY= ARGS="--expect SEQ:MAC")
	@$(PARLEY) tools.audit_verify

crawl: ## visit the sources that are due and index what they say (ARGS="--add https://... --character socrates", ARGS=--verify)
	@$(PARLEY) tools.crawl

deploy: ## put the functions, the web application and the schedule on Modal (ARGS=--check looks without an account)
	@$(PARLEY) tools.deploy

modal-matrix: ## the local plane against the last releases of modal, slowly (ARGS=1.5.5: that one only)
	@$(PARLEY) tools.modal_matrix

lock: ## resolve the pinned packages anew into requirements/*.txt
	@$(PARLEY) tools.lock

clean: ## remove the environment and caches, keep chats and weights
	@rm -rf .venv .venv-torch .mypy_cache .ruff_cache .pytest_cache parley.egg-info
