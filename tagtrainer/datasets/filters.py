"""Filter expressions: what people type to choose items, as an ItemFilter and back. Must not read anything.

`no_caption captioned flagged unflagged kind:video tag:"red hat" side<1024 side>=512 aspect:portrait sort:size sort:-added`;
every other word is text that name or caption must hold.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import get_args

from tagtrainer.core.text import UserError
from tagtrainer.datasets.models import SORTS, Aspect, ItemFilter

_SIDE = re.compile(r"side(<=|>=|<|>|=)(\d{1,6})")
_FLAGS = {
    "no_caption": ("no_caption", True),
    "captioned": ("no_caption", False),
    "flagged": ("flagged", True),
    "unflagged": ("flagged", False),
}


def parse(expression: str) -> ItemFilter:
    """The filter of an expression. Raises UserError datasets.filter.bad for a word that looks like a rule and is none."""
    look, words = ItemFilter(), []
    for word in _words(expression):
        name, colon, value = word.partition(":")
        if word in _FLAGS:
            look = replace(look, **{_FLAGS[word][0]: _FLAGS[word][1]})  # type: ignore[arg-type]
        elif (side := _SIDE.fullmatch(word)) is not None:
            look = _with_side(look, side[1], int(side[2]))
        elif colon and name in ("kind", "tag", "aspect", "sort"):
            look = _with_rule(look, name, value, word)
        else:
            words.append(word)
    return replace(look, text=" ".join(words))


def _words(expression: str) -> list[str]:
    """Words, quotes hold several together; a lone quote is a letter like any other."""
    try:
        lexer = shlex.shlex(expression, posix=True, punctuation_chars="")
        lexer.whitespace_split, lexer.commenters, lexer.escape, lexer.quotes = True, "", "", '"'
        return list(lexer)
    except ValueError:
        return expression.split()


def _with_side(look: ItemFilter, sign: str, number: int) -> ItemFilter:
    low = {">=": number, ">": number + 1, "=": number}.get(sign)
    high = {"<=": number, "<": max(1, number - 1), "=": number}.get(sign)
    return replace(look, min_side=low if low is not None else look.min_side, max_side=high or look.max_side)


def _with_rule(look: ItemFilter, name: str, value: str, word: str) -> ItemFilter:
    if name == "tag" and value.strip():
        return replace(look, tag=value.strip())
    if name == "kind" and value in ("image", "video"):
        return replace(look, media=value)
    if name == "aspect" and value in get_args(Aspect) and value:
        return replace(look, aspect=value)  # type: ignore[arg-type]
    if name == "sort" and value.lstrip("-") in SORTS:
        return replace(look, sort=value.lstrip("-"), descending=value.startswith("-"))  # type: ignore[arg-type]
    raise UserError("datasets.filter.bad", word=word)


def expression(look: ItemFilter) -> str:
    """The expression that gives this filter again, for texts without quotes in them."""
    words = [look.text] if look.text else []
    words += [word for word, (name, value) in _FLAGS.items() if getattr(look, name) is value]
    words += [f"kind:{look.media}"] if look.media else []
    words += [f'tag:"{look.tag}"'] if look.tag else []
    words += [f"side>={look.min_side}"] if look.min_side else []
    words += [f"side<={look.max_side}"] if look.max_side else []
    words += [f"aspect:{look.aspect}"] if look.aspect else []
    if look.sort != "name" or look.descending:
        words.append(f"sort:{'-' if look.descending else ''}{look.sort}")
    return " ".join(words)
