#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The module parameter features_mask: what it leaves out is neither offered nor accepted.

Loads the module anew, and once more without it at the end. Called by tests/in-host; prints TAP.
"""
import errno
import fcntl
import os
import struct
import subprocess
import sys

GET_FEATURES, SET_FEATURES, GET_FEATURES_ARRAY = 0x8008af00, 0x4008af00, 0x8008af83
VERSION_1, EVENT_IDX, RING_RESET = 1 << 32, 1 << 29, 1 << 40


def load(*parameters):
    subprocess.run(['rmmod', 'vhost_custom'], check=True)
    subprocess.run(['insmod', './vhost-custom.ko', *parameters], check=True)


def features():
    with open('/dev/vhost-custom', 'rb') as file:
        return struct.unpack('Q', fcntl.ioctl(file, GET_FEATURES, bytes(8)))[0]


def high_features():
    with open('/dev/vhost-custom', 'rb') as file:
        array = bytearray(struct.pack('3Q', 2, 0, 0))
        fcntl.ioctl(file, GET_FEATURES_ARRAY, array)
        return struct.unpack('3Q', array)[2]


def set_features(value):
    fd = os.open('/dev/vhost-custom', os.O_RDWR)
    try:
        fcntl.ioctl(fd, SET_FEATURES, struct.pack('Q', value))
        return 0
    except OSError as error:
        return error.errno
    finally:
        os.close(fd)


def main():
    everything, high = features(), high_features()
    mask = ~RING_RESET & (1 << 64) - 1
    load(f'features_mask={mask:#x}')
    try:
        checks = [
            ('all else is offered', everything & RING_RESET
             and features() == everything & ~RING_RESET),
            ('what is left out is not accepted', set_features(RING_RESET) == errno.EOPNOTSUPP),
            ('all else is accepted', set_features(VERSION_1 | EVENT_IDX) == 0),
            ('features from 64 on have a mask of their own', high_features() == high),
        ]
        load(f'features_mask={mask:#x},0')
        checks.append(('that leaves them out', high_features() == 0
                       and features() == everything & ~RING_RESET))
    finally:
        load()
    checks.append(('without a mask all is offered again', features() == everything
                   and high_features() == high))
    print(f'1..{len(checks)}')
    for number, (name, good) in enumerate(checks, 1):
        print('' if good else 'not ', f'ok {number} - features_mask: {name}', sep='')
    return 0 if all(good for _, good in checks) else 1


if __name__ == '__main__':
    sys.exit(main())
