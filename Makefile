# SPDX-License-Identifier: GPL-2.0-only
#
# Amoeba for Linux; "make help" lists the goals. How the modules are built is in Kbuild, which
# the kernel's build system reads instead of this file.

top	:= $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD	?= $(top)/build
KERNEL	?=
JOBS	?= $(shell nproc)

# W=1, C=1, CF=, V=1, CONFIG_AMOEBA=n and the like reach kbuild through MAKEFLAGS, and so does -j;
# without -j, as many jobs as there are processors
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
kernel-arg = $(if $(KERNEL),-k '$(KERNEL)')
build-modules = +@$(top)/scripts/build-modules $(kernel-arg) -b '$(BUILD)' --
userland = +@$(MAKE) --no-print-directory -C $(top)/userland O='$(abspath $(BUILD))/userland'

.PHONY: all modules userland unit install userland_install modules_install deps \
	check check-full model model-full coverage demo bench clean help
.NOTPARALLEL:

all: modules userland

modules:
	$(build-modules) $(jobs) --no-print-directory modules

userland:
	$(userland) $(jobs)

unit:
	$(userland) $(jobs) check

PREFIX	?= /usr/local
# Wireshark reads plugins from its own folder alone: that of the one on this machine, unless we go
# somewhere of our own
wireshark = $(shell tshark -G folders 2>/dev/null | sed -n 's/^Global Lua Plugins:[[:space:]]*//p')
WIRESHARK_PLUGINS ?= $(or $(if $(filter /usr /usr/local,$(PREFIX)),$(wireshark)),$\
	$(PREFIX)/lib/wireshark/plugins)

# a group for /dev/amoeba, the rule that gives it the device, and what makes both known at once
install: userland_install
	install -D -m 644 $(top)/dist/60-amoeba.rules \
		'$(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-amoeba.rules'
	install -D -m 644 $(top)/dist/amoeba.sysusers \
		'$(DESTDIR)$(PREFIX)/lib/sysusers.d/amoeba.conf'
	install -D -m 644 $(top)/userland/wireshark/amflip.lua \
		'$(DESTDIR)$(WIRESHARK_PLUGINS)/amflip.lua'
ifeq ($(DESTDIR),)
	-! command -v ldconfig >/dev/null || ldconfig
	-! command -v systemd-sysusers >/dev/null || systemd-sysusers amoeba.conf
	-! command -v udevadm >/dev/null || udevadm control --reload
endif

userland_install:
	$(userland) $(jobs) install

modules_install: modules
	$(build-modules) --no-print-directory modules_install

# ---- what runs the whole, installing what it needs ----------------------------------------------

deps:
	@$(top)/scripts/install-deps

check: deps
	+@$(top)/tests/check/run

check-full: deps
	+@$(top)/tests/check/run --full

model: deps
	@$(top)/tests/model/run

model-full: deps
	@$(top)/tests/model/run --full

coverage: deps
	@$(top)/tests/coverage/run

CALLS	?= 1000000
soak: deps
	+@$(top)/tests/soak/run '$(CALLS)'

demo: deps
	+@$(top)/tests/demo/run $(if $(filter-out 0,$(HOST)),--host)

bench: deps
	+@$(top)/tests/bench/run

clean:
	@for f in '$(BUILD)'/*/.identity; do [ ! -f "$$f" ] || rm -rf "$${f%/.identity}"; done
	$(userland) clean
	@rm -f '$(BUILD)/bench.json'
	@rm -rf '$(BUILD)/coverage'
	@rmdir '$(BUILD)' 2>/dev/null || true

help:
	@echo 'Building (nothing is written outside build/):'
	@echo '  all              modules and userland (default)'
	@echo '  modules          amoeba_cap.ko, flip.ko, amoeba.ko in build/KERNEL/'
	@echo '  userland         libamoeba, servers, amctl in build/userland/'
	@echo '  clean            remove what was built'
	@echo 'Installing (as root):'
	@echo '  modules_install  modules for KERNEL'
	@echo '  install          userland; DESTDIR=, PREFIX=/usr/local, WIRESHARK_PLUGINS='
	@echo '  deps             the Debian packages that building and testing need'
	@echo 'Testing (as root; guests, nothing is loaded on this machine):'
	@echo '  unit             userland unit tests'
	@echo '  check            everything, on the kernels and in the time of a CI run'
	@echo '  check-full       everything on every kernel'
	@echo '  model            is a transaction executed at most once? (Spin, half a minute)'
	@echo '  model-full       the same, larger (Spin, 4 GB, minutes)'
	@echo '  coverage         lines of the state machines of rpc/ that their unit tests run'
	@echo '  soak             CALLS=1000000 calls through loss and death: each at most once? (an hour)'
	@echo '  demo             three machines become one; HOST=1: namespaces of this one'
	@echo '  bench            figures, also in build/bench.json'
	@echo 'Variables:'
	@echo '  KERNEL=K         a release with installed headers, a directory with a kernel build,'
	@echo '                   or a name of tests/vm/run --list; default: the running kernel, or'
	@echo '                   the newest installed headers'
	@echo '  BUILD=DIR        build there instead of in build/'
	@echo '  W=1 C=1 V=1      more warnings, sparse, show commands (as in the kernel)'
	@echo '  CONFIG_AMOEBA=n  leave amoeba.ko out; CONFIG_FLIP=n flip.ko too'
