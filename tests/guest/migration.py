# SPDX-License-Identifier: GPL-2.0
"""Live migration of a running guest from one QEMU to another on the same host, which has
vhost-net or the module: all four pairs, under a ping flood, iperf3, and streams whose bytes are
compared.

Most of what the device writes, the guest's CPU copies elsewhere, so that KVM's own log hides
what ours forgot. Hence some bytes come when all memory was copied once, and stay in the
socket, in the pages to which the device wrote them, until the guest is elsewhere.

Called by qemu-test.py and, for many rounds, by tests/soak.
"""
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import termios
import time

from guest import RUN
from link import Tap
from scenario import CUSTOM, NET, claims
from traffic import (TRAFFIC_SECONDS, Iperf, Moved, Stream, file_to, need, ping_from,
                     ping_guest)
from wire import PATIENCE

BRIDGE = 'br0'
MIGRATION_SECONDS = 180 * PATIENCE
UNREAD = 6
# Each follows from the one before.
PAIRS = ((NET, NET), (NET, CUSTOM), (CUSTOM, CUSTOM), (CUSTOM, NET))


def name_of(pair):
    return ' to '.join(device.rsplit('/', maxsplit=1)[-1] for device in pair)


@contextlib.contextmanager
def ping_flood(guest):
    """The host pings as fast as it gets answers; none may be damaged, or come twice. Not with -f,
    which sends a hundred a second without answers, too: an emulated guest then has its RX ring
    and the tap's queue full of them, and answers ARP too late.
    """
    with subprocess.Popen(['ping', '-A', '-n', '-U', '-q', '-s', '1000', guest.address],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            output = process.communicate()[0]
    answers = re.search(r'(\d+) received', output)
    need(answers and int(answers[1]) > 0, 'ping flood: no answer:', output)
    need('wrong data' not in output and 'duplicates' not in output and 'errors' not in output,
         'ping flood:', output)


@contextlib.contextmanager
def iperf_of(guest, seconds):
    """iperf3 from the guest, across the migration: GUEST() is whoever runs the guest then."""
    with Iperf():
        guest().check(f'iperf3 -J -c {guest().host} -b 2M -t {seconds} > /tmp/iperf 2>&1 & '
                      'iperf=$!')
        yield
        status, _ = guest().run('wait $iperf', TRAFFIC_SECONDS)
        output = guest().check('cat /tmp/iperf')
    need(status == 0, 'iperf3:', output[-500:])
    need(json.loads(output)['end']['sum_received']['bytes'] > 0, 'iperf3:', output[-500:])


class Unread:
    """Bytes that the guest's kernel has and nobody reads, until check().

    A socket's buffer has room for them even if each 1448 of them have a page of their own.
    """

    SIZE = 20 << 10

    def __init__(self, guest, number):
        self.data, self.number = os.urandom(self.SIZE), number
        with socket.create_server(('', 0)) as server:
            server.settimeout(TRAFFIC_SECONDS)
            port = server.getsockname()[1]
            # Each has a script of its own, as a shell that runs one may not have read all of it.
            guest.check("printf '#!/bin/sh\\nuntil [ -e /tmp/go ]; do sleep 0.1; done\\n"
                        f"exec cat\\n' > /tmp/reader{number}; chmod +x /tmp/reader{number}; "
                        f'rm -f /tmp/go; nc {guest.host} {port} -e /tmp/reader{number} '
                        f'> /dev/null 2>&1 & reader{number}=$!')
            self.socket = server.accept()[0]
        self.socket.settimeout(TRAFFIC_SECONDS)

    def send(self, alive):
        """On return the guest's kernel has acknowledged all of it."""
        self.socket.sendall(self.data)
        wait_until(lambda: self.outstanding() == 0, 'acknowledgement of all bytes', alive)

    def outstanding(self):
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        need(not error, 'connection', self.number, 'to the guest:', os.strerror(error))
        return struct.unpack('i', fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]

    def check(self, guest):
        """They are what was sent: the guest's reader echoes them."""
        guest.check('touch /tmp/go')
        self.socket.shutdown(socket.SHUT_WR)
        answer = b''
        while part := self.socket.recv(65536):
            answer += part
        self.socket.close()
        guest.check(f'wait $reader{self.number}', TRAFFIC_SECONDS)
        need(answer == self.data, 'bytes that were not read before the migration are others')


def wait_until(condition, what, alive):
    end = time.monotonic() + MIGRATION_SECONDS
    while not condition():
        alive()
        need(time.monotonic() < end, 'no', what, 'in', MIGRATION_SECONDS, 's')
        time.sleep(0.05)


def move(source, target, uri, unread):
    """Migrate; on return the target runs, and the source does not."""
    def state():
        return source.qmp.command('query-migrate')

    def has_not_failed():
        source.is_running()
        target.is_running()
        need(state().get('status') != 'failed', 'migration:', state())

    def limit(bandwidth, downtime):
        source.qmp.command('migrate-set-parameters', **{'max-bandwidth': bandwidth,
                                                        'downtime-limit': downtime})

    source.qmp.command('migrate-set-capabilities',
                       capabilities=[{'capability': 'events', 'state': True}])
    # Not 0: QEMU looks for new dirty pages only when less is left than this would let it send.
    limit(32 << 20, 1)
    source.qmp.command('migrate', uri=uri)
    wait_until(lambda: state().get('ram', {}).get('remaining', 1 << 30) < 8 << 20,
               'first copy of most memory', has_not_failed)
    # From here on it does not end: it would, if less was left than goes over in a millisecond, and
    # that is less than a page.
    limit(3 << 20, 1)
    wait_until(lambda: state()['ram']['dirty-sync-count'] > 1, 'first copy of all memory',
               has_not_failed)
    limit(1 << 20, 1)
    for each in unread:
        each.send(has_not_failed)
    need(state()['status'] == 'active', 'the migration ended too early:', state())
    limit(1 << 34, 2000)
    source.qmp.wait('MIGRATION', MIGRATION_SECONDS, has_not_failed, status='completed')
    target.qmp.wait('RESUME', MIGRATION_SECONDS, target.is_running)
    target.booted = True


def one(run, source, device, number, stream):
    """Migrate the guest to a QEMU on DEVICE under load, and check all that it holds."""
    uri = f'unix:{RUN}/migration-{number}'
    target = run.add(device, 1, bridge=BRIDGE, link=Tap(10 + number, BRIDGE), incoming=uri)
    now = source
    digest = file_to(source, 1)
    unread = [Unread(source, number) for number in range(UNREAD)]
    with iperf_of(lambda: now, 10), ping_flood(source):
        stream.await_echo()
        move(source, target, uri, unread)
        now = target
        target.check_rings()
        stream.await_echo()
    run.drop(source)
    for each in unread:
        each.check(target)
    need(target.check('sha256sum < /tmp/in').split()[0] == digest,
         'a file is another one after the migration')
    moved = Moved(target)
    ping_guest(target)
    ping_from(target, target.host, 4000)
    stream.await_echo()
    moved.check()
    return target


def all_of(run, pairs):
    run.bridge(BRIDGE, '10.99.0.1/24')
    guest = run.guest(pairs[0][0], 1, bridge=BRIDGE, link=Tap(10, BRIDGE))
    stream = Stream(guest)
    for number, pair in enumerate(pairs, start=1):
        guest = one(run, guest, pair[1], number, stream)
        run.claim(name_of(pair))
    stream.finish()


@claims(*map(name_of, PAIRS))
def migration(run):
    all_of(run, PAIRS)


@claims(name_of((CUSTOM, CUSTOM)))
def migration_of_ours(run):
    """Of a guest with rings that vhost_net does not know."""
    all_of(run, [(CUSTOM, CUSTOM)])
