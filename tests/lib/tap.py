# SPDX-License-Identifier: GPL-2.0
"""Claims that are functions, checked one after the other: what they find, as TAP.

Callers: the suites in Python, but those of guests, which scenario.py runs.
"""
import time
import traceback


def check(claims):
    """Check all of (name, function); a function raises an exception if its claim does not hold.
    Return the exit status.
    """
    print(f'1..{len(claims)}', flush=True)
    good = True
    for number, (name, function) in enumerate(claims, start=1):
        began = time.monotonic()
        try:
            function()
            word = 'ok'
        except Exception:  # pylint: disable=broad-except
            for line in traceback.format_exc().splitlines():
                print('#', line)
            word, good = 'not ok', False
        print(f'# {time.monotonic() - began:.1f} s')
        print(f'{word} {number} - {name}', flush=True)
    return 0 if good else 1
