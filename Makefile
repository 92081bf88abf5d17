# mqoe — the commands a person types. `make demo` and `make test` install what is missing (scripts/setup).
.PHONY: all setup setup-test build native ts demo test bench lint fuzz clean
all: build

setup:            ; @scripts/setup build
setup-test:       ; @scripts/setup test
build: setup      ; @$(MAKE) --no-print-directory native ts
native:           ; @$(MAKE) --no-print-directory -C native
ts:               ; @npm run --silent build

demo: build       ; @scripts/demo
test: setup-test build ; @scripts/test
bench: build      ; @build/native/mqoe-native bench --json build/bench.json
lint: setup-test  ; @scripts/lint
fuzz: setup-test  ; @$(MAKE) --no-print-directory -C native fuzz
clean:            ; @rm -rf build dist coverage
