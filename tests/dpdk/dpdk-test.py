#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""DPDK's virtio-user as the driver: each frame that goes into its tap comes back from it.

testpmd swaps the addresses of what it receives, and sends it. So each frame is carried by both
queues, and the module's counters have to agree with what came back. /dev/vhost-net is the control.

Runs in a host of tests/vm, by tests/in-host, and prints TAP.
"""
import collections
import contextlib
import functools
import json
import os
import pathlib
import re
import shlex
import socket
import struct
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/lib'))
import tap
from pages import blocks, commands
from tap import PATIENCE, need, wait_until

CUSTOM, NET = '/dev/vhost-custom', '/dev/vhost-net'
STATE = pathlib.Path('/sys/kernel/debug/vhost_custom')
TAP = 'dpdk0'
GUEST, HOST = bytes.fromhex('525400990001'), bytes.fromhex('020000000001')
EXPERIMENT, IPV4 = 0x88b5, 0x0800
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_VNET_HDR = 263, 15
# Of virtio-user's arguments, what each is to the module.
FEATURES = {'mrg_rxbuf': 15, 'packed_vq': 34, 'in_order': 35}
RINGS = [f'packed_vq={packed},in_order={in_order}' for packed in '01' for in_order in '01']
SPLIT, PACKED_IN_ORDER = RINGS[0], RINGS[-1]
BUFFERS = 'mrg_rxbuf=1', 'mrg_rxbuf=0'
# So many are sent and not yet back: fewer than a ring has descriptors, or the tap's queue entries.
WINDOW = 100
JUMBO = 9000
DATA = os.urandom(1 << 17)
CLAIMS = []


def claim(*variants):
    """The function claims something, for each of these tuples of arguments."""
    def add(function):
        for arguments in variants or [()]:
            name = ' '.join([function.__name__, *map(str, arguments)])
            CLAIMS.append((name, functools.partial(function, *arguments)))
        return function
    return add


class Testpmd:
    """One that forwards, and its tap, which is up.

    @command: its own words, and those of EAL.
    """

    def __init__(self, command):
        # Lines are written one by one.
        self.process = subprocess.Popen(['stdbuf', '-oL', *shlex.split(command)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.said = ''

    def __enter__(self):
        try:
            for line in self.process.stdout:
                self.said += line
                if line.startswith('Press enter to exit'):
                    return self
            need(False, 'testpmd ended:', self.said)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, kind=None, *_):
        if kind:
            self.explain()
        self.process.kill()
        self.process.communicate()

    def end(self):
        """It ends by itself; return how many frames it received, and sent."""
        self.said += self.process.communicate('\n', timeout=PATIENCE)[0]
        need(self.process.returncode == 0, 'testpmd ended with', self.process.returncode, self.said)
        total = self.said.split('Accumulated forward statistics')[1]
        return [int(re.search(rf'{way}-packets: (\d+)', total)[1]) for way in ('RX', 'TX')]

    def explain(self):
        """Who lost a frame."""
        with contextlib.suppress(Exception):
            print('#', *self.counters())
            self.end()
        print('#', '\n# '.join(self.said.rpartition('Accumulated forward statistics')[2].splitlines()))

    def pairs(self, device):
        """The numbers of the files that it has open: one for each queue pair."""
        fds = pathlib.Path(f'/proc/{self.process.pid}/fd')
        return sorted(int(fd.name) for fd in fds.iterdir() if os.readlink(fd) == device)

    def counters(self):
        """The module's, of each queue pair."""
        return [dict(line.split(':\t') for line in
                     pathlib.Path(f'/proc/{self.process.pid}/fdinfo/{fd}').read_text().splitlines()
                     if re.match(r'(instance|[rt]x_\w+):', line)) for fd in self.pairs(CUSTOM)]


def up(mtu=1500):
    """Its traffic is ours alone."""
    pathlib.Path(f'/proc/sys/net/ipv6/conf/{TAP}/disable_ipv6').write_text('1')
    subprocess.run(['ip', 'link', 'set', TAP, 'mtu', str(mtu), 'up'], check=True)


def testpmd(device, ring, queues=1, size=256, options=''):
    """@ring: what is chosen of the ring: of virtio-user's arguments."""
    # The first lcore waits for us, the second polls. They may share a CPU.
    return Testpmd(
        'dpdk-testpmd --no-huge -m 128 --no-pci --no-telemetry '
        f'--lcores=0@0,1@{os.cpu_count() - 1} --vdev=virtio_user0,path={device},iface={TAP},'
        f'mac={GUEST.hex(":")},queues={queues},queue_size={size},{ring} -- --forward-mode=macswap '
        f'--port-topology=loop --total-num-mbufs=8192 --rxq={queues} --txq={queues} --rxd={size} '
        f'--txd={size} {options}')


def frame(number, size, kind=EXPERIMENT, header=b''):
    """No two are alike."""
    begin = GUEST + HOST + struct.pack('!H', kind) + header + struct.pack('!I', number)
    return begin + DATA[number % 60000:][:size - len(begin)]


def swapped(data):
    return data[6:12] + data[:6] + data[12:]


def packet_socket(kind=EXPERIMENT, with_header=False):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', PATIENCE, 0))
    if with_header:
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.bind((TAP, kind))
    return sock


def there_and_back(frames, sock, window=WINDOW, flow=lambda data: None, answer=swapped):
    """Send them; each comes back once, undamaged, in the order of its flow.

    @flow: what a frame belongs to.
    @answer: what comes back for one.
    """
    waiting, todo, under_way = collections.defaultdict(collections.deque), iter(frames), 0
    for number in range(len(frames)):
        while under_way < window and (data := next(todo, None)):
            waiting[flow(data)].append(answer(data))
            sock.send(data)
            under_way += 1
        try:
            data = sock.recv(1 << 17)
        except BlockingIOError:
            need(False, number, 'of', len(frames), 'frames came back')
        under_way -= 1
        queue = waiting[flow(data)]
        want = queue.popleft() if queue else b''
        need(data == want, 'after', number, 'frames came', len(data), 'bytes', data[:64].hex(),
             'instead of', len(want), want[:64].hex())


def carried(pmd, device, frames, pairs=1):
    """The module, and testpmd, moved these frames and nothing else."""
    packets, octets = len(frames), sum(map(len, frames))
    need(len(pmd.pairs(device)) == pairs, 'files open of', device, pmd.pairs(device))
    if device == NET:
        need(not list(STATE.glob('[0-9]*')), 'somebody uses the module')
    else:
        def total():
            return {f'{way}_{name}': sum(int(pair[f'{way}_{name}']) for pair in pmd.counters())
                    for way in ('rx', 'tx')
                    for name in ('packets', 'bytes', 'dropped', 'errors', 'signals')}

        # It polls: nobody is to be signalled.
        want = {f'{way}_{name}': value for way in ('rx', 'tx') for name, value in
                {'packets': packets, 'bytes': octets, 'dropped': 0, 'errors': 0,
                 'signals': 0}.items()}
        wait_until(lambda: total() == want, lambda: f'{want}, but {total()},')
        for pair in pmd.counters():
            need(int(pair['tx_kicks']) > 0 < int(pair['rx_packets']) == int(pair['tx_packets']), pair)
    need(pmd.end() == [packets, packets], 'testpmd says', pmd.said)


def sizes(count, largest=1514):
    """First those with which something may begin or end, then all sorts of."""
    edges = [60, 61, 64, 127, 128, 129, 1024, largest - 1, largest]
    return edges + [60 + number * 977 % (largest - 59) for number in range(count - len(edges))]


def plain_frames(mtu=1500):
    """Enough to go around a ring of 256 three times; jumbo frames, which a ring holds fewer of, once
    with all their buffers."""
    return [frame(number, size) for number, size in
            enumerate(sizes(800) if mtu == 1500 else sizes(150, mtu + 14))]


def chosen(pmd, ring):
    """The ring is of the kind that was asked for."""
    text = (STATE / pmd.counters()[0]['instance']).read_text()
    features = int(re.search(r'features:.*\(0x([0-9a-f]+),', text)[1], 16)
    for word in ring.split(','):
        name, value = word.split('=')
        need(name not in FEATURES or features >> FEATURES[name] & 1 == int(value), word, text)


@claim(*((NET, SPLIT, buffers) for buffers in BUFFERS),
       *((CUSTOM, ring, buffers) for ring in RINGS for buffers in BUFFERS),
       (CUSTOM, PACKED_IN_ORDER, 'mrg_rxbuf=0', 250), (CUSTOM, SPLIT, 'mrg_rxbuf=0,vectorized=1'))
def frames_come_back(device, ring, buffers, size=256):
    ring, mergeable = f'{ring},{buffers}', buffers == BUFFERS[0]
    options = f'--max-pkt-len={JUMBO + 18} --enable-scatter' if mergeable else ''
    with testpmd(device, ring, size=size, options=options) as pmd:
        up(JUMBO if mergeable else 1500)
        frames = plain_frames()
        with packet_socket() as sock:
            there_and_back(frames, sock)
            if mergeable:
                jumbo = plain_frames(JUMBO)
                there_and_back(jumbo, sock, window=30)
                frames += jumbo
        if device == CUSTOM:
            chosen(pmd, ring)
        carried(pmd, device, frames)


def udp_header(flow, size):
    return struct.pack('!BBHIBBH4s4sHHHH', 0x45, 0, size - 14, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton('198.18.0.1'), socket.inet_aton('198.18.0.2'),
                       1024 + flow, 9, size - 34, 0)


def flow_of(data):
    return data[34:36]


@claim((SPLIT,), (PACKED_IN_ORDER,))
def two_queue_pairs_share_the_flows(ring):
    with testpmd(CUSTOM, ring, queues=2) as pmd:
        up()
        frames = [frame(number, size, IPV4, udp_header(number % 32, size))
                  for number, size in enumerate(sizes(600))]
        with packet_socket(IPV4) as sock:
            there_and_back(frames, sock, flow=flow_of)
        text = subprocess.run([TOP / 'tools/vhc-top', '--json', '--interval', '0.1', '--pid',
                               str(pmd.process.pid)], check=True, stdout=subprocess.PIPE).stdout
        queues = json.loads(text)['queues']
        need(len(queues) == 4 and all(queue['device'] == TAP for queue in queues), text)
        carried(pmd, CUSTOM, frames, pairs=2)


GSO = struct.Struct('<BBHHHH')
NEEDS_CSUM, TCPV4 = 1, 1


def fold(data):
    total = sum(word for word, in struct.iter_unpack('!H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def tcp_frame(number, size):
    """One of TCP, for which segments are yet to be made."""
    addresses = socket.inet_aton('198.18.0.1') + socket.inet_aton('198.18.0.2')
    ip = struct.pack('!BBHIBBH', 0x45, 0, size - 14, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    ip = ip[:10] + struct.pack('!H', fold(ip) ^ 0xffff) + ip[12:]
    pseudo = fold(addresses + struct.pack('!HH', socket.IPPROTO_TCP, size - 34))
    tcp = struct.pack('!HHIIBBHHH', 1024, 9, number, 0, 0x50, 0x10, 1024, pseudo, 0)
    return GSO.pack(NEEDS_CSUM, TCPV4, 54, 1448, 34, 16) + frame(number, size, IPV4, ip + tcp)


# Without in_order=1, DPDK 24.11 leaves the buffer id out of a packed ring's descriptor that refers to
# an indirect table, and then does not know whose descriptors it gets back.
@claim(*((ring,) for ring in RINGS if ring != 'packed_vq=1,in_order=0'))
def unsegmented_tcp_comes_back_in_many_descriptors(ring):
    # scatter, TCP and UDP checksums, large receive offload. A run of the worker hands back at its end
    # what it took, up to 512 KiB and so some 300 descriptors; testpmd drops what has no room meanwhile.
    with testpmd(CUSTOM, ring, size=1024, options='--rx-offloads=0x201c') as pmd:
        up()
        frames = [tcp_frame(number, size) for number, size in enumerate(sizes(60, 60000)) if size > 1514]
        with packet_socket(IPV4, with_header=True) as sock:
            # What the guest sends is one large frame that asks for nothing.
            there_and_back(frames, sock, window=4,
                           answer=lambda data: bytes(GSO.size) + swapped(data[GSO.size:]))
        carried(pmd, CUSTOM, [data[GSO.size:] for data in frames])


@claim()
def readme_has_commands_that_work():
    [first], rest = map(commands, blocks('README.md', 'DPDK'))
    with Testpmd(first) as pmd:
        for command in rest:
            result = subprocess.run(command, shell=True, cwd=TOP, timeout=PATIENCE, check=False,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
            need(result.returncode == 0, command, 'failed:', result.stdout)
        need(f'{pmd.process.pid}: 1 queue pair(s) on vhost_custom' in result.stdout, result.stdout)
        pmd.end()


def main():
    return tap.check(CLAIMS)


if __name__ == '__main__':
    sys.exit(main())
