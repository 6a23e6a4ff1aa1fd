#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A thousand owners are killed under load, and a thousand as they become one. Called by
# tests/in-host, as "make soak".
VHC_KILLS=1000 exec tests/worker-test --match 'an_owner_is_killed_*'
