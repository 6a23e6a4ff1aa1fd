#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How fast a real guest is on QEMU's own virtio, on vhost_net and on vhost_custom: iperf3 in three
guests that run side by side and take turns.

Runs on a host of tests/vm, as "make bench-guest". Only the ratios mean something there: of each
round, the backends' results are compared with vhost_net's, and the median of that is printed. Each
round has new guests. Where KVM is emulated, a round in which the emulator broke a guest, on
whichever backend, counts for none of them and is made again.
"""
import argparse
import json
import statistics
import sys

from guest import Died, Guest, is_emulated, steady_kvm
from scenario import CUSTOM, NET
from traffic import iperf
from wire import Silence

BACKENDS = {'vhost=off': None, 'vhost_net': NET, 'vhost_custom': CUSTOM}
# Little: emulated KVM does not stand more. The unit is Mbit/s, or of datagrams their number.
ROWS = {
    'TCP, guest to host': '-n 16M -i 0.1',
    'TCP, host to guest': '-n 16M -i 0.1 -R',
    'TCP, 4 streams, guest to host': '-P 4 -n 16M -i 0.1',
    'TCP, 4 streams, host to guest': '-P 4 -n 16M -i 0.1 -R',
    'UDP of 64 bytes, guest to host': '-u -b 0 -l 64 -t 1',
    'UDP of 64 bytes, host to guest': '-u -b 0 -l 64 -t 1 -R',
}


def rate(guest, options):
    """What arrived in a second."""
    report = iperf(guest, options)
    if '-u' in options:
        total = report['end']['sum']
        return (total['packets'] - total['lost_packets']) / total['seconds']
    # iperf3 sees that all was sent at the end of an interval: the last one may be half empty.
    whole = [interval['sum'] for interval in report['intervals']]
    whole = whole[:-1] or whole
    return (sum(each['bytes'] for each in whole) * 8 / 1e6 /
            sum(each['seconds'] for each in whole))


def measure(number):
    """One round: {row: {backend: rate}}, the backends taking turns, each round another one first."""
    guests = {name: Guest(device, number)
              for number, (name, device) in enumerate(BACKENDS.items(), start=1)}
    rates = {}
    try:
        for guest in guests.values():
            guest.start()
            guest.wait_for_boot()
        for row, options in ROWS.items():
            print(f'round {number}: {row}', file=sys.stderr, flush=True)
            order = list(guests)[number % len(guests):] + list(guests)[:number % len(guests)]
            rates[row] = {name: rate(guests[name], options) for name in order}
            print('  ', *(f'{name} {value:.0f}' for name, value in rates[row].items()),
                  file=sys.stderr, flush=True)
    finally:
        for guest in guests.values():
            guest.stop()
    return rates


def measure_all(rounds):
    """[round, ...], and how many were lost."""
    good, lost = [], 0
    while len(good) < rounds:
        try:
            good.append(measure(len(good) + 1))
        except (Died, Silence) as error:
            lost += 1
            if not is_emulated() or lost > 3 * rounds:
                raise
            print(f'again, as the emulator broke a guest: {error}', file=sys.stderr, flush=True)
    return good, lost


def table(rounds):
    yield '| ratio to vhost_net | ' + ' | '.join(BACKENDS) + ' |'
    yield '|---' * (1 + len(BACKENDS)) + '|'
    for row in ROWS:
        cells = []
        for name in BACKENDS:
            ratios = [rates[row][name] / rates[row]['vhost_net'] for rates in rounds]
            median = statistics.median(rates[row][name] for rates in rounds)
            cells.append(f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to '
                         f'{max(ratios):.2f}), {median:.0f}')
        yield f'| {row} | ' + ' | '.join(cells) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', '--rounds', type=int, default=5)
    parser.add_argument('--json', help='write all results to this file')
    args = parser.parse_args()
    with steady_kvm():
        rounds, lost = measure_all(args.rounds)
    print('\n'.join(table(rounds)))
    print(f'{len(rounds)} rounds; {lost} more were lost to the emulator')
    if args.json:
        with open(args.json, 'w', encoding='ascii') as out:
            json.dump(rounds, out, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
