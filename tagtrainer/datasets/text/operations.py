"""Bulk operations on captions, each a small declared dataclass: what it needs and what it does to one text. Must not touch files.

The forms of the page, the checks of what comes in and the command line are computed from the declarations. A new operation is
a class here and its texts under bulk.op, bulk.about and bulk.title.
"""

# ruff: noqa: RUF009 - fields are declared by a function
from __future__ import annotations

import abc
import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from tagtrainer.core.text import UserError, t
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.text import patterns
from tagtrainer.datasets.text import tags as edit
from tagtrainer.datasets.text.patterns import Change
from tagtrainer.datasets.text.prose import says, whole_words
from tagtrainer.datasets.text.tags import Order, Where
from tagtrainer.datasets.text.tidying import tidy

Kind = Literal["text", "tag", "tags", "check", "choice", "number"]
LONGEST_FIELD = 2_000
PLACES = ("front", "end", "after")


@dataclass(frozen=True)
class Context:
    """What an operation may know of the dataset. `counts`: tag key -> captions; asked for only by who needs it."""

    trigger: str = ""
    counts: Callable[[], Mapping[str, int]] = dict
    budget: float = patterns.BUDGET


def _declare(
    kind: Kind, default: Any = "", *, choices: tuple[str, ...] = (), when: str = "", need: bool = False
) -> Any:
    """One field: its widget, what it may be, `when` ("where=after") it matters, and whether it must be given."""
    details = {"kind": kind, "choices": choices, "when": when, "need": need}
    if kind == "tags":
        return field(default_factory=tuple, metadata=details)
    return field(default=default, metadata=details)


@dataclass(frozen=True)
class Operation(abc.ABC):
    """What all have. `tags_only`: running text stays as it is, so captions of sentences only are told as left alone."""

    id: ClassVar[str] = ""
    tags_only: ClassVar[bool] = False

    @abc.abstractmethod
    def prepare(self, context: Context) -> Change:
        """The change of one text; raises UserError for what cannot be."""

    def title(self, context: Context) -> Title:
        """The name of the change in the history."""
        values = {name: _short(value) for name, value in dataclasses.asdict(self).items()}
        return Title(f"bulk.title.{self.id}", **values)


def _short(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


@dataclass(frozen=True)
class Replace(Operation):
    id: ClassVar[str] = "replace"
    old: str = _declare("text", need=True)
    new: str = _declare("text")
    regex: bool = _declare("check", False)
    case: bool = _declare("check", False)
    word: bool = _declare("check", False)

    def prepare(self, context: Context) -> Change:
        if self.regex:
            return patterns.expression(self.old, self.new, case=self.case, word=self.word, budget=context.budget)
        return patterns.plain(self.old, self.new, case=self.case, word=self.word)


@dataclass(frozen=True)
class AddTags(Operation):
    id: ClassVar[str] = "add"
    tags: tuple[str, ...] = _declare("tags", need=True)
    where: Where = _declare("choice", "end", choices=PLACES)
    after: str = _declare("tag", when="where=after")

    def prepare(self, context: Context) -> Change:
        ordered = self.tags if self.where == "end" else self.tags[::-1]

        def change(text: str) -> str:
            for tag in ordered:
                text = edit.add(text, tag, self.where, self.after)
            return text

        return change


@dataclass(frozen=True)
class RemoveTags(Operation):
    id: ClassVar[str] = "remove"
    tags: tuple[str, ...] = _declare("tags", need=True)

    def prepare(self, context: Context) -> Change:
        return lambda text: edit.remove(text, self.tags)


@dataclass(frozen=True)
class MoveTags(Operation):
    id: ClassVar[str] = "move"
    tags: tuple[str, ...] = _declare("tags", need=True)
    where: Where = _declare("choice", "front", choices=PLACES)
    after: str = _declare("tag", when="where=after")

    def prepare(self, context: Context) -> Change:
        return lambda text: edit.move(text, self.tags, self.where, self.after)


@dataclass(frozen=True)
class RenameTag(Operation):
    id: ClassVar[str] = "rename"
    old: str = _declare("tag", need=True)
    new: str = _declare("tag", need=True)

    def prepare(self, context: Context) -> Change:
        return lambda text: edit.rename(text, self.old, self.new)


@dataclass(frozen=True)
class MergeTags(Operation):
    id: ClassVar[str] = "merge"
    tags: tuple[str, ...] = _declare("tags", need=True)
    new: str = _declare("tag", need=True)

    def prepare(self, context: Context) -> Change:
        return lambda text: edit.merge(text, self.tags, self.new)


@dataclass(frozen=True)
class Trigger(Operation):
    """Everywhere: at the front of each caption that does not say the word yet. Nowhere: neither as a tag nor as a word."""

    id: ClassVar[str] = "trigger"
    mode: Literal["everywhere", "nowhere"] = _declare("choice", "everywhere", choices=("everywhere", "nowhere"))
    trigger: str = _declare("tag")
    empty: bool = _declare("check", True, when="mode=everywhere")

    def prepare(self, context: Context) -> Change:
        word = self._word(context)
        if self.mode == "nowhere":
            return lambda text: _without(text, word)

        def change(text: str) -> str:
            if (not text.strip() and not self.empty) or says(text, word):
                return text
            return edit.add(text, word, "front")

        return change

    def _word(self, context: Context) -> str:
        word = self.trigger.strip() or context.trigger.strip()
        if not word:
            raise UserError("bulk.no_trigger")
        return word

    def title(self, context: Context) -> Title:
        return Title(f"bulk.title.trigger_{self.mode}", trigger=_short(self._word(context)))


def _without(text: str, word: str) -> str:
    """The tag goes with its comma; a word inside other words leaves one space."""
    if not says(text, word):
        return text
    text = edit.remove(text, [word])
    around = re.compile(rf"([ \t]?){whole_words(word).pattern}([ \t]?)", re.IGNORECASE)
    return around.sub(lambda found: " " if found[1] and found[2] else "", text)


@dataclass(frozen=True)
class Affix(Operation):
    id: ClassVar[str] = "affix"
    prefix: str = _declare("text")
    suffix: str = _declare("text")
    empty: bool = _declare("check", False)

    def prepare(self, context: Context) -> Change:
        if not self.prefix and not self.suffix:
            raise UserError("bulk.missing", field=t("bulk.field.prefix"))

        def change(text: str) -> str:
            if not text.strip() and not self.empty:
                return text
            text = text if text.startswith(self.prefix) else self.prefix + text
            return text if text.endswith(self.suffix) else text + self.suffix

        return change


@dataclass(frozen=True)
class SortTags(Operation):
    id: ClassVar[str] = "sort"
    tags_only: ClassVar[bool] = True
    order: Order = _declare("choice", "name", choices=("name", "count"))
    keep_first: int = _declare("number", 0)
    trigger_first: bool = _declare("check", True)

    def prepare(self, context: Context) -> Change:
        counts = context.counts() if self.order == "count" else None
        first = context.trigger if self.trigger_first else ""
        return lambda text: edit.sort(text, self.order, counts=counts, keep_first=self.keep_first, first=first)


@dataclass(frozen=True)
class Dedupe(Operation):
    id: ClassVar[str] = "dedupe"
    tags_only: ClassVar[bool] = True

    def prepare(self, context: Context) -> Change:
        return edit.dedupe


@dataclass(frozen=True)
class Tidy(Operation):
    id: ClassVar[str] = "tidy"

    def prepare(self, context: Context) -> Change:
        return tidy


_CLASSES = (Replace, AddTags, RemoveTags, MoveTags, RenameTag, MergeTags, Trigger, Affix, SortTags, Dedupe, Tidy)
OPERATIONS: dict[str, type[Operation]] = {known.id: known for known in _CLASSES}


def forms() -> list[dict[str, Any]]:
    """Every operation with its fields and texts in the current language, for a page that builds the inputs."""
    return [
        {
            "id": known.id,
            "label": t(f"bulk.op.{known.id}"),
            "about": t(f"bulk.about.{known.id}"),
            "fields": [_form(known.id, declared) for declared in dataclasses.fields(known)],
        }
        for known in _CLASSES
    ]


def _form(ident: str, declared: dataclasses.Field[Any]) -> dict[str, Any]:
    details = declared.metadata
    default = "" if details["kind"] == "tags" else declared.default
    choices = [{"value": value, "label": t(f"bulk.choice.{value}")} for value in details["choices"]]
    return {
        "name": declared.name, "kind": details["kind"], "default": default, "choices": choices, "when": details["when"],
        "label": t(f"bulk.field.{declared.name}"),
    }  # fmt: skip


def operation(ident: str, values: Mapping[str, Any]) -> Operation:
    """An operation from what a page or a command line sent. UserError bulk.no_operation, bulk.missing, bulk.bad_value."""
    known = OPERATIONS.get(ident)
    if known is None:
        raise UserError("bulk.no_operation", name=ident[:60])
    fields = {declared.name: declared for declared in dataclasses.fields(known)}
    if unknown := next((name for name in values if name not in fields), None):
        raise UserError("bulk.bad_value", field=unknown[:60])
    given = {name: _value(fields[name], value) for name, value in values.items()}
    _check_needs(fields, given)
    return known(**given)


def _check_needs(fields: Mapping[str, dataclasses.Field[Any]], given: Mapping[str, Any]) -> None:
    for name, declared in fields.items():
        rule, _, wanted = declared.metadata["when"].partition("=")
        if (declared.metadata["need"] or (wanted == "after" and given.get(rule) == wanted)) and not given.get(name):
            raise UserError("bulk.missing", field=t(f"bulk.field.{name}"))


def _value(declared: dataclasses.Field[Any], value: Any) -> Any:
    kind, label = declared.metadata["kind"], t(f"bulk.field.{declared.name}")
    if kind == "check" and isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, int) and 0 <= value <= 1_000:
        return value
    if kind == "choice" and value in declared.metadata["choices"]:
        return value
    if kind == "tags" and isinstance(value, list | tuple) and all(isinstance(tag, str) for tag in value):
        value = "\n".join(value)
    longest = LONGEST_FIELD * (50 if kind == "tags" else 1)
    if kind in ("text", "tag", "tags") and isinstance(value, str) and len(value) <= longest:
        return value if kind == "text" else value.strip() if kind == "tag" else edit.listed(value)
    raise UserError("bulk.bad_value", field=label)
