# SPDX-License-Identifier: GPL-2.0
#
# What people type. "make help" first. Kbuild has the module's own rules.

VERSION := $(shell sed -n 's/^MODULE_VERSION("\(.*\)");/\1/p' vhost_custom.c)
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
HOST ?= trixie
HOSTS := bookworm trixie backports
FLAVOUR ?= debug
export VHOST_KO VMLINUX VHOST_H

all: modules tools

help:
	@echo 'To see it work and to test it; needs Debian 12 or 13, root and nothing else:'
	@echo '  make demo [HOST=..]   a guest on /dev/vhost-net, and one on /dev/vhost-custom'
	@echo '  make check            all tests, on all hosts; ends with "N passed, M failed"'
	@echo '  make check HOSTS=trixie SUITES="ioctl data"     some of them'
	@echo '  make shell [HOST=..]  a shell on a host with the module, which is loaded, in /vhost_custom'
	@echo '  make shell RUN="tests/data-test -k rings_wrap*"     one test there; the shell only if it fails'
	@echo '  make gdb [HOST=..]    gdb on the kernel of the host that "make shell" runs in another terminal'
	@echo '  HOST is bookworm (6.1), trixie (6.12) or backports (the newest, now 7.3);'
	@echo '  or one with another kernel: rt (PREEMPT_RT); arm64; debug (KASAN, lockdep, kmemleak ..), kcsan, gcov'
	@echo
	@echo 'For a kernel with headers and dwarves installed:'
	@echo '  make                  the module and the tools  [KDIR=.. VHOST_KO=.. VMLINUX=.. VHOST_H=..]'
	@echo '  make install          the module to /lib/modules, the tools to /usr/local'
	@echo '  make load, unload     the module that was just built'
	@echo '  make dkms-install, dkms-uninstall     by DKMS, for all kernels now and later'
	@echo '  make deb              Debian packages, in build/deb'
	@echo '  make dist             the sources of a release, in build'
	@echo
	@echo 'For a change:'
	@echo '  make lint             compilers, sparse, checkpatch and the like'
	@echo '  make unit             the ring engine in user space; no root, seconds'
	@echo '  make fuzz [TIME=60] [RING=split|packed] [RUNS=..]  its fuzzer; needs clang'
	@echo '  make fuzz-device [HOST=..] [TIME=60] [OPTIONS=--both]   ioctls, rings and frames at random;'
	@echo '                        --both: on vhost_net, too, which has to do the same'
	@echo '  make coverage         lines of the ring engine that neither its tests nor the corpus reach'
	@echo '  make coverage-module  lines of the module that no suite reaches, by a kernel that counts them'
	@echo '  make bench [HOSTS=..] what a frame costs, beside vhost_net; a table, JSON, a picture'
	@echo '  make bench-guest [HOST=..] iperf3 in a guest, with and without vhost'
	@echo '  make hostile-table [HOST=..]  docs/hostile.md: what hostile guests and VMMs can do'
	@echo '  make pictures [HOST=..]   those of vhc-top and vhc-flamegraph in README'
	@echo '  make soak [HOST=..] [TIME=3600]   four guests, their traffic and migrations for so long; and'
	@echo '                        10 million frames, 1000 starts and stops, 2000 killed owners, 100 loads'
	@echo '  make debug-kernel [FLAVOUR=kcsan]   the kernel of the host debug, kcsan or gcov, for the cache'
	@echo '  make check HOSTS=debug            tests on it; not a part of "make check"'
	@echo '  make kernels [PATTERN=rt] docs/kernels.md: builds for all kernels that Debian has (an hour)'
	@echo '  make compile_commands.json    of the module, for clangd'
	@echo '  make clean'

modules:
	@test -e $(KDIR)/Makefile || { \
		echo 'No kernel headers in $(KDIR); install linux-headers-$(KVER), or name others by KDIR=.' >&2; \
		echo 'Where there are none for the running kernel, "make demo" brings a kernel of its own.' >&2; \
		exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C tools

tests:
	$(MAKE) -C tests

all-tests: modules tools tests

install: modules tools
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	depmod -a $(shell cat $(KDIR)/include/config/kernel.release 2>/dev/null)
	$(MAKE) -C tools install install-host

# What Kbuild needs, and no more.
source := $(DESTDIR)/usr/src/vhost-custom-$(VERSION)
install-source:
	install -D -m 644 -t $(source) Kbuild $(filter-out %.mod.c,$(wildcard *.c *.h))
	install -D -m 644 -t $(source)/uapi $(wildcard uapi/*.h)
	install -D -m 644 -t $(source)/compat compat/Kbuild.include $(wildcard compat/*.c compat/*.h)
	install -D -m 755 -t $(source)/compat compat/can-build compat/extract-vmlinux compat/vhost-types
	sed 's/#MODULE_VERSION#/$(VERSION)/' packaging/dkms.conf > $(source)/dkms.conf

# For all kernels that are there, but those that it cannot be built for (77).
dkms-install: tools install-source
	$(MAKE) -C tools install install-host
	for kernel in $$(ls /lib/modules); do \
		test ! -e /lib/modules/$$kernel/build || \
		dkms install vhost-custom/$(VERSION) -k $$kernel || test $$? = 77 || exit 1; \
	done

dkms-uninstall:
	$(MAKE) -C tools uninstall
	dkms remove vhost-custom/$(VERSION) --all
	$(RM) -r $(source)

dist:
	@packaging/dist

deb:
	@packaging/deb $(DEB_OPTIONS)

compile_commands.json: modules
	tests/static/compile-commands $(KDIR) > $@.new
	mv $@.new $@

# Say why a module cannot be loaded before insmod says less.
load:
	@test -e /proc/modules || { \
		echo 'This kernel ($(KVER)) cannot load modules. "make demo" brings one that can.' >&2; \
		exit 1; }
	@test -e vhost-custom.ko || { echo 'Nothing is built; run "make" first.' >&2; exit 1; }
	@test "$$(modinfo -F vermagic vhost-custom.ko | cut -d' ' -f1)" = "$(KVER)" || { \
		echo 'vhost-custom.ko is for another kernel than $(KVER); run "make clean all".' >&2; \
		exit 1; }
	modprobe -a vhost vhost_iotlb tun tap
	insmod ./vhost-custom.ko

unload:
	rmmod vhost_custom

deps:
	@tests/vm/deps

check: deps
	@tests/run $(foreach host,$(HOSTS),-k $(host)) $(SUITES)

lint: deps
	@tests/run lint

unit:
	$(MAKE) -C tests/unit check

# TIME, RING and RUNS reach it by themselves.
fuzz:
	@$(MAKE) -s -C tests/unit fuzz

TIME ?= 60
fuzz-device: deps
	@tests/vm/build $(HOST) > /dev/null
	@tests/vm/run $(HOST) --log build/log/fuzz-$(HOST) --timeout $$(($(TIME) + 600)) -- \
		'modprobe -a vhost_net tun macvtap && insmod ./vhost-custom.ko && \
		tests/fuzz-test --time $(TIME) $(OPTIONS)'

coverage:
	@$(MAKE) -s -C tests/unit coverage

coverage-module: deps
	@tests/coverage-module $(SUITES)

demo: deps
	@tests/vm/demo $(HOST)

bench:
	@tests/vm/deps gnuplot-nox
	@tests/bench $(HOSTS)

bench-guest: deps
	@tests/vm/build $(HOST) > /dev/null
	@tests/vm/run $(HOST) --guests --timeout 1800 -- 'modprobe -a vhost_net tun tap && insmod ./vhost-custom.ko && \
		tests/guest/guest-bench.py'

pictures:
	@tests/vm/deps python3-rich
	@tests/vm/build $(HOST) > /dev/null
	@tests/vm/run $(HOST) --log build/log/pictures -- tests/top/pictures-on-host
	@tests/top/pictures build/log/pictures/vhc-top.txt tests/top/vhc-top.svg
	@cp build/log/pictures/flamegraph.svg tests/top/flamegraph.svg

hostile-table: deps
	@tests/vm/build $(HOST) > /dev/null
	@mkdir -p docs
	@tests/vm/run $(HOST) --log build/log/hostile-table -- 'modprobe -a vhost_net tun tap && \
		insmod ./vhost-custom.ko && tests/hostile-test --table > /results/hostile.md'
	@tests/vm/run $(HOST) --icount --log build/log/hostile-table-rate -- 'modprobe -a vhost_net tun tap && \
		insmod ./vhost-custom.ko && tests/hostile-test --hammer --table > /results/hostile.md'
	@{ echo '<!-- SPDX-License-Identifier: GPL-2.0 -->'; \
		cat build/log/hostile-table/hostile.md build/log/hostile-table-rate/hostile.md; } > docs/hostile.md

soak: TIME = 3600
soak: deps
	@VHC_SECONDS=$(TIME) tests/run -k $(HOST) soak

debug-kernel: deps
	@tests/vm/debug-kernel $(FLAVOUR)

kernels: deps
	@tests/vm/kernels '$(PATTERN)' > docs/kernels.md.new; status=$$?; \
	$(if $(PATTERN),cat docs/kernels.md.new; rm docs/kernels.md.new,mv docs/kernels.md.new docs/kernels.md); \
	exit $$status

shell: deps
	@tests/vm/build $(HOST)
	@tests/vm/run $(HOST) --shell $(if $(RUN),-- "$$RUN")

gdb: deps
	@tests/vm/gdb $(HOST)

clean:
	test ! -e $(KDIR)/Makefile || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(RM) -r compat/generated build
	$(MAKE) -C tools clean
	$(MAKE) -C tests clean

.PHONY: all help modules tools tests all-tests install install-source dkms-install \
	dkms-uninstall dist deb load unload deps check lint unit fuzz fuzz-device coverage coverage-module demo \
	bench bench-guest hostile-table pictures soak debug-kernel kernels shell gdb clean
