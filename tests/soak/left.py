# SPDX-License-Identifier: GPL-2.0
"""What a host has when nothing of ours runs: threads of vhost, open files, and kernel memory.

Callers: load-test.py and guests-test.py, which compare it before and after.
"""
import pathlib
import re
import subprocess

# Of /proc/meminfo; Slab has what can be reclaimed, too, of which there is little after drop_caches.
KINDS = ('Slab', 'VmallocUsed', 'KernelStack', 'Percpu')


class Left:
    """As of now: .threads, .files, .kib."""

    def __init__(self):
        subprocess.run(['sync'], check=True)
        pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')
        self.threads = sum(1 for comm in pathlib.Path('/proc').glob('[0-9]*/task/*/comm')
                           if is_of_vhost(comm))
        # What file-nr says is wrong where files are those of an overlay.
        self.files = int(re.search(r'^filp +(\d+)', read('/proc/slabinfo'), re.M)[1])
        found = dict(re.findall(r'(?m)^(\w+): +(\d+) kB', read('/proc/meminfo')))
        self.kib = sum(int(found[kind]) for kind in KINDS)

    def __str__(self):
        return f'{self.threads} threads, {self.files} files, {self.kib} KiB'


def read(path):
    return pathlib.Path(path).read_text()


def is_of_vhost(comm):
    """A thread may end meanwhile."""
    try:
        return read(comm).startswith('vhost-')
    except OSError:
        return False
