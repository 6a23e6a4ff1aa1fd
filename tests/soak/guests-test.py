#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Four guests on a bridge, for as long as VHC_SECONDS in the environment says: all kinds of traffic,
between them and with the host, while links, queues, offloads and the module's parameters change, and
one of them migrates from QEMU to QEMU. Called by tests/in-host, as "make soak".

Each guest echoes a stream of the host's all the time, of which each byte is compared. As emulated
guests break now and then (scenario.py), and as what is left is best seen without any, four new ones
come every ten minutes.

The order is random: VHC_SEED in the environment repeats one, as far as the guests do.
"""
import collections
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'guest'))
# They wait for each other's CPUs.
os.environ['VHC_PATIENCE'] = str(3 * int(os.environ.get('VHC_PATIENCE', '1')))
from left import Left
from link import Tap
from migration import BRIDGE, one
from scenario import CUSTOM, NET, Suite, claims, comment
from traffic import (Moved, Stream, file_between, file_from, file_to, need, ping_from, ping_guest, pings,
                     tcp, udp)

SECONDS = int(os.environ.get('VHC_SECONDS', '600'))
SEED = int(os.environ.get('VHC_SEED', '1'))
# Lives of four guests, and the seconds of each. What is left can be compared from two on.
LIVES = max(2, round(SECONDS / 600))
LIFE = SECONDS / LIVES
PAIRS = 2
# What a life may leave, of what the kernel gets once and keeps.
FILES, KIB = 16, 512
# What was there before each life.
LEFT = []

PARAMETERS = {'poll_max_us': (0, 20, 50), 'latency': ('Y', 'N')}
OFFLOADS = ('rx on tx on sg on tso on gso on gro on', 'rx off tx off sg off tso off gso off gro off',
            'rx on tx on sg on tso off gso on gro on')
CARRIER = 'until [ "$(cat /sys/class/net/eth0/carrier)" = {} ]; do :; done'


class Crowd:
    """The four guests, each with its stream, and what happens to them. The first one migrates."""

    def __init__(self, run, dice):
        self.run, self.dice, self.migrations = run, dice, 0
        run.bridge(BRIDGE, '10.99.0.1/24')
        self.guests = [run.guest(CUSTOM, 1, bridge=BRIDGE, link=Tap(10, BRIDGE)),
                       run.guest(CUSTOM, 2, bridge=BRIDGE, options='packed=on'),
                       run.guest(CUSTOM, 3, bridge=BRIDGE, options='mq=on', queues=PAIRS),
                       run.guest(CUSTOM, 4, bridge=BRIDGE, netdev='poll-us=50')]
        self.streams = [Stream(guest) for guest in self.guests]

    def any(self):
        return self.dice.choice(self.guests)

    def pings(self):
        pings(self.any())

    def tcp(self):
        tcp(self.any(), 4, to_guest=self.dice.choice((False, True)))

    def udp(self):
        udp(self.any(), 2, to_guest=self.dice.choice((False, True)))

    def files(self):
        guest = self.any()
        file_from(guest, 2)
        file_to(guest, 2)

    def between(self):
        one_guest, other = self.dice.sample(self.guests, 2)
        ping_from(one_guest, other.address, self.dice.choice((56, 4000, 65000)))
        file_between(one_guest, other, 2)

    def link(self):
        guest = self.any()
        for up in (False, True):
            guest.qmp.command('set_link', name='n0', up=up)
            guest.check(CARRIER.format(int(up)))

    def pairs(self):
        for count in (*self.dice.choices(range(1, PAIRS + 1), k=4), PAIRS):
            self.guests[2].check(f'ethtool -L eth0 combined {count}')
            ping_guest(self.guests[2])

    def offloads(self):
        guest = self.any()
        for options in (*self.dice.sample(OFFLOADS, 2), OFFLOADS[0]):
            guest.check(f'ethtool -K eth0 {options}')
            ping_guest(guest, 4000)

    def mtu(self):
        guest = self.any()
        for mtu in (576, 1500):
            guest.check(f'ip link set eth0 mtu {mtu}')
            ping_from(guest, guest.host, 4000)

    def parameters(self):
        for name, values in PARAMETERS.items():
            path = pathlib.Path('/sys/module/vhost_custom/parameters', name)
            path.write_text(str(self.dice.choice(values)))
        ping_guest(self.any())

    def migrate(self):
        """To the module, or to vhost_net and back."""
        for device in self.dice.choice(((CUSTOM,), (NET, CUSTOM))):
            self.migrations += 1
            self.guests[0] = one(self.run, self.guests[0], device, self.migrations, self.streams[0])

    # All of it. Traffic is what the module has to count.

    TRAFFIC = (pings, tcp, udp, files, between)
    CHANGES = (link, pairs, offloads, mtu, parameters, migrate)

    def do(self, what):
        """One of the above, while all streams go on."""
        began = time.monotonic()
        moved = [Moved(guest) for guest in self.guests] if what in self.TRAFFIC else []
        what(self)
        for stream in self.streams:
            stream.await_echo()
        for each in moved:
            each.check()
        comment(f'{what.__name__}: {time.monotonic() - began:.0f} s')

    def end(self):
        """Each byte came back, and no frame was wrong; return how many bytes."""
        for stream in self.streams:
            stream.finish()
        for guest in self.guests:
            counters = guest.counters()
            bad = [counters[name] for name in ('rx_errors', 'tx_errors', 'tx_dropped')]
            need(not any(bad), guest.link.name, counters)
        return sum(stream.bytes for stream in self.streams)


def life(number):
    """A scenario."""
    @claims('mixed traffic and live reconfiguration', 'live migration',
            'no byte of four streams is lost or damaged')
    def scenario(run):
        LEFT.append(Left())
        dice, end = random.Random(SEED + number), time.monotonic() + LIFE
        crowd, done = Crowd(run, dice), collections.Counter()
        everything = (*crowd.TRAFFIC, *crowd.CHANGES)
        # All of it once, and again as long as there is time.
        while len(done) < len(everything) or time.monotonic() < end:
            for what in dice.sample(everything, len(everything)):
                if what.__name__ not in done or time.monotonic() < end:
                    crowd.do(what)
                    done[what.__name__] += 1
        run.claim(scenario.claims[0])
        run.claim(scenario.claims[1])
        comment(f'{crowd.end() >> 10} KiB came back beside',
                ', '.join(f'{count} {name}' for name, count in done.items()))
        run.claim(scenario.claims[2])
    scenario.__name__ = f'guests[{number}]'
    return scenario


@claims('threads, files and memory are what they were after the first of them')
def nothing_is_left(run):
    LEFT.append(Left())
    for left in LEFT:
        comment(left)
    first, last, lives = LEFT[1], LEFT[-1], len(LEFT) - 2
    need(last.threads == first.threads, first, last)
    need(last.files <= first.files + lives * FILES, first, last)
    need(last.kib <= first.kib + lives * KIB, first, last)
    run.claim(nothing_is_left.claims[0])


if __name__ == '__main__':
    sys.exit(0 if Suite([*map(life, range(LIVES)), nothing_is_left]).run() else 1)
