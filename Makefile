# The commands of acloud. Each installs what is missing by itself; the work is done by scripts/, CMake and Ninja.
.PHONY: run test build bench lint fuzz asan tsan soak clean

run: build  ## the cloud on an empty data folder, and an agent's task on a file: FILE=, GOAL= (ONCE=1 stops after the receipt)
	@scripts/run

build:      ## build/acloud and its tests
	@scripts/build release

test: build ## every test
	@scripts/test build

bench: build ## every figure that the docs quote, beside its peer
	@scripts/bench

lint:       ## layers, format, clang-tidy, scripts, links
	@scripts/lint

fuzz:       ## every fuzz target for SECONDS=60 each
	@scripts/fuzz $(or $(SECONDS),60)

asan tsan:  ## every test under AddressSanitizer and UBSan, or ThreadSanitizer
	@scripts/build $@
	@scripts/test build/$@

soak: build ## every test in its long form, TIMES=10 times over, until one fails
	@ACLOUD_SOAK=1 scripts/test build --repeat until-fail:$(or $(TIMES),10)

clean:      ## removes build/
	@rm -rf build
