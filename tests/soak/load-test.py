#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The module is loaded, used and unloaded a hundred times: threads, files and memory are what they
were. The module itself takes 100 KiB or more. Called by tests/in-host, as "make soak".
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
from left import Left, read
from tap import check

CYCLES = 100
# A cycle may leave less than this, of what the kernel gets once and keeps.
FILES, KIB = 0.5, 20


def cycle():
    """Use, unload and load once; the module is loaded before and after."""
    used = subprocess.run(['tools/vhc-test', '--count', '100'], capture_output=True, text=True, check=False)
    assert used.returncode == 0, used.stdout + used.stderr
    subprocess.run(['rmmod', 'vhost_custom'], check=True)
    assert not re.search(r'^vhost_custom ', read('/proc/modules'), re.M), 'still loaded'
    subprocess.run(['insmod', './vhost-custom.ko'], check=True)


def nothing_is_left():
    # What the kernel gets once and keeps.
    for _ in range(5):
        cycle()
    before = Left()
    for _ in range(CYCLES):
        cycle()
    after = Left()
    print(f'# {before}; after {CYCLES} cycles {after}')
    assert after.threads == before.threads
    assert after.files <= before.files + CYCLES * FILES
    assert after.kib <= before.kib + CYCLES * KIB


if __name__ == '__main__':
    sys.exit(check([(f'{CYCLES} times loaded and unloaded: nothing is left', nothing_is_left)]))
