#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Commands of README and docs, in the order of a page and as they are written, that no other suite
types in: the build, and the tools while a device is busy.

Runs in a host of tests/vm that has four CPUs, by tests/in-host, and prints TAP. What is of DPDK is
../dpdk's, the packages' is ../package's, other clients' is ../clients', profiling's is ../profiling's,
what makes hosts or needs none is on-machine's.
"""
import contextlib
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/lib'))
import tap
from pages import blocks, commands

LOADED = pathlib.Path('/sys/module/vhost_custom')
PARAMETERS = LOADED / 'parameters'
PATIENCE = 1800
CLAIMS = []


def claim(function):
    CLAIMS.append(function)
    return function


def type_in(command):
    print('#', command, flush=True)
    done = subprocess.run(command, shell=True, cwd=TOP, text=True, errors='replace', check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE)
    assert done.returncode == 0, f'{command}: {done.returncode}: {done.stdout[-2000:]}'
    return done.stdout


def watch(command):
    """A display, in a terminal, until it shows something; then it is told to end."""
    print('#', command, flush=True)
    ours, its = pty.openpty()
    with subprocess.Popen(command.split(), cwd=TOP, env={**os.environ, 'TERM': 'xterm'},
                          stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        said = os.read(ours, 4096)
        os.write(ours, b'q')
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:     # Nobody is at its other end any more.
            pass
        os.close(ours)
    assert process.returncode == 0, f'{command}: {process.returncode}: {said}'
    return said.decode(errors='replace')


def wait_for(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@claim
def readme_builds_loads_and_installs():
    type_in('rmmod vhost_custom')
    [block] = blocks('README.md', 'Build')
    assert commands(block) == ['make', 'make load', 'make install'], block
    for command in commands(block):
        type_in(command)
    assert LOADED.exists()
    assert '/lib/modules/' in type_in('modinfo -n vhost_custom')
    type_in('make unload')
    assert not LOADED.exists()
    type_in('modprobe vhost_custom')
    assert '/usr/local/' in type_in('command -v vhc-top')


def is_worker(pid, tid):
    name = pathlib.Path(f'/proc/{pid}/task/{tid}/comm').read_text()
    return name.strip() == f'vhost-{pid}'


def worker_cpus(pid):
    return sorted(list(os.sched_getaffinity(int(tid)))
                  for tid in os.listdir(f'/proc/{pid}/task') if is_worker(pid, tid))


@contextlib.contextmanager
def busy_device():
    """The process that has it."""
    with subprocess.Popen(['tools/vhc-test', '--count', '1000000000', '--direction', 'both'], cwd=TOP,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as busy:
        try:
            wait_for(lambda: '"packets"' in type_in('tools/vhc-top --json') or busy.poll() is not None,
                     'no queue')
            yield busy.pid
            assert busy.poll() is None, 'vhc-test ended'
        finally:
            busy.kill()


@claim
def readme_looks_at_a_device_that_is_busy():
    [block] = blocks('README.md', 'Counters')
    first, *rest = commands(block)
    with busy_device() as pid:
        said = [watch(first)]
        said += [type_in(re.sub(r'\bPID\b', str(pid), command)) for command in rest]
        cpus = worker_cpus(pid)
    assert len(said) == 5 and f'{pid}: 1 queue pair(s) on vhost_custom' in said[1], said[1]
    assert all(said[:4]), said
    # The last command's.
    assert cpus == [[2], [3]], cpus


@claim
def tuning_has_commands_for_a_device_that_is_busy():
    page = 'docs/tuning.md'
    sections = ['', 'One queue pair: two workers', 'A CPU for each worker', 'Polling', 'Moderated signals']
    found = [blocks(page, section) for section in sections]
    assert all(len(some) == 1 for some in found), found
    check, workers, pin, polling, moderation = [block.strip() for [block] in found]
    try:
        type_in(workers)
        with busy_device() as pid:
            said = type_in(check.replace('PID', str(pid)))
            assert f'{pid}: 1 queue pair(s) on vhost_custom' in said, said
            assert len(worker_cpus(pid)) == 1, 'not one worker'
        (PARAMETERS / 'workers').write_text('2')
        type_in(polling)
        with busy_device() as pid:
            type_in(pin.replace('PID', str(pid)))
            assert worker_cpus(pid) == [[2], [3]], worker_cpus(pid)
            said = type_in(moderation.replace('PID', str(pid)))
            assert '32' in said and '100' in said, said
    finally:
        (PARAMETERS / 'workers').write_text('2')
        (PARAMETERS / 'poll_max_us').write_text('0')


@claim
def readme_measures_on_a_real_host():
    """As far as this one is."""
    block = blocks('README.md', 'Cost')[-1]
    assert commands(block) == ['make tools', 'tools/vhc-bench'], block
    said = [type_in(command) for command in commands(block)]
    assert 'tx-64' in said[-1], said


@claim
def contributing_tells_an_editor():
    [block] = blocks('docs/contributing.md', 'In an editor')
    type_in(block.strip())
    entries = json.loads((TOP / 'compile_commands.json').read_text())
    assert any(entry['file'].endswith('tx.c') for entry in entries), entries


@claim
def contributing_runs_one_claim():
    [command] = commands(blocks('docs/contributing.md', 'Run one test')[1])
    # That boots a host like this one, with the module.
    said = type_in(re.fullmatch(r'make shell HOST=\w+ RUN="(.*)"', command)[1])
    assert re.search(r'(?m)^ok \d+ - rings_wrap', said) and 'not ok' not in said, said


def main():
    return tap.check([(function.__name__.replace('_', ' '), function) for function in CLAIMS])


if __name__ == '__main__':
    sys.exit(main())
