#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/vhc-bench says what it measured, of both devices, and refuses what it does not know. How
# much a frame costs is the cost suite's. Called by tests/in-host.
set -u
cd "$(dirname "$0")/../.." || exit 1
number=0

check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - vhc-bench: $name"
	else
		echo "not ok $number - vhc-bench: $name"
	fi
}

measures_both() {
	tools/vhc-bench --quiet --rounds 2 --count 500 --row "$1" --json | python3 -c '
import json, sys
points = json.load(sys.stdin)
assert [point["device"] for point in points] == ["/dev/vhost-net", "/dev/vhost-custom"], points
for point in points:
    assert 0 < point["least"] <= point["cost"] <= point["most"], point
    assert point["worker"] > 0, point
'
}

refuses() {
	! tools/vhc-bench --quiet "$@" > /dev/null 2>&1
}

echo 1..7
check 'tx-1500' measures_both tx-1500
check 'rx-60000' measures_both rx-60000
check 'rx-64-iommu' measures_both rx-64-iommu
check 'both-64' measures_both both-64
check 'both-64-busiest-worker' measures_both both-64-busiest-worker
check 'no row of that name' refuses --row none
check 'no such device' refuses --device /dev/null --row tx-64
