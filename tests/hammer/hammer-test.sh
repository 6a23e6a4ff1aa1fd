#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a device that is hammered costs another one, in instructions: of a host with the deterministic
# clock (tests/vm/run --icount). Any other one counts, too, what its other threads do to its caches.
exec tests/hostile-test --hammer
