# SPDX-License-Identifier: GPL-2.0
"""A guest: the host's kernel once more, in the host's stock QEMU, with KVM and a vhost device.

Owns the QEMU process, its tap, the commands that run inside (tests/vm/guest-init answers
them), and the counters of its vhost device. Runs as root in a host of tests/vm. Called by
scenario.py.
"""
import contextlib
import gzip
import itertools
import os
import pathlib
import re
import shutil
import subprocess

from wire import Qmp, Silence, Wire

LAB = pathlib.Path('/lab')
RUN = pathlib.Path('/run/vhost-custom')
RESULTS = pathlib.Path('/results/guests')
SERIAL = itertools.count(1)
QEMU_SECONDS, BOOT_SECONDS, COMMAND_SECONDS = 30, 120, 60

# An oops leaves its traces on the console and ends there. Traffic is ours alone without IPv6.
# The rest saves a third of the boot: looking for the AGP bridges of 2003, and self-tests.
KERNEL_OPTIONS = ('console=ttyS0 quiet panic=0 oops=panic mitigations=off ipv6.disable=1 '
                  'pci=noearly cryptomgr.notests')

# What a guest's console, or QEMU, says when a CPU failed.
CPU_FAULT = re.compile(
    r'.*(?:double fault|general protection|Oops|invalid opcode|divide error|int3|stack segment'
    r'|Kernel panic|PANIC:|BUG: |unable to handle|bad RIP|traps: |trap \w+ ip|segfault at'
    r'|soft lockup|hard LOCKUP|rcu: INFO|Machine check'
    r'|KVM internal error|kvm run failed|KVM: entry failed).*', re.I)


class Died(Exception):
    """The guest is no more: its CPU failed, it reset itself, or QEMU ended."""


def is_emulated():
    """Whether this host is itself software emulation: no real vmx or svm below it."""
    return 'QEMU TCG CPU' in pathlib.Path('/proc/cpuinfo').read_text()


def cpu_model():
    """An emulated SVM breaks the FPU set-up of new kernels."""
    release = tuple(map(int, os.uname().release.split('.')[:2]))
    return 'host,-xsave,-avx,-avx2' if is_emulated() and release >= (7, 0) else 'host'


@contextlib.contextmanager
def steady_kvm():
    """Keep KVM from patching the host's kernel at each boot and reset of a guest.

    KVM has jump labels for "some vCPU's APIC is off". An emulated host with several CPUs loses
    a race with the patching, and dies of "Oops: int3" in apic_has_pending_timer(). A paused VM,
    whose APIC is off, keeps them as they are.
    """
    if not is_emulated():
        yield
        return
    command = 'qemu-system-x86_64 -accel kvm -S -m 16 -nodefaults -display none'
    with subprocess.Popen(command.split(), stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def initrd():
    """The guest's initial ramdisk, unpacked once for all of the guests' boots."""
    path = RUN / 'initrd'
    if not path.exists():
        RUN.mkdir(exist_ok=True)
        path.write_bytes(gzip.decompress((LAB / 'guest-initrd').read_bytes()))
    return path


def ip(arguments):
    subprocess.run(['ip', *arguments.split()], check=True)


def read(path):
    try:
        return pathlib.Path(path).read_text(errors='replace')
    except OSError:
        return ''


class Guest:
    """A guest with one NIC.

    @device: the vhost device's path.
    @number: of its tap, its MAC address and its IPv4 address 10.99.NUMBER.2/16, or
             10.99.0.NUMBER on a bridge; the host has 10.99.NUMBER.1.
    @bridge: what to put the tap into, or None.
    @options: more of -device virtio-net-pci.
    """

    def __init__(self, device, number=1, bridge=None, options=''):
        self.device, self.bridge, self.options = device, bridge, options
        self.number, self.tap = number, f'tap{number}'
        self.address, self.host = f'10.99.{number}.2', f'10.99.{number}.1'
        if bridge:
            self.address, self.host = f'10.99.0.{number + 1}', '10.99.0.1'
        name = f'{next(SERIAL):03}-{os.path.basename(device)}-{self.tap}'
        self.dir, self.keep = RUN / name, RESULTS / name
        self.process, self.fd, self.qmp, self.serial = None, None, None, None
        self.resets_due, self.booted = 0, False

    # Its life.

    def start(self):
        """Start QEMU; the guest boots meanwhile."""
        self.dir.mkdir(parents=True)
        ip(f'tuntap add dev {self.tap} mode tap')
        if self.bridge:
            ip(f'link set {self.tap} master {self.bridge}')
        else:
            ip(f'addr add {self.host}/24 dev {self.tap}')
        pathlib.Path(f'/proc/sys/net/ipv6/conf/{self.tap}/disable_ipv6').write_text('1')
        ip(f'link set {self.tap} up')
        self.serial, self.qmp = Wire(self.dir / 'serial'), Qmp(self.dir / 'qmp')
        self.fd = os.open(self.device, os.O_RDWR)
        try:
            with open(self.dir / 'qemu', 'wb') as log:
                self.process = subprocess.Popen(
                    self.command(), pass_fds=[self.fd], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT)
        finally:
            # QEMU's is the only one; it has the same number there.
            os.close(self.fd)
        self.qmp.greet(QEMU_SECONDS, self.is_running)
        self.serial.accept(QEMU_SECONDS, self.is_running)

    def command(self):
        mac = f'52:54:00:99:00:{self.number:02x}'
        nic = f'virtio-net-pci,id=nic,netdev=n0,mac={mac},romfile='
        return ['setpriv', '--pdeathsig', 'KILL',
                'qemu-system-x86_64', '-nodefaults', '-display', 'none', '-accel', 'kvm',
                '-cpu', cpu_model(), '-m', '256M',
                '-kernel', f'{LAB}/vmlinuz', '-initrd', str(initrd()),
                '-append', KERNEL_OPTIONS,
                '-netdev', f'tap,id=n0,ifname={self.tap},script=no,downscript=no,vhost=on,'
                           f'vhostfd={self.fd}',
                '-device', nic + (',' + self.options if self.options else ''),
                '-serial', f'file:{self.dir}/console',
                '-chardev', f'socket,id=serial,path={self.dir}/serial', '-serial',
                'chardev:serial',
                '-chardev', f'socket,id=qmp,path={self.dir}/qmp', '-mon',
                'chardev=qmp,mode=control',
                '-d', 'cpu_reset', '-D', f'{self.dir}/cpu_reset']

    def wait_for_boot(self):
        self.booted = False
        self.serial.expect(r'ready\n', BOOT_SECONDS, self.is_alive)
        self.booted = True
        status, output = self.run(f'dmesg -n 7; ip addr add {self.address}/24 dev eth0 && '
                                  'ip link set eth0 up')
        if status:
            raise RuntimeError(f'no eth0 in the guest: {output}')

    def reset(self):
        """What a reset button does. On return the guest runs again."""
        # SeaBIOS needs a second reset, and asks for it itself, as its first act.
        self.resets_due += 1
        self.qmp.command('system_reset')
        self.wait_for_boot()

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                self.qmp.command('quit')
                self.process.wait(QEMU_SECONDS)
            except (OSError, Silence, RuntimeError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        for wire in (self.serial, self.qmp):
            if wire:
                wire.close()
        subprocess.run(['ip', 'link', 'del', self.tap], check=False, stderr=subprocess.DEVNULL)
        if self.dir.exists():
            for name in ('serial', 'qmp'):
                (self.dir / name).unlink(missing_ok=True)
            shutil.copytree(self.dir, self.keep)
            shutil.rmtree(self.dir)

    # Is it well?

    def is_running(self):
        if self.process.poll() is not None:
            raise Died(f'QEMU ended with {self.process.returncode}: {read(self.dir / "qemu")}')

    def is_alive(self):
        self.is_running()
        fault = self.cpu_fault()
        if fault:
            raise Died(fault)

    def is_halted(self):
        """Whether its rings are not served any more: it reset itself, or QEMU stopped it."""
        return self.own_resets() > 0 or not self.qmp.command('query-status')['running']

    def state(self):
        """For people: what is known of it."""
        try:
            self.is_running()
            return f'{self.counters()} (avail, used) {self.rings()} ' \
                   f'console: {read(self.dir / "console")[-1000:]}'
        except (Died, OSError, RuntimeError, Silence) as error:
            return str(error)

    def own_resets(self):
        """How often the guest reset itself, without need."""
        resets = [event for event in self.qmp.poll()
                  if event['event'] == 'RESET' and event['data']['guest']]
        return max(0, len(resets) - self.resets_due)

    def cpu_fault(self):
        """What shows that the guest's CPU failed, or ''."""
        for name in ('console', 'qemu'):
            match = CPU_FAULT.search(read(self.dir / name))
            if match:
                return f'{name}: {match[0].strip()}'
        if self.own_resets():
            return 'the guest reset itself'
        return ''

    def boot_fault(self):
        """Whether it hung on its way to the driver of its NIC, which never saw the device, or ''.
        """
        if self.booted or any(self.ring_address(queue) for queue in range(2)):
            return ''
        return 'the guest hung before its NIC had a driver'

    # What runs inside.

    def run(self, command, seconds=COMMAND_SECONDS):
        """Run a shell command line in the guest; return its status and output."""
        self.serial.send(command + '\n')
        match, output = self.serial.expect(r'status (\d+)\n', seconds, self.is_alive)
        return int(match[1]), output

    def check(self, command, seconds=COMMAND_SECONDS):
        """Run one that has to succeed; return its output."""
        status, output = self.run(command, seconds)
        if status:
            raise RuntimeError(f'guest: {command}: status {status}: {output}')
        return output

    def packets(self):
        """What the guest's driver counted: {'rx_packets': ..., 'tx_bytes': ...}."""
        names = ['rx_packets', 'rx_bytes', 'tx_packets', 'tx_bytes']
        path = '/sys/class/net/eth0/statistics/'
        values = self.check('cat ' + ' '.join(path + name for name in names)).split()
        return dict(zip(names, map(int, values)))

    # Its vhost device.

    def is_custom(self):
        return self.device.endswith('custom')

    def counters(self):
        """The module's counters; of vhost_net, which has none, its worker's nanoseconds."""
        if not self.is_custom():
            return {'worker_ns': self.worker_ns()}
        lines = read(f'/proc/{self.process.pid}/fdinfo/{self.fd}').splitlines()
        pairs = (line.split(':\t') for line in lines)
        return {pair[0]: int(pair[1]) for pair in pairs
                if len(pair) == 2 and pair[0].startswith(('rx_', 'tx_'))}

    def worker_ns(self):
        """A worker is a kernel thread before 6.4, and later a thread of QEMU."""
        name = f'vhost-{self.process.pid}'
        tasks = itertools.chain(pathlib.Path('/proc').glob('[0-9]*'),
                                pathlib.Path(f'/proc/{self.process.pid}/task').iterdir())
        return sum(int(read(task / 'schedstat').split()[0])
                   for task in tasks if read(task / 'comm').strip() == name)

    def ring_status(self, queue):
        return self.qmp.command('x-query-virtio-queue-status', queue=queue,
                                path='/machine/peripheral/nic/virtio-backend')

    def ring_address(self, queue):
        return self.ring_status(queue)['vring-desc']

    def rings(self):
        """{'rx': (avail, used), 'tx': ...}: the indices in the guest's memory, 16 bits each."""
        rings = {}
        for queue, name in enumerate(('rx', 'tx')):
            status = self.ring_status(queue)
            rings[name] = (self.word(status['vring-avail'] + 2),
                           self.word(status['vring-used'] + 2))
        return rings

    def word(self, address):
        text = self.qmp.command('human-monitor-command',
                                **{'command-line': f'xp /1hx {address:#x}'})
        return int(text.split(':')[1], 16)
