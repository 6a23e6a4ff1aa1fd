# SPDX-License-Identifier: GPL-2.0
"""A guest: the host's kernel once more, in the host's stock QEMU, with KVM and a vhost device.

Owns the QEMU process, the commands that run inside (tests/vm/guest-init answers
them), and the counters of its vhost device. Runs as root in a host of tests/vm. Called by
scenario.py.
"""
import collections
import contextlib
import gzip
import itertools
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

from link import Tap
from wire import PATIENCE, Qmp, Silence, Wire

LAB = pathlib.Path('/lab')
RUN = pathlib.Path('/run/vhost-custom')
# Several programs run on a host, one after another.
RESULTS = pathlib.Path('/results/guests') / pathlib.Path(sys.argv[0]).stem
SERIAL = itertools.count(1)
QEMU_SECONDS, BOOT_SECONDS, COMMAND_SECONDS = 30 * PATIENCE, 120 * PATIENCE, 60 * PATIENCE

# An oops leaves its traces on the console and ends there. Traffic is ours alone without IPv6.
# The rest saves a third of the boot: looking for the AGP bridges of 2003, and self-tests.
KERNEL_OPTIONS = ('console=ttyS0 quiet panic=0 oops=panic mitigations=off ipv6.disable=1 '
                  'pci=noearly cryptomgr.notests initcall_blacklist=jent_mod_init,crypto_kdf108_init')

# Set eth0 up, without a page fault between a VM exit and the first kick: the emulator leaves a
# trace of that in EXITINTINFO, from which KVM of Linux 7.2 concludes, at the first access to a page
# of a device's registers, that an event's delivery was cut short ("KVM internal error. Suberror: 3").
# The first turn of the loop, which leaves it down, brings in all pages that the second one needs;
# the exits are those of the console.
ETH0_UP = ('for flags in 0x1002 0x1003; do echo $flags > /dev/ttyS0; '
           'echo $flags > /sys/class/net/eth0/flags; done')

# Options of a NIC that change its rings, and their features.
RINGS = {'packed=on': 34, 'in_order=on': 35}

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


def release():
    """Of the host's kernel, which is the guest's, too."""
    return tuple(map(int, os.uname().release.split('.')[:2]))


def cpu_model():
    """An emulated SVM breaks the FPU set-up of new kernels.

    A guest has no guests: the state of its own SVM, which it never uses, is not always one that
    the target of a migration accepts.
    """
    model = 'host,-svm,-vmx'
    return model + ',-xsave,-avx,-avx2' if is_emulated() and release() >= (7, 0) else model


def other_rings():
    """Options of NICs, each for other rings than usual, that QEMU and the guests know. IN_ORDER they do
    since Linux 7, and QEMU 10.
    """
    return ['packed=on,in_order=on', 'in_order=on'] if release() >= (7, 0) else ['packed=on']


def split_rings_here():
    """Whether this is the host where what QEMU can do is tried with split rings: Linux 6.12."""
    return (6, 2) <= release() < (7, 0)


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
    """The guest's initial ramdisk, unpacked once for all of the guests' boots.

    QEMU puts it at the end of a microvm's memory, where the firmware has its ACPI tables. As it fills
    its pages, the last one of memory stays free.
    """
    path = RUN / 'initrd'
    if not path.exists():
        RUN.mkdir(exist_ok=True)
        data = gzip.decompress((LAB / 'guest-initrd').read_bytes())
        path.write_bytes(data + bytes(-len(data) % 4096))
    return path


def read(path):
    try:
        return pathlib.Path(path).read_text(errors='replace')
    except OSError:
        return ''


class Guest:
    """A guest with one NIC.

    @device: the vhost device's path; it is opened once for each queue pair. None: QEMU does
             without (vhost=off).
    @number: of its tap, its MAC address and its IPv4 address 10.99.NUMBER.2/24, or
             10.99.0.NUMBER+1 on a bridge.
    @bridge: what to put the tap into, or None.
    @link: what its NIC is attached to, if not a tap: see link.py.
    @queues: queue pairs, and CPUs.
    @options: more of -device.
    @netdev: more of -netdev.
    @model: of -device.
    @machine: more of QEMU's command line.
    @append: more of the kernel's.
    @incoming: the URI where it waits for the state of another guest, which it continues.
    """

    def __init__(self, device, number=1, *, bridge=None, link=None, queues=1, options='',
                 netdev='', model='virtio-net-pci', machine='', append='', incoming=''):
        self.device, self.queues, self.model = device, queues, model
        self.options, self.netdev = options, netdev
        self.machine, self.append, self.incoming = machine, append, incoming
        self.link = link or Tap(number, bridge, queues)
        self.mac = f'52:54:00:99:00:{number:02x}'
        self.address, self.host = f'10.99.{number}.2', f'10.99.{number}.1'
        if bridge:
            self.address, self.host = f'10.99.0.{number + 1}', '10.99.0.1'
        name = f'{next(SERIAL):03}-{os.path.basename(device or "qemu")}-{self.link.name}'
        self.dir, self.keep = RUN / name, RESULTS / name
        self.process, self.fds, self.qmp, self.serial = None, [], None, None
        self.resets_due, self.booted = 0, False

    # Its life.

    def start(self):
        """Start QEMU; the guest boots meanwhile."""
        self.dir.mkdir(parents=True)
        self.link.add(self.mac)
        self.serial, self.qmp = Wire(self.dir / 'serial'), Qmp(self.dir / 'qmp')
        self.fds = [os.open(self.device, os.O_RDWR)
                    for _ in range(self.queues if self.device else 0)]
        try:
            with open(self.dir / 'qemu', 'wb') as log:
                self.process = subprocess.Popen(
                    self.command(), pass_fds=[*self.fds, *self.link.fds],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        finally:
            # QEMU's are the only ones; they have the same numbers there.
            for fd in self.fds:
                os.close(fd)
            self.link.close()
        self.qmp.greet(QEMU_SECONDS, self.is_running)
        self.serial.accept(QEMU_SECONDS, self.is_running)

    def command(self):
        fds = ':'.join(map(str, self.fds))
        vhost = f'vhost=on,vhostfds={fds}' if self.queues > 1 else f'vhost=on,vhostfd={fds}'
        netdev = ['tap', 'id=n0', self.link.netdev(), vhost if fds else 'vhost=off', self.netdev]
        command = ['setpriv', '--pdeathsig', 'KILL',
                   'qemu-system-x86_64', '-nodefaults', '-display', 'none', '-accel', 'kvm',
                   '-cpu', cpu_model(), '-m', '256M', '-smp', str(self.queues),
                   '-kernel', f'{LAB}/vmlinux', '-initrd', str(initrd()),
                   '-append', f'{KERNEL_OPTIONS} {self.append}'.strip(),
                   *self.machine.split(),
                   '-netdev', ','.join(filter(None, netdev)), '-device', self.nic(),
                   '-chardev', f'file,id=console,path={self.dir}/console',
                   '-chardev', f'socket,id=serial,path={self.dir}/serial',
                   '-serial', 'chardev:console', '-device', f'virtio-serial-{self.bus()}',
                   '-device', 'virtserialport,chardev=serial',
                   '-chardev', f'socket,id=qmp,path={self.dir}/qmp', '-mon',
                   'chardev=qmp,mode=control',
                   '-d', 'cpu_reset', '-D', f'{self.dir}/cpu_reset']
        return command + (['-incoming', self.incoming] if self.incoming else [])

    def bus(self):
        return 'pci' if self.model.endswith('pci') else 'device'

    def nic(self):
        """What -device and QMP's device_add get."""
        options = [self.model, 'id=nic', 'netdev=n0', f'mac={self.mac}', self.options]
        if self.model.endswith('pci'):
            options.append('romfile=')
        return ','.join(filter(None, options))

    def wait_for_boot(self):
        self.booted = False
        self.serial.expect(r'ready\n', BOOT_SECONDS, self.is_alive)
        self.booted = True
        status, output = self.run(f'dmesg -n 7; ip addr add {self.address}/24 dev eth0 && {ETH0_UP}')
        if status:
            raise RuntimeError(f'no eth0 in the guest: {output}')
        self.check_rings()

    def check_rings(self):
        """QEMU and the guest drop without a word what the other does not know."""
        if not any(option in self.options for option in RINGS):
            return
        guest = self.check('cat /sys/class/net/eth0/device/features')
        module = int(re.search(r'0x[0-9a-f]+', self.device_state()['features'])[0], 16)
        for option, bit in RINGS.items():
            wanted = option in self.options.split(',')
            if wanted and not (guest[bit] == '1' and module >> bit & 1):
                raise RuntimeError(f'no {option}: the guest has {guest}, the module {module:#x}')

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
        self.link.remove()
        if self.dir.exists():
            for name in ('serial', 'qmp'):
                (self.dir / name).unlink(missing_ok=True)
            shutil.copytree(self.dir, self.keep)
            shutil.rmtree(self.dir)

    def monitor(self, line):
        """A line for QEMU's other monitor, whose device_add takes what -device does."""
        return self.qmp.command('human-monitor-command', **{'command-line': line})

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
            return f'{self.counters()} (pending, position) {self.rings()} ' \
                   f'interrupts: {self.interrupt_fault() or "none wait"} console: {read(self.dir / "console")[-1000:]}'
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
        if self.booted or self.incoming or any(map(self.ring_address, range(2))):
            return ''
        return 'the guest hung before its NIC had a driver'

    def interrupt_fault(self):
        """For people: a CPU that waits for interrupts and has one, or ''. Its devices have done their
        part then.

        It is looked at for a while, as an interrupt may come just now. One that is in service
        cannot be seen at all while the CPU waits: Linux ends its service before.
        """
        waiting = None
        for _ in range(3):
            found = set(self.waiting_interrupts())
            waiting = found if waiting is None else waiting & found
            if not waiting:
                return ''
            time.sleep(0.3)
        return 'a CPU waits and has interrupts: ' + ', '.join(sorted(waiting))

    def waiting_interrupts(self):
        for cpu in self.waiting_cpus():
            found = re.findall(r'(?m)^(ISR|IRR)[ \t]+(\d[\d ]*)', self.monitor(f'info lapic {cpu}'))
            # It goes on between two commands.
            if cpu in self.waiting_cpus():
                for kind, vectors in found:
                    yield f'CPU {cpu} {kind} {vectors.strip()}'

    def waiting_cpus(self):
        """Those that have halted, with interrupts allowed."""
        registers = re.split(r'CPU#\d+', self.monitor('info registers -a'))[1:]
        flags = [re.search(r'RFL=([0-9a-f]+).*HLT=1', text) for text in registers]
        return [cpu for cpu, match in enumerate(flags) if match and int(match[1], 16) & 0x200]

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
        output = self.check('cat ' + ' '.join(path + name for name in names))
        values = output.split()
        if len(values) != len(names):
            raise RuntimeError(f'guest: no statistics but {output!r}')
        return dict(zip(names, map(int, values)))

    # Its vhost device.

    def is_custom(self):
        return self.device.endswith('custom')

    def counters(self):
        """The module's counters, of all queue pairs; of vhost_net, which has none, its worker's
        nanoseconds."""
        if not self.is_custom():
            return {'worker_ns': self.worker_ns()}
        total = collections.Counter()
        for pair in range(self.queues):
            for name, value in self.pair_counters(pair).items():
                total[name] += value
        return dict(total)

    def pair_counters(self, pair):
        return {name: int(value) for name, value in self.fdinfo(pair).items()
                if name.startswith(('rx_', 'tx_'))}

    def fdinfo(self, pair):
        lines = read(f'/proc/{self.process.pid}/fdinfo/{self.fds[pair]}').splitlines()
        return dict(line.split(':\t', 1) for line in lines if ':\t' in line)

    def worker_ns(self):
        """A worker is a kernel thread before 6.4, and later a thread of QEMU."""
        name = f'vhost-{self.process.pid}'
        tasks = itertools.chain(pathlib.Path('/proc').glob('[0-9]*'),
                                pathlib.Path(f'/proc/{self.process.pid}/task').iterdir())
        return sum(int(read(task / 'schedstat').split()[0])
                   for task in tasks if read(task / 'comm').strip() == name)

    def ring_status(self, queue):
        path = '/machine/peripheral/nic' + ('/virtio-backend' if 'pci' in self.model else '')
        return self.qmp.command('x-query-virtio-queue-status', queue=queue, path=path)

    def ring_address(self, queue):
        return self.ring_status(queue)['vring-desc']

    def rings(self):
        """{'rx': (pending, position), 'tx': ...}: whether the driver has made chains available that the
        device has not used, and where the device is, as is seen in the guest's memory.
        """
        look = self.packed_ring if 'packed=on' in self.options else self.split_ring
        return {name: look(name, self.ring_status(queue))
                for queue, name in enumerate(('rx', 'tx'))}

    def split_ring(self, _name, status):
        avail, used = (self.word(status[f'vring-{area}'] + 2) for area in ('avail', 'used'))
        return avail != used, used

    def packed_ring(self, name, status):
        """Only the device knows where it is: the descriptor there tells whether there is more."""
        position = self.device_state()[f'{name}_next_avail']
        slot, wrap = map(int, position.split(' wrap '))
        flags = self.word(status['vring-desc'] + 16 * slot + 14)
        return (flags >> 7 & 1, flags >> 15 & 1) == (wrap, 1 - wrap), position

    def device_state(self, pair=0):
        """The module's debugfs file: {'instance': ...}."""
        instance = self.fdinfo(pair)['instance']
        lines = read(f'/sys/kernel/debug/vhost_custom/{instance}').splitlines()
        return dict(line.split(':\t', 1) for line in lines)

    def word(self, address):
        return self.memory(address, 1, 2)[0]

    def memory(self, address, count, size):
        """What is in the guest's memory: COUNT words of SIZE bytes: 2, 4 or 8."""
        path = self.dir / 'memory'
        self.qmp.command('pmemsave', val=address, size=count * size, filename=str(path))
        return [word for word, in struct.iter_unpack({2: '<H', 4: '<I', 8: '<Q'}[size],
                                                     path.read_bytes())]
