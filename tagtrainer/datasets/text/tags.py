"""Tags of one caption: take it apart and put it together again as its author wrote it. Must not know datasets or files.

A caption is tags with gaps between them: commas of both scripts and line breaks separate; commas in brackets and in numbers such
as 1,000 do not. Every gap is kept, so that only what an edit is about changes. Running text is one tag, the last one: short tags
may stand before it ("zwx, A woman in a red hat, smiling."), and nothing ever cuts, sorts or dedupes inside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tagtrainer.datasets.text.prose import ENDS, HAN, prose_start, says

Where = Literal["front", "end", "after"]
Order = Literal["name", "count"]

_ANY_MARK = re.compile(r"[,，、\n]")
_CUT = re.compile(r"[，、\n]|,(?!(?<=\d,)\d{3}(?!\w))")
_BRACKET_OR_CUT = re.compile(r"(?<![:;=^\\])[(\[{（]|(?<![:;=^\\])[)\]}）]|" + _CUT.pattern)
_OPENING = frozenset("([{（")
_MARKS = ",，、\n"
_ANY_OPENING = re.compile(r"[(\[{（]")


@dataclass(frozen=True, slots=True)
class TagText:
    """A caption taken apart: lead tags[0] gaps[0] tags[1] ... tail. `prose`: the last tag is running text."""

    lead: str
    tags: tuple[str, ...]
    gaps: tuple[str, ...]
    tail: str
    prose: bool = False

    @property
    def loose(self) -> tuple[str, ...]:
        """The tags without the running text."""
        return self.tags[:-1] if self.prose else self.tags

    @property
    def gap(self) -> str:
        """What the author puts between two tags, without slips; with no example, the comma of the script it is written in."""
        if self.gaps:
            usual = Counter(self.gaps).most_common(1)[0][0]
            mark = next(letter for letter in usual if letter in _MARKS)
            return mark + (" " if usual[-1].isspace() and mark != "\n" else "")
        return "，" if self.tags and HAN.search(self.tags[0]) else ", "


@lru_cache(maxsize=200_000)
def key(tag: str) -> str:
    """What makes two tags the same: case, width, spaces and underscores between words do not matter."""
    plain = unicodedata.normalize("NFKC", tag).casefold()
    if any(letter.isalnum() for letter in plain):  # ^_^ keeps its underscore
        plain = plain.replace("_", " ")
    return " ".join(plain.split())


def _raws(text: str) -> list[str]:
    """What stands between the separating characters, blanks included."""
    if _ANY_OPENING.search(text) is None:
        return _CUT.split(text)
    depth, begin, found = 0, 0, []
    for match in _BRACKET_OR_CUT.finditer(text):
        mark = match[0]
        if mark in _MARKS:
            if depth == 0:
                found.append(text[begin : match.start()])
                begin = match.end()
            continue
        depth += 1 if mark in _OPENING else -1
        if depth < 0:
            break
    return [*found, text[begin:]] if depth == 0 else _CUT.split(text)


def _spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every piece without the blanks around it; empty ones are part of a gap."""
    found, begin = [], 0
    for raw in _raws(text):
        bare = raw.strip()
        if bare:
            start = begin + (raw.index(bare) if len(bare) < len(raw) else 0)
            found.append((start, start + len(bare)))
        begin += len(raw) + 1
    return found


@lru_cache(maxsize=20_000)
def split(text: str) -> TagText:
    """Take a caption apart; `join` gives exactly this text back."""
    spans = _spans(text)
    if not spans:
        return TagText(text, (), (), "")
    pieces = [text[start:end] for start, end in spans]
    running = prose_start(pieces)
    prose = running < len(pieces)
    if prose:
        spans = [*spans[:running], (spans[running][0], spans[-1][1])]
        pieces = [*pieces[:running], text[slice(*spans[-1])]]
    gaps = tuple(text[spans[n][1] : spans[n + 1][0]] for n in range(len(spans) - 1))
    return TagText(text[: spans[0][0]], tuple(pieces), gaps, text[spans[-1][1] :], prose)


def join(parts: TagText) -> str:
    """The caption again."""
    if not parts.tags:
        return parts.lead + parts.tail
    words = [parts.lead, parts.tags[0]]
    for gap, tag in zip(parts.gaps, parts.tags[1:], strict=True):
        if gap == "," and words[-1][-1:].isdigit() and re.match(r"\d{3}(?!\w)", tag):
            gap = ", "  # or the two would read as one number
        words += [gap, tag]
    return "".join([*words, parts.tail])


def tags_of(text: str) -> tuple[list[str], bool]:
    """(the tags without running text, whether there is running text); quicker than `split`, for counting."""
    pieces = [bare for raw in _raws(text) if (bare := raw.strip())]
    running = prose_start(pieces)
    return pieces[:running], running < len(pieces)


def listed(text: str) -> tuple[str, ...]:
    """Tags that somebody typed as a list, each once; whatever they read like."""
    return tuple({key(raw): raw.strip() for raw in reversed(_raws(text)) if raw.strip()}.values())[::-1]


def between_commas(text: str) -> str:
    """Keys of the pieces with a comma on both sides of each, so that an index can look for whole tags."""
    return "," + ",".join(found for piece in _ANY_MARK.split(text) if (found := key(piece))) + ","


def sought(text: str) -> list[str]:
    """What to look for in `between_commas` for every tag of a list."""
    return [f",{found}," for piece in _ANY_MARK.split(text) if (found := key(piece))]


def is_prose(text: str) -> bool:
    """Whether the caption is, or ends in, running text."""
    return tags_of(text)[1]


def holds(text: str, tag: str) -> bool:
    """Whether the caption has the tag, or its running text says it as whole words."""
    parts, wanted = split(text), key(tag)
    if any(key(known) == wanted for known in parts.loose):
        return True
    return parts.prose and says(parts.tags[-1], tag)


def _keep(parts: TagText, kept: Sequence[int]) -> TagText:
    """Only the tags at these places, in their order, each with the gap before it."""
    if len(kept) == len(parts.tags):
        return parts
    gaps = tuple(parts.gaps[index - 1] for index in kept[1:])
    prose = parts.prose and bool(kept) and kept[-1] == len(parts.tags) - 1
    if not kept:
        return TagText("", (), (), "")
    return TagText(parts.lead, tuple(parts.tags[index] for index in kept), gaps, parts.tail, prose)


def _edit(text: str, change: Callable[[TagText], TagText]) -> str:
    parts = split(text)
    changed = change(parts)
    return text if changed is parts or changed == parts else join(changed)


def dedupe(text: str) -> str:
    """Every tag once; the first of each stays."""

    def change(parts: TagText) -> TagText:
        seen: set[str] = set()
        kept = []
        for index, tag in enumerate(parts.loose):
            if key(tag) not in seen:
                seen.add(key(tag))
                kept.append(index)
        return _keep(parts, [*kept, len(parts.tags) - 1] if parts.prose else kept)

    return _edit(text, change)


def sort(
    text: str, order: Order = "name", *, counts: Mapping[str, int] | None = None, keep_first: int = 0, first: str = ""
) -> str:
    """Tags by name, or the most frequent (of `counts`, by key) first. The first N stay; `first` (a trigger word) leads."""

    def rank(tag: str) -> tuple[int, str]:
        return (-(counts or {}).get(key(tag), 0) if order == "count" else 0, key(tag))

    def change(parts: TagText) -> TagText:
        loose = list(parts.loose)
        leader = [tag for tag in loose if first and key(tag) == key(first)]
        loose = [tag for tag in loose if tag not in leader]
        stay = max(0, keep_first - len(leader))
        ordered = [*leader, *loose[:stay], *sorted(loose[stay:], key=rank)]
        return replace(parts, tags=tuple(ordered) + (parts.tags[-1:] if parts.prose else ()))

    return _edit(text, change)


def _insert(parts: TagText, place: int, tag: str) -> TagText:
    if not parts.tags:
        return TagText(parts.lead, (tag,), (), parts.tail)
    gap = parts.gap
    if place == len(parts.tags) and parts.prose and ENDS.search(parts.tags[-1][-2:]):
        gap = "" if HAN.search(parts.tags[-1]) else " "  # after a full stop no comma
    gaps = list(parts.gaps)
    gaps.insert(min(place, len(gaps)), gap)
    return replace(parts, tags=(*parts.tags[:place], tag, *parts.tags[place:]), gaps=tuple(gaps))


def add(text: str, tag: str, where: Where = "end", after: str = "") -> str:
    """The tag at the front, at the end, or after another one (captions without that one stay). Never doubled."""
    if not tag.strip() or holds(text, tag):
        return text

    def change(parts: TagText) -> TagText:
        if where == "after":
            places = [index for index, known in enumerate(parts.loose) if key(known) == key(after)]
            return _insert(parts, places[0] + 1, tag.strip()) if places else parts
        return _insert(parts, 0 if where == "front" else len(parts.tags), tag.strip())

    return _edit(text, change)


def remove(text: str, tags: Iterable[str]) -> str:
    """Without these tags; running text is not touched."""
    doomed = {key(tag) for tag in tags}

    def change(parts: TagText) -> TagText:
        loose = len(parts.loose)
        kept = [index for index, tag in enumerate(parts.tags) if index >= loose or key(tag) not in doomed]
        return _keep(parts, kept)

    return _edit(text, change)


def move(text: str, tags: Sequence[str], where: Where = "front", after: str = "") -> str:
    """These tags, where present, to the front, to the end (before running text) or after another one; in the order given."""
    order = {key(tag): place for place, tag in enumerate(tags)}

    def change(parts: TagText) -> TagText:
        moving = sorted((tag for tag in parts.loose if key(tag) in order), key=lambda tag: order[key(tag)])
        rest = [tag for tag in parts.loose if key(tag) not in order]
        anchors = [index for index, tag in enumerate(rest) if key(tag) == key(after)]
        if not moving or (where == "after" and not anchors):
            return parts
        place = {"front": 0, "end": len(rest), "after": anchors[0] + 1 if anchors else 0}[where]
        loose = (*rest[:place], *moving, *rest[place:])
        return replace(parts, tags=loose + (parts.tags[-1:] if parts.prose else ()))

    return _edit(text, change)


def merge(text: str, old: Collection[str], new: str) -> str:
    """All of `old` become `new`, once, where the first of them (or `new` itself) stood. An empty `new` removes them."""
    if not new.strip():
        return remove(text, old)
    olds, target = {key(tag) for tag in old}, key(new)

    def change(parts: TagText) -> TagText:
        if not any(key(tag) in olds for tag in parts.loose):
            return parts
        family = [index for index, tag in enumerate(parts.loose) if key(tag) in olds or key(tag) == target]
        kept = [index for index in range(len(parts.tags)) if index not in family[1:]]
        tags = list(parts.tags)
        tags[family[0]] = new.strip()
        return _keep(replace(parts, tags=tuple(tags)), kept)

    return _edit(text, change)


def rename(text: str, old: str, new: str) -> str:
    """One tag under another name; where the new one is there already, the two become one."""
    return merge(text, [old], new)
