# VDCSim: `make run` sets up, builds and runs the main scenario; `make test` sets up and runs all tests.
SHELL := /bin/bash
PACKAGES := libgsl-dev libmd-dev libarchive-dev pkg-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BUILD := swift build --explicit-target-dependency-import-check error

.PHONY: run test lint bench packages release test-probe-asan test-emulated-host emulated-host-packages count-guest-exits

run: release
	.build/release/vdcsim compare scenarios/compare-hypervisors.yaml

# Debug and release builds must give the same bytes, so the tests run both. The tests themselves are optimized: 3 minutes
# instead of 18.
test: release
	$(BUILD) --product vdcsim
	swift test --scratch-path .build-test --explicit-target-dependency-import-check error -Xswiftc -O

lint: packages
	swift format lint -r -s Sources Tests Package.swift

# Times the event kernel against C++ in the same run, and the engines; fails where a limit is missed.
bench: export VDCSIM_BENCHMARKS = 1
bench: packages
	$(BUILD) -c release --scratch-path .build-bench --product KernelBenchmarks
	$(BUILD) -c release --scratch-path .build-bench --product EngineBenchmarks
	$(BUILD) -c release --scratch-path .build-bench --product TraceBenchmarks
	$(BUILD) -c release --scratch-path .build-bench --product FleetBenchmarks
	.build-bench/release/EngineBenchmarks
	.build-bench/release/TraceBenchmarks
	.build-bench/release/FleetBenchmarks
	.build-bench/release/KernelBenchmarks --instructions

release: packages
	$(BUILD) -c release --product vdcsim
	$(BUILD) -c release --product vdcsim-probe

PROBE_SOURCES := $(wildcard Sources/CKVM/*.c Sources/CKVM/*.S Sources/ProbeRunner/*.c Sources/ProbeRunner/*.S)
PROBE_BUILD := cc -O2 -Wall -Wextra -Werror -ISources/CKVM/include

# Every probe once under the address and undefined-behaviour sanitizers; without KVM those of the host only.
test-probe-asan:
	@mkdir -p .build-probe
	$(PROBE_BUILD) -g -fsanitize=address,undefined -fno-sanitize-recover=all -o .build-probe/asan $(PROBE_SOURCES)
	.build-probe/asan list > .build-probe/list.jsonl
	.build-probe/asan run --group host --samples 1 --goal-us 1 --warmups 0 > .build-probe/host.jsonl
	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then \
	  .build-probe/asan run --samples 2 --goal-us 10 --warmups 0 > .build-probe/run.jsonl && \
	  .build-probe/asan counts > .build-probe/counts.jsonl && \
	  .build-probe/asan program --iterations 5 --samples 2 'compute*10' 'port_io*2' 'first_touch*8' exception \
	    > .build-probe/program.jsonl; \
	else echo "no usable /dev/kvm: guest probes skipped"; fi

# The counts under the real kvm_amd on an emulated processor; skipped with the reason where its packages can't be had.
test-emulated-host: emulated-host-packages
	@mkdir -p .build-probe
	$(PROBE_BUILD) -static -o .build-probe/static $(PROBE_SOURCES)
	@Tests/EmulatedHost/run .build-probe/static; code=$$?; [ $$code = 77 ] || exit $$code

# Counts the exits of a whole guest's memory operations again (minutes); the table in the repository is such a count.
count-guest-exits: emulated-host-packages
	@Tests/EmulatedHost/guest-exits/run; code=$$?; [ $$code = 77 ] || exit $$code

emulated-host-packages:
	-@$(MAKE) --no-print-directory packages PACKAGES="qemu-system-x86 busybox-static cpio kmod"

# Installs the Debian packages that are missing, and only then asks for privileges.
packages:
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $$missing; \
	fi
