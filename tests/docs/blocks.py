"""Blocks of code in pages and docstrings: how they are found, and how they run."""

import re
import textwrap

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    """Pairs of the number of lines above a block and its code, without the block's indentation."""
    return [
        (text.count("\n", 0, match.start(3)), textwrap.dedent(match[3]))
        for match in _BLOCK.finditer(text)
        if match[2] == language
    ]


def run(code, path, line, namespace):
    """Runs a block; line numbers in a traceback are those of its file."""
    exec(compile("\n" * line + code, str(path), "exec"), namespace)


def is_left_out(left_out, place, code):
    """Whether `left_out`, whose keys are pairs of a place and words of a block, has the block."""
    return any(place == where and words in code for where, words in left_out)
