"""Flag, repeats, crop and controls of items, changed as one named, recorded change. Must not touch files of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from tagtrainer.core.text import UserError
from tagtrainer.datasets import changes as log
from tagtrainer.datasets import index, records
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import Control, Item
from tagtrainer.workspace import Workspace

_MARKS = frozenset({"flagged", "repeats"})


def change_items(
    ws: Workspace,
    dataset: str,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    who: str,
    title: str | Title,
    group: str = "",
    undoes: str = "",
) -> int:
    """Change flag, repeats, crop or controls of items as one named change; how many items differ now.

    Raises UserError datasets.item_not_found, datasets.bad_change (a crop that leaves the picture, no such property).
    """
    folder = ws.dataset(dataset)
    with log.lock(folder):
        known = records.read(folder)
        changed = {
            item.id: item for item in (_changed(known, *change) for change in wanted.items()) if item != known[item.id]
        }
        if not changed and not undoes:
            return 0
        rows = [_difference(known[ident], item, wanted[ident]) for ident, item in changed.items()]
        log.append(folder, "items", rows, who=who, title=title, group=group, undoes=undoes)
        records.add(folder, list(changed.values()))
    if changed:
        index.renew(ws, dataset, list(changed.values()))
    return len(changed)


def _changed(known: Mapping[str, Item], ident: str, values: Mapping[str, Any]) -> Item:
    if ident not in known:
        raise UserError("datasets.item_not_found", id=ident)
    before = known[ident]
    unknown = values.keys() - records.CHANGEABLE
    try:
        if unknown:
            raise ValueError(sorted(unknown))
        if values.keys() <= _MARKS:
            return _marked(before, **values)
        after = records.from_row({**records.to_row(before), **_plain(values)})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("datasets.bad_change", name=before.name, reason=error) from error
    if after.crop and after.media == "video":
        raise UserError("datasets.no_crop_of_clips", name=before.name)
    if after.crop and (after.crop[0] + after.crop[2] > after.width or after.crop[1] + after.crop[3] > after.height):
        raise UserError("datasets.bad_change", name=before.name, reason=list(after.crop))
    return after if after.crop != (0, 0, after.width, after.height) else replace(after, crop=None)


def _marked(before: Item, *, flagged: Any = None, repeats: Any = None) -> Item:
    """The short way for what is set on 100,000 items at once."""
    often = before.repeats if repeats is None else max(1, min(records.MOST_REPEATS, int(repeats)))
    return replace(before, flagged=before.flagged if flagged is None else bool(flagged), repeats=often)


def _difference(before: Item, after: Item, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the log keeps of a changed item."""
    return {
        "item": before.id,
        "old": plain_of(before, values),
        "new": plain_of(after, values),
    }


def plain_of(item: Item, names: Iterable[str]) -> dict[str, Any]:
    """Properties of an item as the log of changes holds them."""
    return _plain({name: getattr(item, name) for name in names})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON holds them."""
    plain = dict(values)
    if plain.get("crop") is not None:
        plain["crop"] = list(plain["crop"])
    if "controls" in plain:
        plain["controls"] = [asdict(row) if isinstance(row, Control) else dict(row) for row in plain["controls"]]
    return plain
