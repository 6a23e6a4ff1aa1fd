# SPDX-License-Identifier: GPL-2.0
"""Claims that are functions, checked one after the other: what they find, as TAP; and what they ask.

Callers: the suites in Python, but those of guests, which scenario.py runs.
"""
import time
import traceback

# Seconds for what takes no time, on a host that is emulated.
PATIENCE = 60


def need(good, *what):
    if not good:
        raise AssertionError(' '.join(map(str, what)))


def wait_until(condition, what):
    """@what: what has to be there, in words, or a function that says it when it is too late."""
    end = time.monotonic() + PATIENCE
    while not condition():
        need(time.monotonic() < end, 'no', what() if callable(what) else what, 'in', PATIENCE, 's')
        time.sleep(0.05)


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
