#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A port starts and stops a thousand times. Called by tests/in-host, as "make soak".
VHC_CYCLES=1000 exec tests/worker-test --match 'a_port_starts_and_stops*'
