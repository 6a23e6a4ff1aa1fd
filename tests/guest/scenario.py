# SPDX-License-Identifier: GPL-2.0
"""Scenarios: claims that share guests, and the rule by which a scenario may run again.

Where KVM itself is emulated, the emulator breaks guests now and then, on vhost_net as on our
device. A scenario that failed is run again, at most twice, if all of this holds: the host is
emulated, its kernel is silent, our counters agree with the rings and no ring has work left, and
a guest's console, QEMU's log, or a reset that nobody asked for shows that a CPU of the guest
failed, or the guest hung in its boot before any driver had touched the device. More than one
scenario in three run again is a failure. Anything else is our bug.

Owns the claims' output (TAP). Called by guest-test.py and demo.py.
"""
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys
import time
import traceback

from guest import Died, Guest, is_emulated, read, steady_kvm
from traffic import RING_SECONDS, Wrong, ping_guest
from wire import Silence

NET, CUSTOM = '/dev/vhost-net', '/dev/vhost-custom'
TESTS = pathlib.Path(__file__).resolve().parents[1]
RERUNS = 2

FAILURES = (Died, Silence, Wrong, RuntimeError, OSError, ValueError, subprocess.SubprocessError)


def load_lab():
    """tests/vm/run, for what it takes for a kernel's complaint."""
    loader = importlib.machinery.SourceFileLoader('lab', str(TESTS / 'vm/run'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('lab', loader))
    loader.exec_module(module)
    return module


COMPLAINT = load_lab().COMPLAINT


def comment(*words):
    for line in ' '.join(map(str, words)).splitlines():
        print('#', line, flush=True)


def host_complaints():
    lines = subprocess.run(['dmesg'], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if COMPLAINT.search(line)]


def ring_is_idle(guest, name):
    """Whether a queue has nothing to do, or does it."""
    end = time.monotonic() + RING_SECONDS
    first = guest.rings()[name][1]
    while time.monotonic() < end:
        pending, position = guest.rings()[name]
        if not pending or position != first:
            return True
    return False


def rx_delivers(guest):
    """Whether a frame for the guest gets into its ring; without free buffers it need not."""
    before = guest.counters()['rx_packets']
    if not guest.rings()['rx'][0]:
        return True
    try:
        ping_guest(guest, count=1)
        return True
    except Wrong:
        return guest.counters()['rx_packets'] > before


def our_fault(guest):
    """What speaks against us, or ''."""
    try:
        guest.is_running()
        if not guest.is_custom():
            return ''
        counters = guest.counters()
        if counters['rx_errors'] or counters['tx_errors']:
            return f'bad descriptors: {counters}'
        if guest.is_halted():
            return ''
        if not ring_is_idle(guest, 'tx'):
            return f'tx stalled with work pending: {guest.rings()} {counters}'
        if not rx_delivers(guest):
            return f'rx stalled with work pending: {guest.rings()} {counters}'
        return ''
    except FAILURES as error:
        return f'no evidence: {error}'


def hung_early(guest):
    try:
        return guest.boot_fault()
    except FAILURES:
        return ''


def emulator_fault(guests):
    """What shows that the emulator is to blame for a failure, or '' if nothing does."""
    complaints = host_complaints()
    if complaints or not is_emulated():
        comment(*complaints[:10])
        return ''
    faults = [fault for fault in (guest.cpu_fault() or hung_early(guest) for guest in guests)
              if fault]
    ours = [fault for fault in map(our_fault, guests) if fault]
    comment('evidence: of the CPU:', faults or 'none', 'of the device:', ours or 'none')
    return faults[0] if faults and not ours else ''


class Attempt:
    """One run of a scenario: its guests, and its claims so far."""

    def __init__(self):
        self.guests, self.results, self.links = [], [], []
        # More of -device of guests on the module.
        self.ring = ''
        # A guest for scenarios that share one, and whose claims come now.
        self.sharing, self.shared, self.scenario = False, None, ''

    def guest(self, *args, **kwargs):
        """Boot a guest that lives as long as the attempt."""
        if self.shared and args == (CUSTOM,) and not kwargs:
            return self.shared
        guest = self.add(*args, **kwargs)
        guest.wait_for_boot()
        if self.sharing:
            self.shared = guest
        return guest

    def add(self, *args, **kwargs):
        """The same without waiting for its boot."""
        guest = Guest(*args, **kwargs)
        if guest.device == CUSTOM:
            guest.options = ','.join(filter(None, [guest.options, self.ring]))
        self.guests.append(guest)
        guest.start()
        return guest

    def drop(self, guest):
        """One that is not needed any more."""
        self.guests.remove(guest)
        guest.stop()

    def bridge(self, name, address):
        self.remove_at_end(name)
        for command in (f'link add {name} type bridge', f'addr add {address} dev {name}',
                        f'link set {name} up'):
            subprocess.run(['ip', *command.split()], check=True)

    def remove_at_end(self, name):
        """A network interface of the host's."""
        self.links.append(name)

    def claim(self, name):
        """It holds: it was reached."""
        self.results.append(self.scenario + name)

    def close(self):
        for guest in self.guests:
            guest.stop()
        for name in self.links:
            subprocess.run(['ip', 'link', 'del', name], check=False, stderr=subprocess.DEVNULL)


class Suite:
    """Runs scenarios and prints TAP."""

    def __init__(self, scenarios):
        """@scenarios: functions of an attempt; what they claim is in their .claims. People
        name some of them on the command line.
        """
        chosen = sys.argv[1:]
        self.scenarios = [s for s in scenarios if not chosen or s.__name__ in chosen]
        if not self.scenarios:
            sys.exit(f'no scenario is chosen of: {" ".join(s.__name__ for s in scenarios)}')
        self.number, self.good = 0, True
        self.rerun = []

    def report(self, good, name):
        self.number += 1
        self.good &= good
        print('' if good else 'not ', f'ok {self.number} - {name}', sep='', flush=True)

    def run(self):
        extra = ['reruns: at most one scenario in three',
                 'nothing is left: no QEMU, no tap, no user of the module']
        print(f'1..{sum(len(s.claims) for s in self.scenarios) + len(extra)}', flush=True)
        with steady_kvm():
            for scenario in self.scenarios:
                self.run_scenario(scenario)
        comment(f'{len(self.rerun)} of {len(self.scenarios)} scenarios were run again',
                *self.rerun)
        self.report(len(self.rerun) * 3 <= len(self.scenarios), extra[0])
        left = leftovers()
        comment(left)
        self.report(not left, extra[1])
        return self.good

    def run_scenario(self, scenario):
        for count in range(RERUNS + 1):
            began = time.monotonic()
            results, fault = attempt(scenario)
            comment(f'{scenario.__name__}: {time.monotonic() - began:.0f} s')
            if not fault or count == RERUNS:
                break
            if not count:
                self.rerun.append(scenario.__name__)
            comment(f'rerun {count + 1} of {scenario.__name__}: {fault}')
        for name in scenario.claims:
            self.report(name in results, f'{scenario.__name__}: {name}')


def attempt(scenario):
    """Run a scenario; return the claims that hold, and the emulator's fault if there is one."""
    run, fault = Attempt(), ''
    try:
        scenario(run)
    except FAILURES as error:
        comment(f'{scenario.__name__}: after "{(run.results or ["nothing"])[-1]}":',
                f'{type(error).__name__}: {error}')
        fault = emulator_fault(run.guests)
        for guest in run.guests:
            comment(guest.link.name, guest.state())
    except Exception:  # pylint: disable=broad-except
        # A bug of the test fails this scenario's claims, and not the others'.
        comment(traceback.format_exc())
    finally:
        run.close()
    return run.results, fault


def claims(*names):
    """A decorator: what a scenario claims, in this order."""
    def mark(scenario):
        scenario.claims = names
        return scenario
    return mark


def with_ring(ring, scenario):
    """The same scenario, with RING in the options of each NIC on the module."""
    def other(run):
        run.ring = ring
        scenario(run)
    other.__name__ = f'{scenario.__name__}[{ring}]'
    other.claims = scenario.claims
    return other


def in_one_guest(*scenarios):
    """Scenarios of a plain guest on the module, one after the other: a boot is most of one."""
    def all_of(run):
        run.sharing = True
        for scenario in scenarios:
            run.scenario = f'{scenario.__name__}: '
            scenario(run)
    all_of.__name__ = 'one_guest'
    all_of.claims = [f'{scenario.__name__}: {name}'
                     for scenario in scenarios for name in scenario.claims]
    return all_of


def leftovers():
    """What is left of guests that were stopped, or ''."""
    left = []
    for comm in pathlib.Path('/proc').glob('[0-9]*/comm'):
        if read(comm).startswith(('qemu-system', 'vhost-')):
            left.append(f'process {comm.parent.name}')
    left += [path.name for path in pathlib.Path('/sys/class/net').glob('tap*')]
    users = re.search(r'^vhost_custom \d+ (\d+)', read('/proc/modules'), re.M)
    if not users or users[1] != '0':
        left.append(f'module users: {users and users[1]}')
    return ', '.join(left)
