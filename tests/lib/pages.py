# SPDX-License-Identifier: GPL-2.0
"""What README and docs tell people to type, for the suites that type it in."""
import pathlib
import re
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]


def blocks(page, section=''):
    """What is indented in a section of a page, block by block; '': in what comes before the first one."""
    _, *headings = re.split(r'(?m)^#+ (.+)\n', (TOP / page).read_text())
    text = dict(zip(headings[::2], headings[1::2]))[section] if section else headings[1]
    found = re.findall(r'(?m)(?:^(?: {4}.*)?\n)+', text + '\n')
    return [textwrap.dedent(block) for block in found if block.strip()]


def commands(block):
    """Of a block, each without what is said about it behind two spaces, and on one line."""
    return [re.sub(r' {2,}.*', '', line) for line in re.sub(r' \\\n +', ' ', block).strip().splitlines()]
