#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How fast a real guest is on QEMU's own virtio, on vhost_net and on vhost_custom: iperf3 in three
guests that run side by side and take turns.

Runs on a host of tests/vm, as "make bench-guest". Only the ratios mean something there: of each
turn, the backends' results are compared with vhost_net's, and the median of that is printed.
"""
import argparse
import json
import statistics
import sys

from guest import Guest, steady_kvm
from scenario import CUSTOM, NET
from traffic import iperf

BACKENDS = {'vhost=off': None, 'vhost_net': NET, 'vhost_custom': CUSTOM}
# Bounded: emulated KVM does not stand more. The unit is Mbit/s, or of datagrams their number.
ROWS = {
    'TCP, guest to host': '-n 16M',
    'TCP, host to guest': '-n 16M -R',
    'TCP, 4 streams, guest to host': '-P 4 -n 16M',
    'TCP, 4 streams, host to guest': '-P 4 -n 16M -R',
    'UDP of 64 bytes, guest to host': '-u -b 0 -l 64 -t 2',
    'UDP of 64 bytes, host to guest': '-u -b 0 -l 64 -t 2 -R',
}


def rate(guest, options):
    """What arrived in a second."""
    end = iperf(guest, options)
    if '-u' in options:
        total = end['sum']
        return (total['packets'] - total['lost_packets']) / total['seconds']
    return end['sum_received']['bits_per_second'] / 1e6


def measure(guests, rounds):
    """{row: {backend: [rate, ...]}}, the backends taking turns."""
    rates = {row: {name: [] for name in guests} for row in ROWS}
    for number in range(rounds):
        for row, options in ROWS.items():
            print(f'round {number + 1} of {rounds}: {row}', file=sys.stderr, flush=True)
            for name, guest in guests.items():
                rates[row][name].append(rate(guest, options))
    return rates


def table(rates):
    yield '| ratio to vhost_net | ' + ' | '.join(BACKENDS) + ' |'
    yield '|---' * (1 + len(BACKENDS)) + '|'
    for row, of in rates.items():
        cells = []
        for values in of.values():
            ratios = [value / other for value, other in zip(values, of['vhost_net'])]
            cells.append(f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to '
                         f'{max(ratios):.2f}), {statistics.median(values):.0f}')
        yield f'| {row} | ' + ' | '.join(cells) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', '--rounds', type=int, default=5)
    parser.add_argument('--json', help='write all results to this file')
    args = parser.parse_args()
    guests = {name: Guest(device, number)
              for number, (name, device) in enumerate(BACKENDS.items(), start=1)}
    with steady_kvm():
        try:
            for guest in guests.values():
                guest.start()
                guest.wait_for_boot()
            rates = measure(guests, args.rounds)
        finally:
            for guest in guests.values():
                guest.stop()
    print('\n'.join(table(rates)))
    if args.json:
        with open(args.json, 'w', encoding='ascii') as out:
            json.dump(rates, out, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
