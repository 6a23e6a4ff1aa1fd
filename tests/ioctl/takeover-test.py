#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The module parameter takeover: /dev/vhost-net is the module, for a program that knows no other path.

vhc-test is that program; with vhost_net it is the same. Loads both modules anew, and once more without
the parameter at the end. vhc-takeover has a test in tests/package. Called by tests/in-host; prints TAP.
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
NET = pathlib.Path('/dev/vhost-net')
PATIENCE = 60


def command(line, check=True):
    return subprocess.run(line.split(), check=check, capture_output=True, text=True)


def is_loaded(module):
    return pathlib.Path('/sys/module', module, 'initstate').exists()


def dmesg():
    return command('dmesg').stdout.splitlines()


def fdinfo(pid):
    """Of a process's /dev/vhost-net; {} if it has none, or if that has no counters."""
    for path in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        # One that is listed may be closed by now.
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(path) == str(NET):
                text = pathlib.Path(f'/proc/{pid}/fdinfo/{path.name}').read_text()
                return {name: int(value) for name, value in re.findall(r'([rt]x_packets):\s*(\d+)', text)}
    return {}


def moves_frames():
    """vhc-test accounts for each frame; the module counts some meanwhile, and vhc-top shows them."""
    with subprocess.Popen([TOP / 'tools/vhc-test', '--device', NET, '--seconds', '600', '--quiet'],
                          stdin=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + PATIENCE
            while min(fdinfo(process.pid).values(), default=0) < 1000:
                if process.poll() is not None or time.monotonic() > end:
                    print('no frames:', fdinfo(process.pid))
                    return False
                time.sleep(0.1)
            shown = json.loads(command(f'{TOP}/tools/vhc-top --json').stdout)
        finally:
            process.terminate()
    ended = command(f'{TOP}/tools/vhc-test --device {NET} --count 5000', check=False)
    print(ended.stdout + ended.stderr)
    return (ended.returncode == 0 and {queue['pid'] for queue in shown['queues']} == {process.pid})


def is_refused():
    """As long as vhost_net is there. Nothing of the module stays, and vhost_net is as it was."""
    seen = len(dmesg())
    refused = command('insmod ./vhost-custom.ko takeover=1', check=False)
    said = [line for line in dmesg()[seen:] if 'vhost_custom: takeover=1' in line]
    print(refused.stderr, *said)
    return {
        'refused while vhost_net is loaded': refused.returncode != 0 and 'busy' in refused.stderr,
        'the log says what to do': len(said) == 1 and 'vhc-takeover on' in said[0],
        'vhost_net stays where it is': not is_loaded('vhost_custom') and NET.exists()
                                       and not pathlib.Path('/dev/vhost-custom').exists(),
    }


def has_taken_over():
    command('rmmod vhost_net')
    command('insmod ./vhost-custom.ko takeover=1')
    device = NET.stat().st_rdev
    other = command('modprobe vhost_net', check=False)
    return {
        'the device has the number of vhost_net': (os.major(device), os.minor(device)) == (10, 238),
        'frames of who opens it are the module\'s': moves_frames(),
        'vhost_net is refused meanwhile': other.returncode != 0 and not is_loaded('vhost_net'),
    }


def main():
    command('rmmod vhost_custom')
    try:
        checks = is_refused()
        checks.update(has_taken_over())
    finally:
        command('rmmod vhost_custom', check=False)
        gone = not NET.exists()
        command('modprobe vhost_net')
        command('insmod ./vhost-custom.ko')
    checks['it goes with the module'] = gone
    checks['without the parameter, both are what they were'] = (
        NET.exists() and is_loaded('vhost_net') and pathlib.Path('/dev/vhost-custom').exists())
    print(f'1..{len(checks)}')
    for number, (name, good) in enumerate(checks.items(), 1):
        print('' if good else 'not ', f'ok {number} - takeover: {name}', sep='')
    return 0 if all(checks.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
