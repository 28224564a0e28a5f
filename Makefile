# VDCSim: `make run` sets up, builds and runs the main scenario; `make test` sets up and runs all tests.
SHELL := /bin/bash
PACKAGES := libgsl-dev libmd-dev pkg-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BUILD := swift build --explicit-target-dependency-import-check error

.PHONY: run test lint bench packages release

run: release
	.build/release/vdcsim compare scenarios/compare-hypervisors.yaml

# Debug and release builds must give the same bytes, so the tests run both.
test: release
	swift test --explicit-target-dependency-import-check error

lint: packages
	swift format lint -r -s Sources Tests Package.swift

# Times the event kernel against C++ in the same run, and the engine; fails where a limit is missed.
bench: export VDCSIM_BENCHMARKS = 1
bench: packages
	$(BUILD) -c release --scratch-path .build-bench --product KernelBenchmarks
	$(BUILD) -c release --scratch-path .build-bench --product EngineBenchmarks
	.build-bench/release/EngineBenchmarks
	.build-bench/release/KernelBenchmarks --instructions

release: packages
	$(BUILD) -c release --product vdcsim

# Installs the Debian packages that are missing, and only then asks for privileges.
packages:
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $$missing; \
	fi
