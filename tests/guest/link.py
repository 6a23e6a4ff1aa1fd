# SPDX-License-Identifier: GPL-2.0
"""What a guest's NIC is attached to on the host: a tap, or a macvtap over a veth pair.

Owns these interfaces and the descriptors that QEMU gets of them. All have the host's address
10.99.NUMBER.1/24, or are ports of a bridge. Called by guest.py.
"""
import fcntl
import os
import pathlib
import struct
import subprocess

# linux/if_tun.h
TUNSETIFF = 0x400454ca
TUNSETOFFLOAD = 0x400454d0
TUN_F_CSUM, TUN_F_TSO4, TUN_F_UDP_TUNNEL_GSO = 0x01, 0x02, 0x80
IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x0100, 0x1000, 0x4000


def ip(arguments):
    subprocess.run(['ip', *arguments.split()], check=True)


def silence_ipv6(name):
    """Traffic is ours alone without it."""
    pathlib.Path(f'/proc/sys/net/ipv6/conf/{name}/disable_ipv6').write_text('1')


def open_tap(name, flags):
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', name.encode(),
                                           IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags))
    return fd


def tun_has_tunnels():
    """Whether the host's tun can segment what is in UDP tunnels."""
    fd = open_tap('tap-probe', 0)
    try:
        fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_UDP_TUNNEL_GSO)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


class Tap:
    """QEMU opens it by its name, or gets a descriptor for each queue if there are more.

    @bridge: what to put it into, or None.
    """

    def __init__(self, number, bridge=None, queues=1, mtu=1500):
        self.fds = []
        self.name = f'tap{number}'
        self.host = f'10.99.{number}.1'
        self.bridge, self.queues, self.mtu = bridge, queues, mtu

    def add(self, _mac):
        ip(f'tuntap add dev {self.name} mode tap' + (' multi_queue' if self.queues > 1 else ''))
        silence_ipv6(self.name)
        if self.bridge:
            ip(f'link set {self.name} master {self.bridge}')
        else:
            ip(f'addr add {self.host}/24 dev {self.name}')
        ip(f'link set {self.name} mtu {self.mtu} up')
        if self.queues > 1:
            self.fds = [open_tap(self.name, IFF_MULTI_QUEUE) for _ in range(self.queues)]

    def netdev(self):
        if self.fds:
            return 'fds=' + ':'.join(map(str, self.fds))
        return f'ifname={self.name},script=no,downscript=no'

    def close(self):
        """QEMU has them."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def remove(self):
        self.close()
        subprocess.run(['ip', 'link', 'del', self.name], check=False, stderr=subprocess.DEVNULL)


class Macvtap:
    """QEMU gets its character device; the host's address is at the veth pair's other end."""

    def __init__(self, number):
        self.name = f'tap{number}'
        self.lower, self.upper = f'lower{number}', f'upper{number}'
        self.host = f'10.99.{number}.1'
        self.fds = []

    def add(self, mac):
        ip(f'link add {self.lower} type veth peer name {self.upper}')
        ip(f'link add link {self.lower} name {self.name} address {mac} type macvtap mode bridge')
        for name in (self.lower, self.upper, self.name):
            silence_ipv6(name)
            ip(f'link set {name} up')
        ip(f'addr add {self.host}/24 dev {self.upper}')
        index = pathlib.Path(f'/sys/class/net/{self.name}/ifindex').read_text().strip()
        self.fds = [os.open(f'/dev/tap{index}', os.O_RDWR)]

    def netdev(self):
        return f'fd={self.fds[0]}'

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def remove(self):
        self.close()
        subprocess.run(['ip', 'link', 'del', self.lower], check=False, stderr=subprocess.DEVNULL)
