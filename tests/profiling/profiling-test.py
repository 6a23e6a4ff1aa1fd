#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Each command of vhost_custom-profiling(7) works, on a device that vhc-test plays the guest of.

Runs in a host of tests/vm, by tests/in-host, and prints TAP.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / 'tools/man/vhost_custom-profiling.7'
PATIENCE = 180
OURS = '#f39c3d'    # in vhc-flamegraph's pictures
# What the output of a command has to contain: its first words that are in here, and a pattern.
EXPECTED = {
    'vhc-top --batch': r'(?m)^ *\d+ vhc-test +\S+ +[rt]x +[1-9]',
    'perf record': r'^$',
    'perf report': r'%.*\[k\] vhc_',
    'vhc-flamegraph': r'vhost\.svg: [1-9]\d* samples',
    'perf stat': r'(?m)^ +[1-9][\d,]* +vhost_custom:run_end',
    'perf trace': r'vhost_custom:used_publish\(instance: \d+, queue: \d+, chains: \d+\)',
    'bpftrace -e \'tracepoint:vhost_custom:tx_batch': r'@packets\[\d+\]:[^@]*\d+ +\|@',
    'echo 1 >': r'^$',
    'bpftrace -e \'tracepoint:vhost_custom:kick': r'@us:[^@]*\d+ +\|@',
}


def commands():
    lines = re.findall(r'(?m)^\.Dl (.*)$', PAGE.read_text())
    return [line.replace(r'\(dq', '"').replace(r'\e', '\\') for line in lines]


def one_cpu():
    """Switching tracepoints on patches the kernel, which an emulator of several CPUs does not
    survive each time: ../data/tracefs.c.
    """
    for online in pathlib.Path('/sys/devices/system/cpu').glob('cpu[1-9]*/online'):
        online.write_text('0')


def all_cpus():
    for online in pathlib.Path('/sys/devices/system/cpu').glob('cpu[1-9]*/online'):
        online.write_text('1')


def attempt(command, directory):
    """What is wrong with it, or ''."""
    pattern = [value for name, value in EXPECTED.items() if command.startswith(name)]
    if len(pattern) != 1:
        return 'not expected'
    shorter = re.sub(r'(sleep |seconds |interval:s:)10\b', r'\g<1>2', command)
    try:
        result = subprocess.run(['bash', '-o', 'pipefail', '-c', shorter], cwd=directory,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors='replace',
                                timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        return f'not done: {error.output}'
    if result.returncode or not re.search(pattern[0], result.stdout):
        return f'status {result.returncode}, no "{pattern[0]}" in: {result.stdout[-3000:]}'
    if command.startswith('vhc-flamegraph') and \
       not re.search(f'>vhc_\\w+: .*fill="{OURS}"', pathlib.Path(directory, 'vhost.svg').read_text()):
        return 'none of the boxes is known to be of the module'
    return ''


def main():
    subprocess.run('mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug; '
                   'mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing',
                   shell=True, check=True)
    os.environ['PATH'] = f'{TOP}/tools:{os.environ["PATH"]}'
    todo, good = commands(), True
    print(f'1..{len(todo)}', flush=True)
    one_cpu()
    with tempfile.TemporaryDirectory() as directory, \
         subprocess.Popen([TOP / 'tools/vhc-test', '--seconds', '3000', '--quiet']) as guest:
        try:
            for number, command in enumerate(todo, start=1):
                began = time.monotonic()
                wrong = attempt(command, directory)
                for line in wrong.splitlines():
                    print('#', line)
                print(f'# {time.monotonic() - began:.0f} s')
                print('not ok' if wrong else 'ok', number, '-', command.split(' @')[0][:60],
                      flush=True)
                good &= not wrong
        finally:
            guest.kill()
    all_cpus()
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
