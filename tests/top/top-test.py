#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vhc-top on devices that vhc-test plays the guest of: does it say what the module counts?

Runs in a host of tests/vm, by tests/in-host, and prints TAP.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/lib'))
import tap
from tap import PATIENCE, need, wait_until

VHC_TOP, VHC_TEST, VHC_PIN = (TOP / 'tools' / name for name in ('vhc-top', 'vhc-test', 'vhc-pin'))
SET_OWNER = 0xaf01
VHC_MODERATION = TOP / 'tools/vhc-moderation'
LATENCY = pathlib.Path('/sys/module/vhost_custom/parameters/latency')
STATE = pathlib.Path('/sys/kernel/debug/vhost_custom')
PIDFD_GETFD = 438
CLAIMS = []


def claim(function):
    CLAIMS.append(function)
    return function


class Guest:
    """A vhc-test that sends frames until it is stopped."""

    def __init__(self, program=VHC_TEST):
        self.process = subprocess.Popen([program, '--seconds', '600', '--quiet'],
                                        stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        try:
            wait_until(lambda: self.fdinfo().get('tx_packets', 0) > 100, 'traffic')
        except BaseException:
            self.end()
            raise

    def device_fd(self):
        for path in pathlib.Path(f'/proc/{self.pid}/fd').iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(path) == '/dev/vhost-custom':
                    return path.name
        return None

    def fdinfo(self):
        number = self.device_fd()
        if not number:
            return {}
        text = pathlib.Path(f'/proc/{self.pid}/fdinfo/{number}').read_text()
        return {line.split(':')[0]: int(line.split(':')[1]) for line in text.splitlines()
                if re.match(r'(instance|[rt]x_\w+):', line)}

    def rest(self):
        """Stop it; on return the module has done all that it asked for."""
        os.kill(self.pid, signal.SIGSTOP)
        last = [None]

        def unchanged():
            before, last[0] = last[0], self.fdinfo()
            return before == last[0]

        wait_until(unchanged, 'rest')
        return last[0]

    def go(self):
        os.kill(self.pid, signal.SIGCONT)

    def end(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def guests(count=1, program=VHC_TEST):
    running = []
    try:
        for _ in range(count):
            running.append(Guest(program))
        yield running
    finally:
        for guest in running:
            guest.end()


def vhc_top(*arguments, status=0):
    result = subprocess.run([VHC_TOP, *map(str, arguments)], capture_output=True, text=True,
                            timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    need(result.returncode == status, arguments, 'ended with', result.returncode, result.stdout,
         result.stderr)
    return result.stdout


def queues_of(line):
    return {(queue['pid'], queue['queue']): queue for queue in json.loads(line)['queues']}


@claim
def json_has_each_queue_and_what_it_does():
    with guests(2) as running:
        lines = vhc_top('--json', '--count', 2, '--interval', 0.5).splitlines()
        need(len(lines) == 2, lines)
        first, second = map(queues_of, lines)
        want = {(guest.pid, name) for guest in running for name in ('rx', 'tx')}
        need(set(first) == set(second) == want, first.keys(), second.keys())
        for key, queue in second.items():
            need(queue['counters']['packets'] > first[key]['counters']['packets'], key)
            need(queue['rates']['pps'] > 0 and queue['state'] == 'runs', queue)
            need(queue['guest'] == 'vhc-test', queue)
            comm = pathlib.Path(f'/proc/{queue["worker"]["tid"]}/comm').read_text().strip()
            need(comm == f'vhost-{queue["pid"]}', comm)
            need(pathlib.Path('/sys/class/net', queue['device']).exists(), queue['device'])
            need(queue['rates']['worker_percent'] > 0, queue['rates'])
        # RX and TX have a thread each, so that the percentages may be added up.
        tids = {queue['worker']['tid'] for queue in second.values()}
        need(len(tids) == len(second), tids)


def thread_ns(pid):
    """The time of all threads that a process's devices have, as the scheduler counts it."""
    total = 0
    for path in pathlib.Path('/proc').glob('[1-9]*/task/*/comm'):
        with contextlib.suppress(OSError):
            if path.read_text().strip() == f'vhost-{pid}':
                total += int((path.parent / 'schedstat').read_text().split()[0])
    return total


@claim
def the_worker_s_percentages_sum_up():
    with guests() as (guest,):
        command = [VHC_TOP, '--json', '--count', '20', '--interval', '0.2', '--pid', str(guest.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            before, began = thread_ns(guest.pid), time.monotonic()
            lines = [json.loads(process.stdout.readline()) for _ in range(15)]
            worked, seconds = thread_ns(guest.pid) - before, time.monotonic() - began
            process.kill()
        shares = [sum(queue['rates']['worker_percent'] for queue in line['queues'])
                  for line in lines]
        mean, want = sum(shares) / len(shares), worked / seconds / 1e7
        need(0.7 * want < mean < 1.3 * want, 'vhc-top says', mean, 'the scheduler', want)


def prometheus_values(text):
    """{(metric, instance, queue, le or None): value}."""
    values = {}
    for line in text.splitlines():
        if line.startswith('#'):
            need(re.fullmatch(r'# (HELP \w+ .+|TYPE \w+ (counter|gauge|histogram))', line), line)
            continue
        match = re.fullmatch(r'(\w+)(?:{((?:\w+="[^"]*",?)*)})? (\d+)', line)
        need(match, line)
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ''))
        key = (match[1], labels.get('instance_id'), labels.get('queue'), labels.get('le'))
        need(key not in values, key)
        values[key] = int(match[3])
    return values


@contextlib.contextmanager
def latencies():
    """The module measures them meanwhile."""
    LATENCY.write_text('1')
    try:
        yield
    finally:
        LATENCY.write_text('0')


def promtool(text):
    result = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True,
                            text=True, check=False)
    need(result.returncode == 0, result.stdout, result.stderr)


@claim
def all_sources_agree_when_nothing_moves():
    with latencies(), guests() as (guest,):
        fdinfo = guest.rest()
        instance = str(fdinfo['instance'])
        found = queues_of(vhc_top('--json', '--interval', 0.1))
        text = vhc_top('--prometheus')
        promtool(text)
        metrics = prometheus_values(text)
        state = dict(line.split(':\t', 1) for line in
                     (STATE / instance).read_text().splitlines())
        for name in ('rx', 'tx'):
            queue = found[guest.pid, name]
            counters = queue['counters']
            for field in ('packets', 'bytes', 'kicks', 'signals', 'dropped', 'stalls'):
                need(counters[field] == fdinfo[f'{name}_{field}'], name, field)
            for field, value in counters.items():
                if isinstance(value, list):
                    metric, one = f'vhost_custom_{field}', '1'
                    if field.endswith('latency'):
                        metric, one = metric + '_seconds', '1e-09'
                        missing = (name, field) == ('tx', 'arrival_latency')
                        need((sum(value) == 0) == missing, name, field, value)
                    last = metrics[metric + '_bucket', instance, name, '+Inf']
                    need(sum(value) == last, name, field, value, last)
                    need(metrics[metric + '_bucket', instance, name, one] == sum(value[:2]),
                         name, field)
                else:
                    need(metrics[f'vhost_custom_{field}_total', instance, name, None] == value,
                         name, field)
            need(sum(counters['packet_buffers']) == counters['packets'] > 0, name, counters)
            need(state[f'{name}_device'] == queue['device'], state)
            need(str(queue['worker']['tid']) == state[f'{name}_worker'].split()[0], state)
        tap = pathlib.Path('/sys/class/net', found[guest.pid, 'tx']['device'], 'statistics')
        for name, theirs in (('tx', 'rx'), ('rx', 'tx')):
            for field in ('packets', 'bytes'):
                need(int((tap / f'{theirs}_{field}').read_text()) == fdinfo[f'{name}_{field}'],
                     'tap', theirs, field)


@claim
def queues_are_sorted_and_filtered():
    with guests(2) as (one, two):
        lines = vhc_top('--batch', '--count', 1, '--interval', 0.5, '--sort', 'pid').splitlines()
        need(lines[1].split()[:4] == ['PID', 'GUEST', 'DEVICE', 'Q'], lines)
        rows = [line.split() for line in lines[2:] if line]
        want = sorted([(guest.pid, name) for guest in (one, two) for name in ('rx', 'tx')])
        need([(int(row[0]), row[3]) for row in rows] == want, rows)
        lines = vhc_top('--batch', '--count', 1, '--interval', 0.2, '--pid', two.pid).splitlines()
        need([line.split()[0] for line in lines[2:] if line] == 2 * [str(two.pid)], lines)
        lines = vhc_top('--batch', '--count', 1, '--interval', 0.2, '--filter', 'nothing')
        need('0 queues of 0 guests' in lines, lines)


class Terminal:
    """tmux, and what is seen there."""

    def __init__(self, width, height, *command):
        self.tmux('new-session', '-d', '-x', width, '-y', height, shlex.join(map(str, command)),
                  ';', 'set-option', '-g', 'remain-on-exit', 'on')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux('kill-server')

    @staticmethod
    def tmux(*arguments):
        command = ['tmux', '-L', 'top-test', '-f', '/dev/null', *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def lines(self):
        return self.tmux('capture-pane', '-p').splitlines()

    def has_ended(self):
        return self.tmux('display-message', '-p', '#{pane_dead}').strip() == '1'

    def wait_for(self, pattern):
        """The first line that matches."""
        found = []

        def is_there():
            found[:] = [line for line in self.lines() if re.search(pattern, line)]
            return found

        wait_until(is_there, f'"{pattern}" in the terminal')
        return found[0]


@claim
def a_terminal_s_width_is_kept():
    with guests() as (guest,):
        for width in (80, 132):
            with Terminal(width, 24, VHC_TOP, '--batch', '--count', 1) as terminal:
                row = terminal.wait_for(rf'^ *{guest.pid} .* rx ')
                wait_until(terminal.has_ended, 'end')
                title = terminal.wait_for('^ *PID')
                need(('STALL/S' in title) == (width > 80), title)
                need(len(row) == len(title), title, row)
                # No row went on in the next line.
                lines = [line for line in terminal.lines() if line]
                need(sum(line.startswith(title) for line in lines) == 1, lines)
                need([line for line in lines if f'{guest.pid} ' in line] ==
                     [line for line in lines if re.match(rf' *{guest.pid} ', line)], lines)


@claim
def the_screen_is_drawn_until_q_is_pressed():
    with guests() as (guest,), \
         Terminal(80, 24, VHC_TOP, '--interval', 0.2) as terminal:
        terminal.wait_for(rf'^ *{guest.pid} .* rx ')
        terminal.wait_for('^sorted by pps; q quits')
        terminal.tmux('send-keys', 'd')
        terminal.wait_for('^sorted by drops; q quits')
        # Something was drawn again.
        before = terminal.wait_for('^vhc-top ')
        wait_until(lambda: terminal.wait_for('^vhc-top ') != before, 'another second')
        need(not terminal.has_ended(), terminal.lines())
        terminal.tmux('send-keys', 'q')
        wait_until(terminal.has_ended, 'end')


@claim
def a_device_that_ends_is_gone_and_its_tap_too():
    with guests() as (guest,):
        device = next(iter(queues_of(vhc_top('--json', '--interval', 0.1)).values()))['device']
        with subprocess.Popen([VHC_TOP, '--json', '--count', '1000', '--interval', '0.1'],
                              stdout=subprocess.PIPE, text=True) as process:
            need(queues_of(process.stdout.readline()), 'nothing there')
            guest.end()
            need(not pathlib.Path('/sys/class/net', device).exists(), device, 'is still there')
            wait_until(lambda: not queues_of(process.stdout.readline()), 'end of the device')
            process.kill()


@claim
def a_device_is_its_owner_s_and_of_all_who_have_it_open():
    with guests() as (guest,):
        # As a shell that opened the device for QEMU, or a manager that passed it on.
        pidfd = os.pidfd_open(guest.pid)
        device = ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, int(guest.device_fd()), 0)
        os.close(pidfd)
        need(device >= 0, 'pidfd_getfd')
        try:
            found = queues_of(vhc_top('--json', '--interval', 0.1))
            need(set(found) == {(guest.pid, 'rx'), (guest.pid, 'tx')}, found.keys())
            for pid in (guest.pid, os.getpid()):
                need('1 queue pair(s) on vhost_custom' in vhc_top('--check', pid), pid)
        finally:
            os.close(device)


@claim
def names_do_not_reach_the_terminal_as_they_are():
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory, 'a\nb\x1b[1m c')
        program.symlink_to(VHC_TEST)
        with guests(program=program):
            text = vhc_top('--batch', '--count', 1, '--interval', 0.1)
            need('a?b?[1m?c' in text and '\x1b' not in text, repr(text))
            text = vhc_top('--prometheus')
            need('guest="a?b?[1m?c"' in text, repr(text[:500]))
            prometheus_values(text)


def vhc_pin(*arguments, status=0):
    """[(queue, device, thread, CPUs), ...] that it prints."""
    result = subprocess.run([VHC_PIN, *map(str, arguments)], capture_output=True, text=True,
                            timeout=PATIENCE, check=False)
    need(result.returncode == status, arguments, result.returncode, result.stdout, result.stderr)
    return re.findall(r'(?m)^(\w+) of (\S+): thread (\d+), CPU (\S+)$', result.stdout)


def cpus_of(tid):
    status = pathlib.Path(f'/proc/{tid}/status').read_text()
    return re.search(r'Cpus_allowed_list:\s+(\S+)', status)[1]


def numbers(cpus):
    """Those of a list, which the kernel writes in one way or another."""
    ends = [part.split('-') for part in cpus.split(',')]
    return {cpu for part in ends for cpu in range(int(part[0]), int(part[-1]) + 1)}


@claim
def workers_get_cpus():
    last = str(os.cpu_count() - 1)
    with guests() as (guest,):
        queues = queues_of(vhc_top('--json', '--interval', 0.1))
        want = [(name, queues[guest.pid, name]['device'], str(queues[guest.pid, name]['worker']['tid']))
                for name in ('rx', 'tx')]
        need([row[:3] for row in vhc_pin(guest.pid)] == want, vhc_pin(guest.pid), want)
        for arguments, cpus in (('0',), ['0', '0']), (('0', last), ['0', last]), \
                               ((last, '0'), [last, '0']), ((f'0-{last}',), 2 * [f'0-{last}']):
            rows = vhc_pin(guest.pid, *arguments)
            cpus = [numbers(each) for each in cpus]
            need([numbers(row[3]) for row in rows] == cpus, arguments, rows)
            need([numbers(cpus_of(row[2])) for row in rows] == cpus, arguments, rows)
        vhc_pin(guest.pid, 4095, status=2)
        vhc_pin(1 << 22, status=2)
        vhc_pin('x', status=2)


@claim
def queue_pairs_get_cpus_in_turn():
    last = str(os.cpu_count() - 1)
    devices = []
    try:
        for _ in range(3):
            devices.append(os.open('/dev/vhost-custom', os.O_RDWR))
            fcntl.ioctl(devices[-1], SET_OWNER)
        rows = vhc_pin(os.getpid(), f'0,{last}', last)
        need([row[0] for row in rows] == 3 * ['rx', 'tx'], rows)
        need([row[3] for row in rows] == ['0', last, last, last, '0', last], rows)
    finally:
        for device in devices:
            os.close(device)


@claim
def a_process_is_checked():
    with guests() as (guest,):
        text = vhc_top('--check', guest.pid)
        need(f'process {guest.pid}: 1 queue pair(s) on vhost_custom.' in text, text)
        need('version_1' in text, text)
        guest.rest()
        text = vhc_top('--check', guest.pid)
        need(': idle.' in text, text)
        text = vhc_top('--check', os.getpid(), status=1)
        need('no NIC is on vhost_custom' in text and 'through user space' in text, text)
        with open('/dev/vhost-net', 'rb'):
            text = vhc_top('--check', os.getpid(), status=1)
            need('vhost_net carries its frames' in text, text)
        vhc_top('--check', 1 << 22, status=2)


def vhc_moderation(*arguments, status=0):
    result = subprocess.run([VHC_MODERATION, *map(str, arguments)], capture_output=True, text=True,
                            timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    need(result.returncode == status, arguments, 'ended with', result.returncode, result.stdout,
         result.stderr)
    return result.stdout.splitlines()


@claim
def signals_are_moderated_from_outside():
    with guests(2) as (guest, other):
        instances = [str(one.fdinfo()['instance']) for one in (guest, other)]

        def delayed():
            found = queues_of(vhc_top('--json', '--interval', 0.1))
            return [found[one.pid, 'tx']['counters']['signals_delayed'] for one in (guest, other)]

        def lines(instance, rx, tx):
            return [f'device {instance}, rx: {rx}', f'device {instance}, tx: {tx}']

        for one, instance in zip((guest, other), instances):
            need(vhc_moderation(one.pid) == lines(instance, '0 chains, 0 us', '0 chains, 0 us'),
                 instance)
        need(delayed() == [0, 0], delayed())
        text = vhc_moderation('--tx', '64,500', '--device', instances[0], guest.pid)
        need(text == lines(instances[0], '0 chains, 0 us', '64 chains, 500 us'), text)
        text = vhc_moderation('--rx', '0,20', guest.pid)
        need(text == lines(instances[0], '0 chains, 20 us', '64 chains, 500 us'), text)
        wait_until(lambda: delayed()[0] > 100, 'signals that wait')
        need(delayed()[1] == 0, 'another guest is moderated, too')
        text = vhc_moderation('--rx', '0,0', '--tx', '0,0', guest.pid)
        need(text == lines(instances[0], '0 chains, 0 us', '0 chains, 0 us'), text)
        before = delayed()
        need(delayed() == before, before)
        for wrong in (['--tx', '1,0'], ['--tx', '0,1000001'], ['--rx', '5'],
                      ['--device', instances[1]]):
            vhc_moderation(*wrong, guest.pid, status=2)
        vhc_moderation(os.getpid(), status=2)
        vhc_moderation(1 << 22, status=2)


def main():
    subprocess.run('mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug',
                   shell=True, check=True)
    return tap.check([(function.__name__, function) for function in CLAIMS])


if __name__ == '__main__':
    sys.exit(main())
