#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Real guests on the real devices: does what users do work, and does the module do it?

Runs in a host of tests/vm, by tests/in-host, and prints TAP. QEMU falls back to virtio in user
space without a word, so that each scenario compares the module's counters with the guest's own.
"""
import sys

from guest import other_rings
from scenario import CUSTOM, NET, Suite, claims, in_one_guest, with_ring
from traffic import (Moved, Wrong, file_between, file_from, file_to, indices_agree, large_segments,
                     need, ping_from, ping_guest, pings, statistics_agree, tcp, udp)

MTU_FRAME = 1514


@claims('boots', 'answers pings of 1 to 65000 bytes', 'its worker worked')
def vhost_net_control(run):
    guest = run.guest(NET)
    run.claim('boots')
    before = guest.counters()['worker_ns']
    pings(guest)
    run.claim('answers pings of 1 to 65000 bytes')
    need(guest.counters()['worker_ns'] > before, 'the worker did nothing')
    run.claim('its worker worked')


@claims('boots', 'answers pings of 1 to 65000 bytes', 'UDP from the guest', 'UDP to the guest',
        'the module counts what the guest does', 'so do its statistics at rest, and ethtool -S',
        'a link that is down carries nothing', 'a link that is up again works')
def basics(run):
    guest = run.guest(CUSTOM)
    run.claim('boots')
    moved = Moved(guest)
    pings(guest)
    run.claim('answers pings of 1 to 65000 bytes')
    datagrams = udp(guest, 2)
    run.claim('UDP from the guest')
    received = udp(guest, 2, to_guest=True)
    run.claim('UDP to the guest')
    module = moved.check()
    need(module['tx_packets'] >= datagrams, module, datagrams)
    need(module['rx_packets'] >= received, module, received)
    indices_agree(guest)
    run.claim('the module counts what the guest does')
    statistics_agree(guest)
    run.claim('so do its statistics at rest, and ethtool -S')
    link_down_and_up(run, guest)


def link_down_and_up(run, guest):
    carrier = 'until [ "$(cat /sys/class/net/eth0/carrier)" = {} ]; do :; done'
    guest.qmp.command('set_link', name='n0', up=False)
    guest.check(carrier.format(0))
    before = guest.counters()
    try:
        ping_guest(guest, count=1, seconds=2)
        raise RuntimeError('a ping was answered over a link that is down')
    except Wrong:
        need(guest.counters() == before, 'counters moved:', before, guest.counters())
    run.claim('a link that is down carries nothing')
    guest.qmp.command('set_link', name='n0', up=True)
    guest.check(carrier.format(1))
    moved = Moved(guest)
    ping_guest(guest)
    ping_from(guest, guest.host)
    moved.check()
    run.claim('a link that is up again works')


@claims('from the guest', 'to the guest', 'the module counts what the guest does')
def tcp_stream(run):
    guest = run.guest(CUSTOM)
    moved = Moved(guest)
    sent = tcp(guest, 8)[1]
    run.claim('from the guest')
    received = tcp(guest, 8, to_guest=True)[1]
    run.claim('to the guest')
    module = moved.check()
    need(module['tx_bytes'] >= sent and module['rx_bytes'] >= received, sent, received, module)
    indices_agree(guest)
    run.claim('the module counts what the guest does')


# What ethtool -K gets, and whether the guest then sends frames larger than the MTU's.
OFFLOADS = {
    'all offloads off': ('rx off tx off sg off tso off gso off gro off', False),
    'checksum on, segmentation off': ('rx on tx on sg on tso off gso off gro on', False),
    'GSO on, TSO off': ('rx on tx on sg on tso off gso on gro on', False),
    'all offloads on': ('rx on tx on sg on tso on gso on gro on', True),
}


@claims(*OFFLOADS)
def offloads(run):
    guest = run.guest(CUSTOM)
    for name, (options, large) in OFFLOADS.items():
        guest.check(f'ethtool -K eth0 {options}')
        moved = Moved(guest)
        with large_segments(guest):
            file_from(guest, 2)
            file_to(guest, 2)
        module = moved.check()
        mean = module['tx_bytes'] / module['tx_packets']
        need((mean > MTU_FRAME) == large, f'bytes a frame with {name}: {mean:.0f}')
        run.claim(name)


def reboot_and_ping(guest):
    guest.reset()
    moved = Moved(guest)
    ping_guest(guest)
    ping_from(guest, guest.host)
    moved.check()


REBOOTS = 10


@claims(*(f'reboot {n} of {REBOOTS}: ping, and the module counts it'
          for n in range(1, REBOOTS + 1)))
def reboots(run):
    guest = run.guest(CUSTOM)
    for name in reboots.claims:
        reboot_and_ping(guest)
        run.claim(name)


@claims('ping, and the module counts it')
def reboot(run):
    reboot_and_ping(run.guest(CUSTOM))
    run.claim(reboot.claims[0])


@claims('ping', 'TCP from the modern guest to the other', 'TCP from the other to the modern guest',
        'the module counts what the guests do')
def bridge_with_legacy_guest(run):
    """Two guests; one has a legacy device, without mergeable buffers and event indices."""
    run.bridge('br0', '10.99.0.1/24')
    modern = run.add(CUSTOM, 1, bridge='br0')
    legacy = run.add(CUSTOM, 2, bridge='br0',
                     options='disable-modern=on,mrg_rxbuf=off,event_idx=off')
    for guest in (modern, legacy):
        guest.wait_for_boot()
    moved = [Moved(modern), Moved(legacy)]
    for size in (56, 65000):
        ping_from(modern, legacy.address, size)
        ping_from(legacy, modern.address, size)
    run.claim('ping')
    file_between(modern, legacy, 3)
    run.claim('TCP from the modern guest to the other')
    file_between(legacy, modern, 3)
    run.claim('TCP from the other to the modern guest')
    for guest in moved:
        guest.check()
    run.claim('the module counts what the guests do')


def main():
    scenarios = [vhost_net_control, in_one_guest(basics, tcp_stream, offloads), reboots,
                 bridge_with_legacy_guest]
    scenarios += [with_ring(ring, in_one_guest(basics, tcp_stream, offloads, reboot))
                  for ring in other_rings()]
    suite = Suite(scenarios)
    return 0 if suite.run() else 1


if __name__ == '__main__':
    sys.exit(main())
