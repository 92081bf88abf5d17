# mqoe — the commands a person types. `make demo` and `make test` install what is missing (scripts/setup).
.PHONY: all setup setup-test setup-hermetic build native ts demo hermetic test per-pr nightly bench coverage lint fuzz clean
all: build

setup:            ; @scripts/setup build
setup-test:       ; @scripts/setup test
setup-hermetic:   ; @scripts/setup hermetic
build: setup      ; @$(MAKE) --no-print-directory native ts
native:           ; @$(MAKE) --no-print-directory -C native
ts:               ; @npm run --silent build

demo: build       ; @scripts/demo
# The guest kernel of `mqoe run --world hermetic`, once for a machine (docs/hermetic.md); nothing else needs it.
hermetic: setup-hermetic build ; @node dist/harness/cli/main.js world build
test: setup-test build ; @scripts/test
# The suite of every change (docs/catalogue.md), six minutes at most:  make per-pr WORLD=hermetic  needs no root.
per-pr: build     ; @node dist/harness/cli/main.js run --world $(or $(WORLD),live) --filter tag=per-pr scenarios
# Every reference scenario with every repeat (docs/reference.md): 568 runs, about an hour and a half of two cores.
nightly: hermetic coverage ; @scripts/nightly
bench: build      ; @build/native/mqoe-native bench --json build/bench.json
lint: setup-test  ; @scripts/lint
# Lines of native/sqm that its unit tests reach; fails below 95 %.
coverage: setup-test ; @scripts/coverage-native
fuzz: setup-test  ; @$(MAKE) --no-print-directory -C native fuzz
clean:            ; @rm -rf build dist coverage
