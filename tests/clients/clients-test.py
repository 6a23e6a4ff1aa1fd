#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Clients of the module, with the commands of docs/clients.md: libvirt with a guest of its own; a bridge,
one that knows VLANs, Open vSwitch and XDP before the tap of a guest that DPDK's testpmd plays; and
OpenConnect, which plays a guest with a TUN device itself.

Runs in a host of tests/vm with guests, by tests/in-host, and prints TAP.
"""
import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests/guest'), str(TOP / 'tests/lib')]
from guest import KERNEL_OPTIONS, LAB, QEMU_SECONDS, Guest, initrd, is_emulated, read, release
from link import ip, silence_ipv6
from pages import blocks, commands
from scenario import CUSTOM, NET, Suite, claims, comment
from traffic import Moved, need, ping_from, pings
from wire import Qmp, Wire

PAGE = 'docs/clients.md'
PAIRS = 2
PATIENCE = 60
# The process of a QEMU that did not begin.
NOBODY = -1
QEMU_CONF, LIBVIRTD_CONF = '/etc/libvirt/qemu.conf', '/etc/libvirt/libvirtd.conf'


def load(path):
    """A program of ours as a module."""
    loader = importlib.machinery.SourceFileLoader('program', str(TOP / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('program', loader))
    loader.exec_module(module)
    return module


def type_in(block, **variables):
    """Run a block's commands one after the other, as they are; each has to succeed. @variables: of their
    environment.
    """
    # Of "! COMMAND", -e takes no notice.
    script = re.sub(r'(?m)^! (.*)$', r'if \1; then exit 1; fi', block)
    # A file: what stays in the background does not keep us.
    with tempfile.TemporaryFile('w+') as said:
        done = subprocess.run(['sh', '-exc', script], cwd=TOP, check=False, timeout=3 * PATIENCE,
                              env={**os.environ, **variables,
                                   'PATH': f'{TOP}/tools:{os.environ["PATH"]}'},
                              stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        said.seek(0)
        words = said.read()
    need(done.returncode == 0, 'of the page failed:', words)
    return words


# libvirt


class Bridge:
    """What libvirt attaches its tap to; has the host's address."""

    def __init__(self):
        self.name, self.host, self.fds = 'br0', '10.99.1.1', []

    def add(self, _mac):
        ip(f'link add {self.name} type bridge')
        silence_ipv6(self.name)
        ip(f'addr add {self.host}/24 dev {self.name}')
        ip(f'link set {self.name} up')

    def close(self):
        pass

    def remove(self):
        subprocess.run(['ip', 'link', 'del', self.name], check=False, stderr=subprocess.DEVNULL)


class Daemon:
    """A process that is not our child."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, 'unknown'

    def poll(self):
        state = read(f'/proc/{self.pid}/stat').rpartition(')')[2].split()[:1]
        return None if state and state != ['Z'] else self.returncode

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f'process {self.pid}', seconds)
            time.sleep(0.1)

    def kill(self):
        os.kill(self.pid, 9)


DOMAIN = '''
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>guest</name>
  <memory unit='MiB'>256</memory>
  <vcpu>{pairs}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-passthrough' check='none' migratable='off'>{cpu}</cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    {interface}
    <channel type='unix'>
      <source mode='connect' path='{dir}/serial'/>
      <target type='virtio' name='commands'/>
    </channel>
    <serial type='file'><source path='{dir}/console'/></serial>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=ours,path={dir}/qmp'/>
    <qemu:arg value='-mon'/><qemu:arg value='chardev=ours,mode=control'/>
  </qemu:commandline>
</domain>
'''


def virsh(*arguments):
    done = subprocess.run(['virsh', '-q', '-c', 'qemu:///system', *arguments], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3 * PATIENCE)
    need(done.returncode == 0, 'virsh', *arguments, done.stdout)
    return done.stdout


class LibvirtGuest(Guest):
    """Its QEMU is started, and ended, by libvirtd; its NIC is the page's."""

    def __init__(self):
        super().__init__(CUSTOM, link=Bridge(), queues=PAIRS, options='packed=on')
        self.process = Daemon(NOBODY)

    def domain(self):
        off = ['svm', 'vmx']
        if is_emulated() and release() >= (7, 0):
            off += ['xsave', 'avx', 'avx2']
        interface = blocks(PAGE, 'libvirt')[0].replace(
            '<source', f"<mac address='{self.mac}'/><alias name='ua-nic'/><source", 1)
        return DOMAIN.format(pairs=PAIRS, kernel=LAB / 'vmlinux', initrd=initrd(), cmdline=KERNEL_OPTIONS,
                             cpu=''.join(f"<feature policy='disable' name='{name}'/>" for name in off),
                             interface=interface, dir=self.dir)

    def start(self):
        self.dir.mkdir(parents=True)
        self.link.add(self.mac)
        self.serial, self.qmp = Wire(self.dir / 'serial'), Qmp(self.dir / 'qmp')
        path = self.dir / 'domain.xml'
        path.write_text(self.domain())
        virsh('create', '--paused', str(path))
        self.process = Daemon(int(read('/run/libvirt/qemu/guest.pid')))
        links = pathlib.Path(f'/proc/{self.process.pid}/fd')
        self.fds = sorted(int(fd.name) for fd in links.iterdir() if os.readlink(fd) == CUSTOM)
        need(len(self.fds) == PAIRS, 'QEMU has', len(self.fds), CUSTOM)
        self.qmp.greet(QEMU_SECONDS, self.is_running)
        self.serial.accept(QEMU_SECONDS, self.is_running)
        virsh('resume', 'guest')

    def stop(self):
        # Nobody minds if it is gone.
        subprocess.run(['virsh', '-q', '-c', 'qemu:///system', 'destroy', 'guest'], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().stop()

    def own_resets(self):
        return 0 if self.process.pid == NOBODY else super().own_resets()

    def ring_status(self, queue):
        return self.qmp.command('x-query-virtio-queue-status', queue=queue,
                                path='/machine/peripheral/ua-nic/virtio-backend')


def start_libvirtd():
    """As root, as there is no other user here, nor systemd. Its cgroups are as usual."""
    pathlib.Path(QEMU_CONF).write_text('user = "root"\ngroup = "root"\ndynamic_ownership = 0\n'
                                       'remember_owner = 0\nnamespaces = []\nstdio_handler = "file"\n')
    pathlib.Path(LIBVIRTD_CONF).write_text('auth_unix_rw = "none"\nauth_unix_ro = "none"\n'
                                           'log_outputs = "2:file:/results/libvirtd"\n')
    # It returns when its socket is there.
    subprocess.run(['libvirtd', '--daemon', '--config', LIBVIRTD_CONF], check=True)


@claims('a domain with the interface of the page runs on the module', 'pings move through it',
        'each pair carries frames')
def libvirt(run):
    began = time.monotonic()
    if not pathlib.Path('/run/libvirt/libvirt-sock').exists():
        start_libvirtd()
    comment(f'libvirtd: {time.monotonic() - began:.0f} s')
    guest = LibvirtGuest()
    run.guests.append(guest)
    guest.start()
    comment(f'domain: {time.monotonic() - began:.0f} s')
    guest.wait_for_boot()
    need(f'{PAIRS} queue pair(s) on vhost_custom' in type_in(blocks(PAGE, 'libvirt')[1]), 'vhc-top: no pairs')
    run.claim('a domain with the interface of the page runs on the module')
    moved = Moved(guest)
    pings(guest)
    comment(moved.check())
    run.claim('pings move through it')
    guest.check(f'ethtool -L eth0 combined {PAIRS}')
    for cpu in range(PAIRS):
        before, end = guest.pair_counters(cpu), time.monotonic() + PATIENCE
        while guest.pair_counters(cpu)['tx_packets'] == before['tx_packets']:
            guest.check(f'taskset {1 << cpu:x} ping -q -c 3 -i 0.01 -W 10 {guest.host}')
            need(time.monotonic() < end, f'pair {cpu}:', before, guest.pair_counters(cpu))
    ping_from(guest, guest.host)
    run.claim('each pair carries frames')


# What is before a tap


class Carried:
    """Between the counters of a testpmd, then and now."""

    def __init__(self, pmd):
        self.pmd = pmd
        self.before = self.counters()

    def counters(self):
        pair, = self.pmd.counters()
        return {name: int(value) for name, value in pair.items() if name.startswith(('rx_', 'tx_'))}

    def moved(self):
        return {name: value - self.before[name] for name, value in self.counters().items()}

    def need(self, rx, tx):
        """At least so many frames went each way, and none was dropped."""
        end = time.monotonic() + PATIENCE
        while True:
            moved = self.moved()
            if moved['rx_packets'] >= rx and moved['tx_packets'] >= tx:
                break
            need(time.monotonic() < end, 'wanted', rx, 'and', tx, 'frames; moved:', moved)
            time.sleep(0.05)
        for name in ('rx_errors', 'tx_errors', 'rx_dropped', 'tx_dropped'):
            need(moved[name] == 0, name, moved[name])
        comment({name: moved[name] for name in ('rx_packets', 'rx_bytes', 'tx_packets', 'tx_bytes')})


def guest_without_a_machine():
    """The page's."""
    command = blocks(PAGE, 'A guest without a virtual machine')[0].replace('\\\n', ' ')
    return load('tests/dpdk/dpdk-test.py').Testpmd(command)


def on_the_tap(section, *frames):
    """Type in a section, one block after the other. @frames: of each block, what has to move at least
    (RX, TX), or None.
    """
    with guest_without_a_machine() as pmd:
        silence_ipv6('dpdk0')
        found = blocks(PAGE, section)
        need(len(found) == len(frames), section, 'has', len(found), 'blocks')
        for block, wanted in zip(found, frames):
            carried = Carried(pmd)
            said = type_in(block)
            if wanted:
                carried.need(*wanted)
            yield said, carried
        pmd.end()


@claims('pings move')
def bridge(run):
    list(on_the_tap('A bridge', (3, 3)))
    run.claim('pings move')


@claims('pings move to and from an untagged port', 'and a tagged one, with tags')
def vlan_aware_bridge(run):
    """A tag makes a frame four bytes longer. Of those that ping sends, the guest gets and sends all."""
    steps = on_the_tap('A VLAN-aware bridge', (3, 3), (3, 3))
    next(steps)
    run.claim(vlan_aware_bridge.claims[0])
    _, carried = next(steps)
    moved = carried.moved()
    # Beside them there may be answers to ARP.
    need(moved['tx_bytes'] == 3 * (98 + 4) + (moved['tx_packets'] - 3) * (42 + 4), 'no tags:', moved)
    run.claim(vlan_aware_bridge.claims[1])
    need(next(steps, None) is None, 'more blocks')


@claims('pings move, and the kernel forwards them')
def open_vswitch(run):
    subprocess.run(['/usr/share/openvswitch/scripts/ovs-ctl', 'start', '--system-id=random'], check=True,
                   stdout=subprocess.DEVNULL)
    try:
        for said, _ in on_the_tap('Open vSwitch', (10, 10)):
            flows = re.findall(r'(?m)^recirc_id.*eth_type\(0x0800\).*packets:([1-9]\d*)', said)
            need(len(flows) >= 2, 'no flows both ways in the kernel:', said)
    finally:
        subprocess.run(['/usr/share/openvswitch/scripts/ovs-ctl', 'stop'], check=True,
                       stdout=subprocess.DEVNULL)
    run.claim(open_vswitch.claims[0])


@claims('PASS', 'DROP', 'TX: the guest gets what it sends', 'REDIRECT: it gets XDP frames')
def xdp(run):
    names = [None, *xdp.claims]
    wanted = None, (3, 3), (3, 3), (6, 3), (3, 3)
    for name, _ in zip(names, on_the_tap('XDP', *wanted)):
        if name:
            run.claim(name)


# OpenConnect

VPN = pathlib.Path('/run/vpn')
VPN_SERVER, VPN_NAME, VPN_PASSWORD = 'vpn.example.org', 'guest', 'secret'
OCSERV_CONF = f'''
auth = "plain[passwd={VPN}/passwords]"
tcp-port = 443
udp-port = 443
run-as-user = nobody
run-as-group = nogroup
isolate-workers = false
socket-file = {VPN}/socket
server-cert = {VPN}/certificate
server-key = {VPN}/key
device = vpns
ipv4-network = 10.97.0.0/24
'''
CERTIFICATE = f'''
cn = "{VPN_SERVER}"
dns_name = "{VPN_SERVER}"
tls_www_server
ca
expiration_days = 3
'''


def sh(script):
    done = subprocess.run(['sh', '-exc', script], cwd=TOP, check=False, text=True, timeout=3 * PATIENCE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    need(done.returncode == 0, done.stdout)


def wait_until_unused():
    """A process whose first thread has ended may have others, that still have the device."""
    end = time.monotonic() + PATIENCE
    while not re.search(r'(?m)^vhost_custom \d+ 0 ', read('/proc/modules')):
        need(time.monotonic() < end, 'somebody has the device:', read('/proc/modules'))
        time.sleep(0.1)


@contextlib.contextmanager
def takeover():
    """/dev/vhost-net is the module."""
    wait_until_unused()
    sh('rmmod vhost_custom; rmmod vhost_net; insmod ./vhost-custom.ko takeover=1')
    try:
        yield
    finally:
        wait_until_unused()
        sh('rmmod vhost_custom; insmod ./vhost-custom.ko; modprobe vhost_net')


@contextlib.contextmanager
def vpn_server():
    """ocserv, elsewhere: in a network namespace."""
    VPN.mkdir()
    (VPN / 'ocserv.conf').write_text(OCSERV_CONF)
    (VPN / 'template').write_text(CERTIFICATE)
    sh(f'''
        ip netns add vpn
        ip link add vpn-here type veth peer name vpn-there netns vpn
        ip addr add 10.98.0.1/24 dev vpn-here
        ip link set vpn-here up
        ip -n vpn addr add 10.98.0.2/24 dev vpn-there
        ip -n vpn link set vpn-there up
        echo 10.98.0.2 {VPN_SERVER} >> /etc/hosts
        cd {VPN}
        certtool --generate-privkey --key-type ecdsa --outfile key
        certtool --generate-self-signed --load-privkey key --template template --outfile certificate
        mkdir -p /etc/ssl/certs
        cat certificate >> /etc/ssl/certs/ca-certificates.crt
        printf '%s\\n' {VPN_PASSWORD} {VPN_PASSWORD} | ocpasswd -c passwords {VPN_NAME}''')
    command = ['ip', 'netns', 'exec', 'vpn', 'ocserv', '-f', '-d', '1', '-c', VPN / 'ocserv.conf']
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            for line in server.stdout:
                if 'listening (UDP)' in line:
                    break
            else:
                need(False, 'ocserv ended')
            yield
        finally:
            server.terminate()
            # Nothing of what it says has to wait for us.
            server.communicate()
            sh('ip netns del vpn')


def vhost_descriptors(pid):
    found = []
    for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(FileNotFoundError):    # it was closed meanwhile
            if os.readlink(fd) == NET:
                found.append(fd)
    return found


def vhost_counters(pid):
    """Of the process's only vhost device."""
    fds = vhost_descriptors(pid)
    need(len(fds) == 1, 'openconnect has', len(fds), NET)
    return dict(re.findall(r'(?m)^((?:rx|tx)_\w+):\t(\d+)$', read(f'/proc/{pid}/fdinfo/{fds[0].name}')))


@contextlib.contextmanager
def vpn_client():
    """The page's."""
    begin, end = blocks(PAGE, 'OpenConnect')
    *connect, look = commands(begin)
    type_in('\n'.join(connect), NAME=VPN_NAME, PASSWORD=VPN_PASSWORD)
    pid = read('/run/openconnect.pid').strip()
    try:
        # It is in the background before it looks for a device.
        end_of_wait = time.monotonic() + PATIENCE
        while not vhost_descriptors(pid):
            need(time.monotonic() < end_of_wait, 'openconnect has not opened', NET)
            time.sleep(0.1)
        yield type_in(look), pid
    finally:
        type_in(end)
        Daemon(int(pid)).wait(PATIENCE)


def received(interface):
    return int(read(f'/sys/class/net/{interface}/statistics/rx_packets'))


def burst(pid, count):
    """Pings from the server that OpenConnect gets all at once: a single packet it writes by itself."""
    address = re.search(r'inet ([\d.]+)', subprocess.run(
        ['ip', '-4', 'addr', 'show', 'vpn0'], check=True, text=True, capture_output=True).stdout)[1]
    os.kill(pid, signal.SIGSTOP)
    before, end = received('vpn-here'), time.monotonic() + PATIENCE
    ping = ['ip', 'netns', 'exec', 'vpn', 'ping', '-U', '-q', '-c', str(count), '-l', str(count), '-W',
            str(PATIENCE), address]
    with subprocess.Popen(ping, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while received('vpn-here') < before + count:
                need(time.monotonic() < end, 'the server sent', received('vpn-here') - before, 'of', count)
                time.sleep(0.1)
        finally:
            os.kill(pid, signal.SIGCONT)
        said = process.communicate()[0]
    need(process.returncode == 0, said)


@claims('it takes the device', 'what it sends and receives moves through the module')
def openconnect(run):
    with takeover(), vpn_server(), vpn_client() as (said, pid):
        need('1 queue pair(s) on vhost_custom' in said, said)
        run.claim(openconnect.claims[0])
        before = vhost_counters(pid)
        burst(int(pid), 60)
        moved = {name: int(value) - int(before[name]) for name, value in vhost_counters(pid).items()}
        comment(moved)
        need(moved['rx_packets'] >= 60 and moved['tx_packets'] >= 30, moved)
        need(not any(moved[f'{way}_{what}'] for way in ('rx', 'tx') for what in ('errors', 'dropped')), moved)
        run.claim(openconnect.claims[1])


def main():
    return 0 if Suite([bridge, vlan_aware_bridge, open_vswitch, xdp, libvirt, openconnect]).run() else 1


if __name__ == '__main__':
    sys.exit(main())
