#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Claims about cost: no frame costs more than on vhost_net, in the same boot, nor much more than
it did when baseline.json was written (tests/bench --baseline).

Runs under the deterministic clock only: tests/vm/run HOST --icount. A nanosecond of CPU time is
an instruction there. Called by tests/in-host.
"""
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
NET, CUSTOM = '/dev/vhost-net', '/dev/vhost-custom'
# Two measurements of the same differ by less than this, and a change by less is none.
WORSE = 1.03


def measure():
    """{row: {device: point}} as vhc-bench found it."""
    command = [TOP / 'tools/vhc-bench', '--quiet', '--rounds', '2', '--count', '6000', '--json']
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    rows = {}
    for point in json.loads(output):
        rows.setdefault(point['row'], {})[point['device']] = point
    return rows


def main():
    release = '.'.join(os.uname().release.split('.')[:2])
    baseline = json.loads((TOP / 'tests/cost/baseline.json').read_text())[release]
    rows = measure()
    results = []

    def claim(good, name):
        results.append(good)
        print(f'{"ok" if good else "not ok"} {len(results)} - {name}')

    print(f'1..{2 + 2 * len(baseline)}')
    tx = rows['tx-64'][CUSTOM]
    claim(tx['most'] <= WORSE * tx['least'], 'the clock counts instructions: '
          f'{tx["least"]:.0f} to {tx["most"]:.0f} for a frame')
    claim(set(baseline) <= set(rows), 'each row of the baseline was measured')
    for row, before in baseline.items():
        # What comes on top of the least is the clock tick, or memory that ran out just then.
        cost = {device: point['least'] for device, point in rows[row].items()}
        ratio = cost[CUSTOM] / cost[NET]
        text = f'{row}: {cost[CUSTOM]:.0f} of {cost[NET]:.0f}, {ratio:.3f}'
        claim(ratio <= 1, f'{text}, is not more than on vhost_net')
        # Another build of a kernel changes what both cost, and vhost_net's share of luck the ratio.
        # What makes vhost_custom worse changes its cost and the ratio.
        claim(ratio <= WORSE * before['ratio'] or cost[CUSTOM] <= WORSE * before['cost'],
              f'{text}, is not more than {before["cost"]}, {before["ratio"]:.3f} was')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
