"""Runs a bulk operation over chosen captions: a preview that writes nothing, and one named change. Must not know what an
operation does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import ClassVar

from tagtrainer.core.text import t
from tagtrainer.datasets import changes, index, store
from tagtrainer.datasets.captions import as_read
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.text import texts
from tagtrainer.datasets.text.operations import Context, Operation
from tagtrainer.datasets.text.patterns import Change
from tagtrainer.datasets.text.tags import is_prose
from tagtrainer.workspace import Workspace

PREVIEW_BUDGET = 5.0
_WORDS = re.compile(r"[㐀-䶿一-鿿豈-﫿]|\w+|\s+|[^\w\s]")
_LONGEST_DIFF = 3_000
Part = tuple[str, str]
"""("same" | "old" | "new", text); texts instead of offsets, which count differently in a browser."""


@dataclass(frozen=True)
class Several(Operation):
    """Operations one after the other, as one change."""

    id: ClassVar[str] = "several"
    tags_only: ClassVar[bool] = False
    operations: tuple[Operation, ...] = ()

    def prepare(self, context: Context) -> Change:
        steps = [operation.prepare(context) for operation in self.operations]

        def change(text: str) -> str:
            for step in steps:
                text = step(text)
            return text

        return change

    def title(self, context: Context) -> Title:
        return Title("bulk.title.several", names=", ".join(t(f"bulk.op.{known.id}") for known in self.operations))


@dataclass(frozen=True)
class Scope:
    """Which captions: these items, else those of a filter expression, else all."""

    items: Sequence[str] | None = None
    expr: str | None = None


@dataclass(frozen=True)
class Hit:
    """A caption that would change; `parts` is both texts in one, marked."""

    item: Item
    old: str
    new: str
    parts: list[Part]


@dataclass(frozen=True)
class Preview:
    """`count` of `total` captions would change. `sentences`: captions without tags that an operation on tags leaves alone."""

    count: int
    total: int
    sentences: int
    hits: list[Hit]


@dataclass(frozen=True)
class Applied:
    """How many captions differ now, and the entry of the history to undo; "" when nothing changed."""

    changed: int
    entry: str


def preview(ws: Workspace, dataset: str, operation: Operation, scope: Scope, limit: int = 20) -> Preview:
    """What `apply` would do now, with the first hits. Raises UserError for what the operation refuses."""
    total = sentences = count = 0
    hits: list[Hit] = []
    for item, old, new in _run(ws, dataset, operation, scope, PREVIEW_BUDGET):
        total += 1
        if old != new:
            count += 1
            if len(hits) < limit:
                hits.append(Hit(item, old, new, marked(old, new)))
        elif operation.tags_only and is_prose(old):
            sentences += 1
    return Preview(count, total, sentences, hits)


def size(ws: Workspace, dataset: str, scope: Scope) -> int:
    """How many captions a scope holds."""
    return len(store.select(ws, dataset, items=scope.items, expr=scope.expr))


def apply(ws: Workspace, dataset: str, operation: Operation, scope: Scope, *, who: str = "user") -> Applied:
    """Change the captions as one entry of the history. UserError datasets.caption_changed when one was changed meanwhile."""
    index.sync(ws, dataset)
    changed = {item.id: (old, new) for item, old, new in _run(ws, dataset, operation, scope) if old != new}
    if not changed:
        return Applied(0, "")
    entry = changes.new_group()
    count = store.write_captions(
        ws,
        dataset,
        {ident: new for ident, (_, new) in changed.items()},
        expected={ident: old for ident, (old, _) in changed.items()},
        who=who,
        title=operation.title(_context(ws, dataset)),
        group=entry,
    )
    return Applied(count, entry)


def _context(ws: Workspace, dataset: str, budget: float | None = None) -> Context:
    trigger = store.get(ws, dataset).trigger_word
    context = Context(trigger, lambda: texts.table(ws, dataset)[0].frequencies())
    return context if budget is None else Context(trigger, context.counts, budget)


def _run(
    ws: Workspace, dataset: str, operation: Operation, scope: Scope, budget: float | None = None
) -> Iterator[tuple[Item, str, str]]:
    """(item, caption, what it would be) of the whole scope."""
    change = operation.prepare(_context(ws, dataset, budget))
    chosen = store.select(ws, dataset, items=scope.items, expr=scope.expr)
    known = texts.captions(ws, dataset)
    for item in chosen:
        old = known.get(item.id, "")
        yield item, old, as_read(change(old))


def marked(old: str, new: str) -> list[Part]:
    """Both texts in one: what stays, what goes, what comes; by words, Chinese by characters."""
    head = _common(old, new)
    foot = _common(old[head:][::-1], new[head:][::-1])
    middle = (old[head : len(old) - foot], new[head : len(new) - foot])
    if sum(map(len, middle)) > _LONGEST_DIFF:
        found: list[Part] = [("old", middle[0]), ("new", middle[1])]
    else:
        found = list(_differences(*(_WORDS.findall(text) for text in middle)))
    return _joined([("same", old[:head]), *found, ("same", old[len(old) - foot :])])


def _common(one: str, other: str) -> int:
    """Length of the common beginning, not ending within a word."""
    length = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if length == len(one) == len(other):
        return length
    while length and one[length - 1].isalnum():
        length -= 1
    return length


def _differences(old: list[str], new: list[str]) -> Iterator[Part]:
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[a:b])
        else:
            yield "old", "".join(old[a:b])
            yield "new", "".join(new[c:d])


def _joined(parts: list[Part]) -> list[Part]:
    found: list[Part] = []
    for kind, text in parts:
        if text and found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + text)
        elif text:
            found.append((kind, text))
    return found
