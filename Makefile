# SPDX-License-Identifier: GPL-2.0
#
# What people type. "make help" first. Kbuild has the module's own rules.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
HOST ?= trixie
HOSTS := bookworm trixie backports
export VHOST_KO VMLINUX VHOST_H

all: modules tools

help:
	@echo 'To see it work and to test it; needs Debian 12 or 13, root and nothing else:'
	@echo '  make demo [HOST=..]   a guest on /dev/vhost-net, and one on /dev/vhost-custom'
	@echo '  make check            all tests, on all hosts; ends with "N passed, M failed"'
	@echo '  make check HOSTS=trixie SUITES="ioctl data"     some of them'
	@echo '  make shell [HOST=..]  a shell on a host with the module built in /vhost_custom'
	@echo '  HOST is bookworm (6.1), trixie (6.12) or backports (the newest, now 7.3)'
	@echo
	@echo 'For a kernel with headers and dwarves installed:'
	@echo '  make                  the module and the tools  [KDIR=.. VHOST_KO=.. VMLINUX=.. VHOST_H=..]'
	@echo '  make install          the module to /lib/modules, the tools to /usr/local'
	@echo '  make load, unload     the module that was just built'
	@echo
	@echo 'For a change:'
	@echo '  make lint             compilers, sparse, checkpatch and the like'
	@echo '  make unit             the ring engine in user space; no root, seconds'
	@echo '  make bench [HOSTS=..] what a frame costs, beside vhost_net; a table, JSON, a picture'
	@echo '  make bench-guest [HOST=..] iperf3 in a guest, with and without vhost'
	@echo '  make pictures [HOST=..]   those of vhc-top and vhc-flamegraph in README'
	@echo '  make soak [HOST=..]   10 million frames, 80 live migrations (half an hour)'
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
	$(MAKE) -C tools install

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

soak: deps
	@tests/run -k $(HOST) soak

shell: deps
	@tests/vm/build $(HOST)
	@tests/vm/run $(HOST) --shell

clean:
	test ! -e $(KDIR)/Makefile || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(RM) -r compat/generated build
	$(MAKE) -C tools clean
	$(MAKE) -C tests clean

.PHONY: all help modules tools tests all-tests install load unload deps check lint unit demo \
	bench bench-guest pictures soak shell clean
