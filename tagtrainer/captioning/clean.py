"""Cleans answers of models: thinking kept apart, fences, openers and quotes removed. Must not know where an answer came from."""

from __future__ import annotations

import re

_THINK = re.compile(r"<(think|thinking|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_ONLY = re.compile(r"\A(.*?)</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"\A```[\w-]*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
_COLON = "[:\uff1a]"
_OPENER = re.compile(
    r"\A(?:(?:sure|of course|certainly|okay|ok)[,.!]?\s*)?"
    rf"(?:here(?:'s| is| are)(?: an?| the| your)? [^.:\n]{{0,60}}:|(?:image |detailed )?(?:caption|description|tags)\s*{_COLON}"
    rf"|(?:好的[,，。!！]?\s*)?(?:以下是|这是)[^:\uff1a\n]{{0,30}}{_COLON}|(?:描述|标签|图片描述){_COLON})\s*",
    re.IGNORECASE,
)
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("'", "'"), ("**", "**"))


def clean(answer: str, *, one_line: bool = True) -> tuple[str, str]:
    """(caption, thinking) of an answer; what no text file can hold is left out."""
    answer = _UNWRITABLE.sub("", answer).replace("\r\n", "\n").replace("\r", "\n")
    thoughts = [match[2].strip() for match in _THINK.finditer(answer)]
    text = _THINK.sub("", answer)
    early = _END_ONLY.match(text)  # some servers swallow the opening mark
    if early:
        thoughts.insert(0, early[1].strip())
        text = text[early.end() :]
    text = text.strip()
    fenced = _FENCE.match(text)
    text = fenced[1].strip() if fenced else text
    text = _OPENER.sub("", text, count=1).strip()
    for first, last in _QUOTES:
        inner = text[len(first) : -len(last)]
        if len(text) > len(first + last) and text.startswith(first) and text.endswith(last) and first not in inner:
            text = inner.strip()
    if one_line:
        text = re.sub(r"\s*\n+\s*", " ", text)
    return text, "\n\n".join(thought for thought in thoughts if thought)
