# SPDX-License-Identifier: GPL-2.0
"""Traffic between a guest and its host, or another guest: pings, iperf3, files.

Each function makes its traffic, checks it from end to end, and raises Wrong if it is not what
was sent. QEMU falls back to virtio in user space without a word, so that Moved compares what
the guest's driver counted with what the module did. Bytes are bounded: emulated KVM does not
stand more (lab.md). Called by the programs here and by the demo.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

from link import Tap
from wire import PATIENCE

PING_SIZES = (1, 56, 1472, 1473, 4000, 9000, 65000)
TRAFFIC_SECONDS = 90 * PATIENCE
# A working ring catches up in less, or it is stalled.
RING_SECONDS = 5 * PATIENCE


class Wrong(Exception):
    """Traffic did not arrive as it was sent."""


def need(good, *what):
    if not good:
        raise Wrong(' '.join(map(str, what)))


def host_counts(guest):
    """What the host's IP and its end of the guest's link have counted, by name."""
    counts = {}
    for path in ('/proc/net/snmp', '/proc/net/netstat'):
        lines = pathlib.Path(path).read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            protocol, *names = names.split()
            counts.update((protocol + name, int(value)) for name, value in zip(names, values.split()[1:]))
    for path in pathlib.Path('/sys/class/net', guest.link.name, 'statistics').iterdir():
        counts[f'{guest.link.name}:{path.name}'] = int(path.read_text())
    return counts


def counted_since(guest, before):
    """What a frame that got lost behind the module has left."""
    after = host_counts(guest)
    changed = [f'{name} {value - before.get(name, 0):+}' for name, value in after.items()
               if value != before.get(name, 0)]
    return 'the host counted ' + ' '.join(changed)


def ping_guest(guest, size=56, count=2, seconds=20):
    """Host to guest and back; return the milliseconds of the fastest."""
    before = host_counts(guest)
    # Without -U, ping asks for time stamps, for which the kernel patches itself: guest.py.
    result = subprocess.run(
        ['ping', '-n', '-U', '-q', '-i', '0.05', '-c', str(count), '-w', str(seconds * PATIENCE), '-s', str(size),
         guest.address], capture_output=True, text=True, check=False)
    need(result.returncode == 0, f'ping of {size} bytes from the host:', result.stdout, counted_since(guest, before))
    times = re.search(r'= ([\d.]+)/', result.stdout)
    return float(times[1]) if times else 0.0


def went_through(guest, module, before):
    """Whether the module gave the tap each frame that it took, and took each that the tap had, since it
    and the host counted so much.
    """
    if not guest.is_custom() or not isinstance(guest.link, Tap):
        return False
    now, after, tap = guest.counters(), host_counts(guest), guest.link.name
    frames = {way: now[f'{way}_packets'] - module[f'{way}_packets'] for way in ('tx', 'rx')}
    theirs = {way: after[f'{tap}:{way}_packets'] - before[f'{tap}:{way}_packets'] for way in ('tx', 'rx')}
    lost = [f'{way}_{what}' for way in ('tx', 'rx') for what in ('dropped', 'errors')]
    return (frames['tx'], frames['rx']) == (theirs['rx'], theirs['tx']) and not any(
        now[name] - module[name] or after[f'{tap}:{name}'] - before[f'{tap}:{name}'] for name in lost)


def ping_from(guest, address, size=56, options='-c 1'):
    """Guest to ADDRESS and back."""
    module, before = guest.counters(), host_counts(guest)
    status, output = guest.run(f'ping -q -W {10 * PATIENCE} -s {size} {options} {address}')
    if status:
        # Fragments that were made and not sent got lost before the ring.
        need(False, f'ping of {size} bytes from the guest:', output, guest.check('cat /proc/net/snmp'),
             guest.packets(), 'module and tap agree:', went_through(guest, module, before),
             counted_since(guest, before))


def pings(guest):
    for size in PING_SIZES:
        ping_guest(guest, size)
        ping_from(guest, guest.host, size)


class Iperf:
    """An iperf3 server of one test on the host."""

    def __enter__(self):
        self.process = subprocess.Popen(['iperf3', '-s', '-1', '--forceflush'], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if 'listening' in line:
                self.said = ''
                return self
        raise Wrong('iperf3 does not listen')

    def __exit__(self, *_):
        self.process.kill()
        self.said = self.process.communicate()[0]


def iperf(guest, options):
    """Run a client in the guest; return its report."""
    with Iperf() as server:
        status, output = guest.run(f'iperf3 -J -i 1 -c {guest.host} {options}', TRAFFIC_SECONDS)
    need(status == 0, f'iperf3 {options}:', output[-500:], 'the server:', server.said[-500:])
    return json.loads(output)


def tcp(guest, megabytes, to_guest=False):
    """Send over TCP; return Mbit/s, and the bytes that arrived."""
    end = iperf(guest, f'-n {megabytes}M' + (' -R' if to_guest else ''))['end']
    sent, received = end['sum_sent'], end['sum_received']
    # The sender counts what it wrote, and ends the test with some of that in its socket.
    need(sent['bytes'] >= received['bytes'] > 0, 'TCP:', sent, received)
    return received['bits_per_second'] / 1e6, received['bytes']


def udp(guest, seconds, to_guest=False):
    """Send 125000 bytes a second over UDP; return how many datagrams arrived.

    All of them have room in a socket: a program that this machine has no time for loses none.
    """
    for name in ('rmem_max', 'wmem_max'):
        guest.check(f'echo 4194304 > /proc/sys/net/core/{name}')
        pathlib.Path('/proc/sys/net/core', name).write_text('4194304')
    end = iperf(guest, f'-u -b 1M -w 2M -l 1400 -t {seconds}' + (' -R' if to_guest else ''))['end']['sum']
    need(end['packets'] > 0 and end['lost_packets'] * 10 <= end['packets'],
         'UDP: more than one in ten is lost:', end)
    return end['packets'] - end['lost_packets']


class Server:
    """A TCP server on the host for one connection, in a thread of its own."""

    def __init__(self, data=None):
        self.data, self.digest, self.error = data, None, None
        self.socket = socket.create_server(('', 0))
        self.socket.settimeout(TRAFFIC_SECONDS)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            connection = self.socket.accept()[0]
            with connection:
                connection.settimeout(TRAFFIC_SECONDS)
                if self.data is None:
                    self.receive(connection)
                else:
                    connection.sendall(self.data)
        except OSError as error:
            self.error = error

    def receive(self, connection):
        digest = hashlib.sha256()
        while chunk := connection.recv(65536):
            digest.update(chunk)
        self.digest = digest.hexdigest()

    def join(self):
        self.thread.join(TRAFFIC_SECONDS)
        self.socket.close()
        need(not self.error and not self.thread.is_alive(), 'file transfer:', self.error)
        return self.digest


def file_from(guest, megabytes):
    """A file of random bytes from the guest, compared by its SHA-256."""
    output = guest.check(f'dd if=/dev/urandom of=/tmp/out bs=1M count={megabytes} 2> /dev/null; '
                         'sha256sum < /tmp/out')
    server = Server()
    # nc itself sends a kilobyte at a time, and TCP does not wait for more.
    guest.check(f'nc {guest.host} {server.port} -e dd if=/tmp/out bs=1M 2> /dev/null',
                TRAFFIC_SECONDS)
    need(server.join() == output.split()[0], 'the file is another one at the host')


def file_to(guest, megabytes, path='/tmp/in'):
    """The same to the guest; return the SHA-256."""
    data = os.urandom(megabytes << 20)
    server = Server(data)
    output = guest.check(f'nc {guest.host} {server.port} < /dev/null > {path}; '
                         f'sha256sum < {path}', TRAFFIC_SECONDS)
    server.join()
    digest = hashlib.sha256(data).hexdigest()
    need(output.split()[0] == digest, 'the file is another one at the guest')
    return digest


def file_between(sender, receiver, megabytes):
    """From one guest to another, which answers with the digest of what it got."""
    receiver.check('nc -l -p 5000 -e sha256sum > /dev/null 2>&1 & '
                   'until grep -q " [0-9A-F]*:1388 00000000:0000 0A " /proc/net/tcp; do :; done')
    digest = sender.check(f'dd if=/dev/urandom of=/tmp/out bs=1M count={megabytes} '
                          '2> /dev/null; sha256sum < /tmp/out').split()[0]
    answer = sender.check(f'nc {receiver.address} 5000 < /tmp/out', TRAFFIC_SECONDS)
    need(answer.split()[:1] == [digest], 'the file is another one at the receiver:', answer)


class Stream:
    """A TCP connection on which the guest echoes what the host sends, until it is finished.

    Slow enough for an emulated guest, and never idle. Each byte is compared; .bytes came back.
    """

    CHUNK, PAUSE = 16384, 0.02

    def __init__(self, guest):
        self.socket = socket.create_server(('', 0))
        self.socket.settimeout(TRAFFIC_SECONDS)
        self.stop, self.echoed = threading.Event(), threading.Event()
        self.error, self.bytes = None, 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        port = self.socket.getsockname()[1]
        guest.check(f'nc {guest.host} {port} -e cat > /dev/null 2>&1 &')
        self.await_echo()

    def serve(self):
        try:
            connection = self.socket.accept()[0]
            with connection:
                connection.settimeout(TRAFFIC_SECONDS)
                while not self.stop.wait(self.PAUSE):
                    self.echo(connection)
        except (OSError, Wrong) as error:
            self.error = error

    def echo(self, connection):
        data = os.urandom(self.CHUNK)
        connection.sendall(data)
        answer = b''
        while len(answer) < len(data):
            part = connection.recv(len(data) - len(answer))
            need(part, 'the guest closed the stream')
            answer += part
        need(answer == data, 'the guest answers with other bytes')
        self.bytes += len(data)
        self.echoed.set()

    def await_echo(self):
        """Bytes go both ways from now on, or again."""
        self.echoed.clear()
        need(self.echoed.wait(TRAFFIC_SECONDS), 'the stream stands still:', self.error)

    def finish(self):
        """It runs, and each byte that was sent came back."""
        self.await_echo()
        self.close()
        need(not self.error and not self.thread.is_alive(), 'the stream broke:', self.error)

    def close(self):
        self.stop.set()
        self.thread.join(TRAFFIC_SECONDS)
        self.socket.close()

    def abandon(self):
        """It cannot go on: nobody waits for the last echo."""
        self.stop.set()
        self.socket.close()


class Moved:
    """What moved since, by the guest's driver and by the module."""

    def __init__(self, guest):
        self.guest = guest
        # The module's first, and last in check(): a frame of anybody's that comes in between
        # is then counted by the module at least as often as by the guest.
        self.module, self.driver = guest.counters(), guest.packets()

    def check(self):
        """The module moved all that the guest did; return the module's differences. Of
        vhost_net it is only known whether its worker ran.
        """
        driver = {name: value - self.driver[name] for name, value in
                  self.guest.packets().items()}
        module = {name: value - self.module[name] for name, value in
                  self.guest.counters().items()}
        if not self.guest.is_custom():
            need(module['worker_ns'] > 0, 'the worker did nothing')
            return module
        for name, value in driver.items():
            need(module[name] >= value > 0, f'{name}: the guest counts', value,
                 'and the module', module[name])
        for name in ('rx_errors', 'tx_errors', 'tx_dropped'):
            need(module[name] == 0, name, module[name])
        return module


def statistics_agree(guest):
    """At rest the driver's statistics, since it began, are the module's. Those of TX are of frames that
    it knows to be sent, and it looks when it sends. ethtool -S has kicks, of which the worker may find
    several at once; and packets and bytes before Linux 6.10, which has them elsewhere.
    """
    end = time.monotonic() + TRAFFIC_SECONDS
    while True:
        ping_from(guest, guest.host)
        driver = guest.packets()
        found = re.findall(r'\b(rx|tx)(?:_queue_)?0_(packets|bytes|kicks): (\d+)',
                           guest.check('ethtool -S eth0'))
        queues = {f'{way}_{what}': int(value) for way, what, value in found}
        kicks = {way: queues.pop(f'{way}_kicks', 0) for way in ('rx', 'tx')}
        module = guest.counters()
        if all(module[name] == value for name, value in {**driver, **queues}.items()):
            break
        need(time.monotonic() < end, 'the guest:', driver, queues, 'the module:', module)
    # QEMU adds one as it starts a queue.
    need(all(0 < module[f'{way}_kicks'] <= 1 + kicks[way] for way in kicks), kicks, module)


def indices_agree(guest):
    """Each packet used one entry of its TX ring, and nothing is left to do."""
    end = time.monotonic() + RING_SECONDS
    # The guest may send something meanwhile, ARP say.
    while guest.rings()['tx'][0]:
        need(time.monotonic() < end, 'the TX ring has work left:', guest.rings())


@contextlib.contextmanager
def large_segments(guest):
    """TCP makes segments of 16 frames' size, if it can leave them to somebody else; how many it
    takes by itself depends on its estimate of the speed.
    """
    knob = 'net/ipv4/tcp_min_tso_segs'
    path = pathlib.Path('/proc/sys', knob)
    before = path.read_text()
    guest.check(f'echo 16 > /proc/sys/{knob}')
    path.write_text('16')
    try:
        yield
    finally:
        path.write_text(before)
