"""Find and replace that always ends: plain text, whole words, and regular expressions under a time limit. Must not know files.

`re` cannot be interrupted, so a pattern such as (a|aa)+$ would hold the app for ever. Patterns of users run in the `regex`
package (a requirement of transformers, the same syntax) with three bounds. Memory: the length of the pattern and the product of
its counted repeats are checked before it is compiled. Time: each caption has SLICE seconds, all together `budget`, and other
threads run meanwhile. Size: a caption grows to LONGEST characters at most.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Any

import regex  # type: ignore[import-untyped]

from tagtrainer.core.text import UserError
from tagtrainer.datasets.text.prose import whole_pattern

Change = Callable[[str], str]
LONGEST = 100_000
LONGEST_PATTERN = 1_000
MOST_REPEATS = 1_000_000
MOST_HITS = 10_000
SLICE = 0.5
BUDGET = 60.0


def plain(old: str, new: str, *, case: bool = False, word: bool = False) -> Change:
    """Replaces a text by another one, letter by letter; `case`: upper and lower case differ, `word`: whole words only."""
    if not old:
        raise UserError("bulk.nothing_to_find")
    if case and not word:
        return lambda text: _bounded(text, text.replace(old, new))
    pattern = re.compile(whole_pattern(old) if word else re.escape(old), 0 if case else re.IGNORECASE)
    return lambda text: _bounded(text, pattern.sub(lambda _: new, text))


def expression(old: str, new: str, *, case: bool = False, word: bool = False, budget: float = BUDGET) -> Change:
    r"""Replaces what a regular expression finds; \1 and \g<name> stand for its groups. UserError bulk.bad_pattern, bulk.slow."""
    pattern = _compile(rf"\b(?:{old})\b" if word else old, 0 if case else int(regex.IGNORECASE), old)
    _check_replacement(pattern, new)
    end = time.monotonic() + budget

    def change(text: str) -> str:
        left = end - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            return _bounded(text, pattern.sub(new, text, count=MOST_HITS, timeout=min(SLICE, left), concurrent=True))
        except TimeoutError as error:
            raise UserError("bulk.slow", pattern=old) from error
        except (MemoryError, RecursionError, IndexError, regex.error) as error:
            raise UserError("bulk.bad_pattern", pattern=old, reason=error) from error

    return change


def _compile(pattern: str, flags: int, shown: str) -> Any:
    if not shown:
        raise UserError("bulk.nothing_to_find")
    if len(shown) > LONGEST_PATTERN:
        raise UserError("bulk.long_pattern", limit=LONGEST_PATTERN)
    repeats = [int(number) for pair in re.findall(r"\{(\d{0,9}),?(\d{0,9})\}", shown) for number in pair if number]
    if math.prod(number for number in repeats if number) > MOST_REPEATS:
        raise UserError("bulk.many_repeats", limit=MOST_REPEATS)
    try:
        return regex.compile(pattern, flags | int(regex.VERSION0), cache_pattern=False)
    except (regex.error, RecursionError, MemoryError, OverflowError, ValueError) as error:
        raise UserError("bulk.bad_pattern", pattern=shown, reason=error) from error


def _check_replacement(pattern: Any, new: str) -> None:
    """The template is read when something is found; a wrong one is told before anything is."""
    groups = pattern.groups
    for number in re.findall(r"(?<!\\)(?:\\\\)*\\(?:g<(\d{1,3})>|([1-9]\d?))", new):
        if int(number[0] or number[1]) > groups:
            raise UserError("bulk.bad_replacement", reason=f"\\{number[0] or number[1]}")
    if re.search(r"(?<!\\)(?:\\\\)*\\0", new):  # an octal escape to `re`, the whole hit to most people
        raise UserError("bulk.bad_replacement", reason=r"\0 (\g<0>?)")
    for name in re.findall(r"(?<!\\)(?:\\\\)*\\g<([^\d>][^>]*)>", new):
        if name not in pattern.groupindex:
            raise UserError("bulk.bad_replacement", reason=f"\\g<{name}>")
    try:
        regex.sub("", new, "", timeout=SLICE) if not re.search(r"\\(g<|\d)", new) else None
    except (regex.error, IndexError) as error:
        raise UserError("bulk.bad_replacement", reason=error) from error


def _bounded(old: str, new: str) -> str:
    if len(new) > max(LONGEST, len(old)):
        raise UserError("bulk.too_long", limit=LONGEST)
    return new
