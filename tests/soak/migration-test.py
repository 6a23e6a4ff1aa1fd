#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Twenty rounds of live migration in all four pairs. Called by tests/in-host, as "make soak"."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'guest'))
from migration import migration
from scenario import Suite

ROUNDS = 20

if __name__ == '__main__':
    sys.exit(0 if Suite([migration] * ROUNDS).run() else 1)
