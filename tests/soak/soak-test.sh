#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Ten million frames of mixed sizes: nothing lost, doubled, reordered or damaged. Called by
# tests/in-host, as "make soak".
echo 1..1
if tools/vhc-test --count 5000000 --frame-size mixed --direction both; then
	echo 'ok 1 - ten million frames of mixed sizes arrive'
else
	echo 'not ok 1 - ten million frames of mixed sizes arrive'
fi
