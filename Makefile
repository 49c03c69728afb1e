# Everything that CI runs, under the names that people use. `make` or `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

MODEL ?= qwen
ONCE ?=
SETS ?= evals/data/outdoor
CACHE ?= .rankgate/bench
PARTS ?=
SET ?= evals/data/outdoor
SCALE ?= 1
PLOTS ?=
ATTACK ?=
PYTHON ?= python3
export MODEL ONCE

# scripts/toolchain.sh says which Rust to use, and brings one where none is new enough. It is asked once, and only by targets that need it.
toolchain = $(eval toolchain := $$(shell scripts/toolchain.sh || echo missing))$(if $(filter missing,$(toolchain)),$(error no usable Rust: see the lines above))$(toolchain)
rust = $(if $(toolchain),RUSTUP_TOOLCHAIN=$(toolchain) )PATH="$$PATH:$$HOME/.cargo/bin"
# In CI the lock file is law; elsewhere cargo may bring it up to date.
locked = $(if $(CI),--locked)

.PHONY: help demo test test-clients test-openapi docs lint fmt build release bench-live bench-classical bench-strategies bench-injection bench-eval clean-demo test-browser check-fmt check-scripts check-crates check-tools unit-tests

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  The demo takes ONCE=1 (end after the queries), MODEL=qwen|smol (local model), QUERIES=N, and OPENAI_API_KEY with"
	@echo "  OPENAI_BASE_URL and RANKGATE_MODEL from the environment (then no local model is used)."

demo: check-tools build ## Index the sample shop, rank real queries with a real LLM, show both orders
	@$(rust) python3 scripts/demo.py

test: check-tools check-fmt check-scripts lint unit-tests test-clients test-openapi test-browser check-crates ## Everything that CI checks
	@echo "make test: all passed"

test-clients: build ## Official clients of the rerank APIs against the program; they are installed below .rankgate/clients once
	python3 tests/clients/run.py

test-openapi: build ## A gateway against its OpenAPI document: a thousand cases an operation; schemathesis is installed below .rankgate/openapi once
	python3 tests/openapi/run.py

docs: build ## Make the pages that come from the code: docs/configuration.md, docs/errors.md
	"$${CARGO_TARGET_DIR:-target}/debug/rankgate" config schema --markdown > docs/configuration.md
	UPDATE_DOCS=1 $(rust) cargo test $(locked) --quiet --lib page_of_errors

test-browser: build ## The pages in a headless Chromium, before the program; two packages are installed below .rankgate/browser once
	@if command -v node >/dev/null; then node tests/browser/run.mjs; \
	elif [ -n "$$CI" ]; then echo "browser: in CI node is needed" >&2; exit 1; \
	else echo "browser: skipped, so the pages were not tried: node is missing (Debian and Ubuntu: apt-get install nodejs npm)"; fi

build: check-tools ## Build the program for development
	$(rust) cargo build $(locked)

bench-live: check-tools ## What storing documents costs the searches beside it
	$(rust) cargo build --release $(locked) --bin rankgate --example bench_live
	"$${CARGO_TARGET_DIR:-target}/release/examples/bench_live"

release: check-tools ## Build the program as it is shipped (target/release/rankgate)
	$(rust) cargo build --release $(locked)

bench-classical: check-tools ## Measure settings of the classical ranking on labelled sets: SETS="evals/data/outdoor …" PARTS=N
	$(rust) cargo run $(locked) --example bench_classical -- --cache $(CACHE) $(if $(PARTS),--parts $(PARTS)) $(SETS)

bench-strategies: check-tools ## Measure strategies against the simulated model: SET=evals/data/outdoor SCALE=1 PLOTS=DIR
	$(rust) cargo run $(locked) --example bench_strategies -- --relevance-scale $(SCALE) $(if $(PLOTS),--plots $(PLOTS)) $(SET)

bench-injection: check-tools ## Measure attacks in documents, by default with a model that obeys them: SET=evals/data/outdoor ATTACK="--upstream URL --model NAME …"
	$(rust) cargo run $(locked) --example bench_injection -- $(ATTACK) $(SET)

bench-eval: release ## Measure `eval score` beside pytrec_eval and ranx, where PYTHON has them: PYTHON=python3
	$(PYTHON) scripts/bench_eval.py --bin "$${CARGO_TARGET_DIR:-target}/release/rankgate"

fmt: ## Format the code
	$(rust) cargo fmt

lint: check-tools ## Compiler and clippy warnings are errors; shares the build of the dependencies
	$(rust) scripts/lint.sh $(locked)

unit-tests: lint
	$(rust) cargo test $(locked)

check-fmt:
	$(rust) cargo fmt --check

check-scripts:
	PYTHONPATH=tests/harness python3 -m doctest scripts/demo.py scripts/bench_eval.py tests/clients/judge.py tests/clients/run.py tests/clients/snippets.py tests/openapi/run.py
	bash -n scripts/toolchain.sh && bash -n scripts/lint.sh && bash -n evals/ci/eval.sh

check-crates: # the part of cargo-deny that needs no network; the public workflow also asks for advisories
	@if $(rust) cargo deny --version >/dev/null 2>&1; then \
	  echo "cargo deny check bans licenses sources"; $(rust) cargo deny --offline check bans licenses sources; \
	else \
	  echo "skipped: cargo-deny is not installed (cargo install cargo-deny), so licences, bans and sources were not checked"; \
	fi

check-tools:
	@missing=; \
	command -v python3 >/dev/null || missing+=" python3"; \
	command -v cc >/dev/null || missing+=" a C compiler named cc"; \
	[ -z "$$CI" ] || command -v npm >/dev/null || missing+=" npm"; \
	if [ -n "$$missing" ]; then echo "missing:$$missing (Debian and Ubuntu: apt-get install python3 python3-venv gcc libc6-dev npm)" >&2; exit 1; fi

clean-demo: ## Forget the demo's index and logs; the fetched model stays (rm -r .rankgate for both)
	rm -rf .rankgate/demo
