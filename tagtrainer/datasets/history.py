"""History of a dataset: what was changed, by whom, undo and redo of any of it, also after a restart. Must not know a page.

Undo is a change like any other, written to the same log. What was changed again since is left as it is and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import captions, index, records, store
from tagtrainer.datasets import changes as log
from tagtrainer.datasets.changes import ChangeKind, Line, Title
from tagtrainer.workspace import Workspace

__all__ = ["Entry", "Title", "Undone", "diff", "entries", "redo", "undo"]


@dataclass(frozen=True)
class Entry:
    """One named change: `count` items; `undone` when it is taken back at present."""

    id: str
    at: float
    who: str
    title: str
    kind: ChangeKind
    count: int
    undone: bool
    refused: bool = False


@dataclass(frozen=True)
class Undone:
    """What an undo or redo did. `conflicts`: items left alone because they were changed again since."""

    entry: str
    changed: int
    conflicts: int


def entries(ws: Workspace, dataset: str, offset: int = 0, limit: int = 50) -> tuple[list[Entry], int]:
    """(changes from newest to oldest, how many there are); undos are not listed, they show as `undone`."""
    store.get(ws, dataset)
    groups = _groups(ws, dataset)
    undone = _undone(ws, dataset)
    newest = sorted(groups, key=lambda group: groups[group][-1].at, reverse=True)
    found = []
    for group in newest[offset : offset + limit]:
        parts = groups[group]
        refused = all(part.refused for part in parts)
        count = sum(part.count for part in parts if refused or not part.refused)
        kind = parts[0].kind
        found.append(Entry(group, parts[-1].at, parts[0].who, _words(parts), kind, count, group in undone, refused))
    return found, len(newest)


def _words(parts: list[Line]) -> str:
    return parts[0].words or t("datasets.change.unnamed")


def _groups(ws: Workspace, dataset: str) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in log.lines(ws.dataset(dataset)):
        if not line.undoes:
            groups.setdefault(line.group, []).append(line)
    return groups


def _undone(ws: Workspace, dataset: str) -> dict[str, float]:
    """Changes that are taken back at present, and when. An undo is itself undone by a redo."""
    state: dict[str, float] = {}
    for line in log.lines(ws.dataset(dataset)):
        target, _, way = line.undoes.partition(":")
        if way == "redo":
            state.pop(target, None)
        elif target:
            state[target] = line.at
    return state


def diff(ws: Workspace, dataset: str, entry: str, offset: int = 0, limit: int = 50) -> tuple[list[dict[str, Any]], int]:
    """(rows {"item", "name", "kind", "old", "new", "refused"}, how many there are) of a change; refused ones were not written.

    Raises UserError datasets.no_such_change.
    """
    folder = ws.dataset(dataset)
    known = records.read(folder)
    rows: list[dict[str, Any]] = []
    passed = 0
    parts = _parts(ws, dataset, entry)
    for part in parts:
        if passed < offset + limit and passed + part.count > offset:
            changes = log.changes_of(folder, part)
            for change in changes[max(0, offset - passed) : offset + limit - passed]:
                item = known.get(change["item"])
                name = item.name if item else str(change.get("old") or change.get("new") or change["item"])
                rows.append({**change, "kind": part.kind, "name": name, "refused": part.refused})
        passed += part.count
    return rows, passed


def _parts(ws: Workspace, dataset: str, entry: str) -> list[Line]:
    store.get(ws, dataset)
    parts = _groups(ws, dataset).get(entry)
    if not parts:
        raise UserError("datasets.no_such_change", id=entry)
    return parts


def undo(ws: Workspace, dataset: str, entry: str | None = None, *, who: str = "user") -> Undone:
    """Take a change back, the newest that is not taken back yet when none is named. UserError datasets.nothing_to_undo."""
    undone = _undone(ws, dataset)
    if entry is None:
        groups = _groups(ws, dataset)
        open_ones = [group for group, parts in groups.items() if group not in undone and not _idle(parts)]
        if not open_ones:
            raise UserError("datasets.nothing_to_undo")
        entry = max(open_ones, key=lambda group: groups[group][-1].at)
    elif entry in undone:
        raise UserError("datasets.already_undone")
    return _turn(ws, dataset, entry, who, back=True)


def redo(ws: Workspace, dataset: str, entry: str | None = None, *, who: str = "user") -> Undone:
    """Bring a change back that was undone, the one undone last when none is named. UserError datasets.nothing_to_redo."""
    undone = _undone(ws, dataset)
    if not undone or (entry is not None and entry not in undone):
        raise UserError("datasets.nothing_to_redo")
    return _turn(ws, dataset, entry or max(undone, key=lambda name: undone[name]), who, back=False)


def _idle(parts: Iterable[Line]) -> bool:
    return all(part.refused for part in parts)


def _turn(ws: Workspace, dataset: str, entry: str, who: str, *, back: bool) -> Undone:
    parts = [part for part in _parts(ws, dataset, entry) if not part.refused]
    if not parts:
        raise UserError("datasets.nothing_to_undo")
    mark = entry if back else f"{entry}:redo"
    title = Title("datasets.change.undo" if back else "datasets.change.redo", title=_words(parts))
    changed = conflicts = 0
    for kind, changes in _net(ws, dataset, parts, back):
        done, left = _WAYS[kind](ws, dataset, changes, {"who": who, "title": title, "undoes": mark}, back)
        changed, conflicts = changed + done, conflicts + left
    return Undone(entry, changed, conflicts)


def _net(
    ws: Workspace, dataset: str, parts: list[Line], back: bool
) -> list[tuple[ChangeKind, dict[str, dict[str, Any]]]]:
    """For each kind, what the parts did to every item in all: {"old", "new"} per item."""
    found: dict[ChangeKind, dict[str, dict[str, Any]]] = {}
    for part in parts:
        known = found.setdefault(part.kind, {})
        for change in log.changes_of(ws.dataset(dataset), part):
            before = known.get(change["item"])
            known[change["item"]] = {**change, "old": before["old"]} if before else change
    ordered = list(found.items())
    return list(reversed(ordered)) if back else ordered


def _turn_captions(
    ws: Workspace, dataset: str, changes: dict[str, dict[str, Any]], details: dict[str, Any], back: bool
) -> tuple[int, int]:
    folder = ws.dataset(dataset)
    known = records.read(folder)
    here = {ident: change for ident, change in changes.items() if ident in known}
    to, seen = ("old", "new") if back else ("new", "old")
    texts = {ident: change[to] for ident, change in here.items()}
    done, later = captions.turn_back(folder, texts, {ident: change[seen] for ident, change in here.items()}, **details)
    if done:
        index.put(ws, dataset, [known[ident] for ident in done])
    return len(done), len(later) + len(changes) - len(here)


def _turn_items(
    ws: Workspace, dataset: str, changes: dict[str, dict[str, Any]], details: dict[str, Any], back: bool
) -> tuple[int, int]:
    known = records.read(ws.dataset(dataset))
    to, seen = ("old", "new") if back else ("new", "old")
    wanted: dict[str, dict[str, Any]] = {}
    left = 0
    for ident, change in changes.items():
        row = store.plain_of(known[ident], change[seen]) if ident in known else None
        if row == change[seen]:
            wanted[ident] = change[to]
        elif row != change[to]:
            left += 1
    return store.change_items(ws, dataset, wanted, **details), left


def _turn_presence(
    ws: Workspace, dataset: str, changes: dict[str, dict[str, Any]], details: dict[str, Any], back: bool
) -> tuple[int, int]:
    """Deleting, restoring and adding: items go to the trash or come back from it."""
    there = next(iter(changes.values()))["new"] is not None
    ids, known = list(changes), records.read(ws.dataset(dataset))
    if there == back:
        done = store.delete_items(ws, dataset, [ident for ident in ids if ident in known], **details)
    else:
        done = store.restore_items(ws, dataset, [ident for ident in ids if ident not in known], **details)
    if not done:
        log.append(ws.dataset(dataset), "items", [], **details)
    return done, 0


_WAYS = {
    "captions": _turn_captions, "items": _turn_items, "delete": _turn_presence, "restore": _turn_presence,
    "add": _turn_presence,
}  # fmt: skip
