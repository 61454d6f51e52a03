"""The search index: a SQLite cache of every dataset's items and captions. May be deleted at any time; the files are the truth."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tagtrainer.core.files import hidden
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index_db, records
from tagtrainer.datasets.captions import read_caption
from tagtrainer.datasets.index_db import natural as natural
from tagtrainer.datasets.index_db import using
from tagtrainer.datasets.models import Item, ItemFilter, Page
from tagtrainer.workspace import Workspace

if TYPE_CHECKING:
    from tagtrainer.datasets.listing import Listing

T = TypeVar("T")


def put(ws: Workspace, dataset: str, items: Iterable[Item]) -> None:
    """Add or renew items with their captions from disk; what everyone does after changing files."""
    folder = ws.dataset(dataset)
    read = [(item, *read_caption(folder, item.id)) for item in items]
    using(ws, lambda db: index_db.put(db, dataset, read))


def renew(ws: Workspace, dataset: str, items: Sequence[Item]) -> None:
    """Renew items whose names and captions stay as they are: their captions are not read."""
    if not using(ws, lambda db: index_db.renew(db, dataset, items)):
        put(ws, dataset, items)


def remove(ws: Workspace, dataset: str, ids: Iterable[str]) -> None:
    """Forget items."""
    using(ws, lambda db: index_db.remove(db, dataset, list(ids)))


def drop(ws: Workspace, dataset: str) -> None:
    """Forget a whole dataset."""
    using(ws, lambda db: index_db.drop(db, dataset))


def sync(ws: Workspace, dataset: str) -> bool:
    """Bring the index in line with the files, also those changed outside the app; True when something had changed.

    Looks at names, sizes and times only; reads just the captions that changed and the records that were added.
    """
    folder = ws.dataset(dataset)
    if not (folder / "metadata.json").exists():
        raise UserError("datasets.not_found", id=dataset)
    mark, present, stamps = records.mark(folder), _stems(folder / "images"), _stamps(folder / "captions")
    seen, known = using(ws, lambda db: _seen(db, dataset))
    if seen == mark and present <= known.keys():
        gone = known.keys() - present
        ids = [ident for ident in present if known[ident] != stamps.get(ident, "")]
        changed = using(ws, lambda db: index_db.fetch(db, dataset, ids)) if ids else {}
    else:
        gone, changed = _compare(ws, dataset, present, known, stamps, seen)
    if gone:
        remove(ws, dataset, gone)
    if changed or (seen is None and not gone):
        put(ws, dataset, changed.values())
    if seen != mark:
        using(ws, lambda db: db.execute("UPDATE datasets SET recorded = ? WHERE id = ?", (mark, dataset)))
    return bool(gone or changed)


def _seen(db: sqlite3.Connection, dataset: str) -> tuple[str | None, dict[str, str]]:
    """(the mark of the records that the index knows or None, caption stamps by item)."""
    found = db.execute("SELECT recorded FROM datasets WHERE id = ?", (dataset,)).fetchone()
    stamps = dict(db.execute("SELECT id, stamp FROM items WHERE dataset = ?", (dataset,)).fetchall())
    return (found[0] if found else None), stamps


def _compare(
    ws: Workspace, dataset: str, present: set[str], known: dict[str, str], stamps: dict[str, str], seen: str | None
) -> tuple[set[str], dict[str, Item]]:
    """(ids that went, items to put) when there are records or pictures that the index does not know."""
    from tagtrainer.datasets.intake import adopt

    folder = ws.dataset(dataset)
    recorded = records.read(folder)
    if present - recorded.keys() and adopt(ws, dataset, present - recorded.keys()):
        present, recorded = _stems(folder / "images"), records.read(folder)
    items = {ident: item for ident, item in recorded.items() if ident in present}
    changed = {ident: item for ident, item in items.items() if known.get(ident) != stamps.get(ident, "")}
    touched = records.written_since(folder, seen or "")
    ids = [ident for ident in (known if touched is None else touched) if ident in items and ident in known]
    before = using(ws, lambda db: index_db.fetch(db, dataset, ids))
    changed |= {ident: items[ident] for ident, item in before.items() if plain(item) != items[ident]}
    return known.keys() - items.keys(), changed


def plain(item: Item) -> Item:
    """The item as it is recorded: whether there is a caption is not."""
    return replace(item, has_caption=False) if item.has_caption else item


def _stems(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    with os.scandir(folder) as entries:
        return {os.path.splitext(entry.name)[0] for entry in entries if not hidden(entry)}  # noqa: PTH122


def _stamps(folder: Path) -> dict[str, str]:
    """Caption id -> size and time of its file."""
    found: dict[str, str] = {}
    if folder.exists():
        with os.scandir(folder) as entries:
            for entry in entries:
                if not hidden(entry) and entry.name.endswith(".txt"):
                    status = entry.stat()
                    found[entry.name[:-4]] = f"{status.st_size}:{status.st_mtime_ns}"
    return found


def ensure(ws: Workspace, dataset: str) -> int:
    """The dataset's revision; it is indexed first when the index does not know it."""
    state = using(ws, lambda db: index_db.state(db, dataset))
    if state is None:
        sync(ws, dataset)
        state = using(ws, lambda db: index_db.state(db, dataset))
    return state[1] if state else 0


def rebuild(ws: Workspace, dataset: str | None = None) -> list[str]:
    """Forget and read anew one dataset or all; their ids."""
    folders = sorted(path.parent.name for path in ws.datasets.glob("*/metadata.json"))
    wanted = [dataset] if dataset else folders
    for ident in wanted:
        drop(ws, ident)
        sync(ws, ident)
    return wanted


def _ask(ws: Workspace, dataset: str, ask: Callable[[Listing, sqlite3.Connection], T], texts: bool = False) -> T:
    """What `ask` finds in the up-to-date listing of a dataset, which is held meanwhile."""
    from tagtrainer.datasets import listing

    def work(db: sqlite3.Connection) -> tuple[T] | None:
        db.execute("BEGIN")  # one look at the index: revision and rows belong together
        try:
            state = index_db.state(db, dataset)
            if state is None:
                return None
            found = listing.of(ws, db, dataset, state[0])
            with found.lock:
                found.refresh(db, dataset, state[1])
                if texts:
                    found.load_texts(db, dataset)
                return (ask(found, db),)
        finally:
            db.execute("COMMIT")

    answer = using(ws, work)
    if answer is None:
        sync(ws, dataset)
        answer = using(ws, work)
    if answer is None:
        raise UserError("datasets.not_found", id=dataset)
    return answer[0]


def _reads(look: ItemFilter) -> bool:
    return bool(look.text or look.tag)


def page(ws: Workspace, dataset: str, look: ItemFilter, offset: int, limit: int) -> Page:
    """Items offset..offset+limit of the filtered, sorted list."""

    def ask(known: Listing, db: sqlite3.Connection) -> Page:
        slots = known.select(look)
        wanted = known.names(slots[offset : offset + limit])
        found = index_db.fetch(db, dataset, wanted)
        return Page(len(slots), known.rev, [found[ident] for ident in wanted if ident in found])

    return _ask(ws, dataset, ask, _reads(look))


def ids(
    ws: Workspace, dataset: str, look: ItemFilter, ranges: Sequence[tuple[int, int]] | None = None
) -> tuple[list[str], int, int]:
    """(ids of a filter in its order, or of [first, last] places in it; how many the filter has; revision)."""
    from tagtrainer.datasets import listing

    def ask(known: Listing, db: sqlite3.Connection) -> tuple[list[str], int, int]:
        slots = known.select(look)
        return known.names(slots if ranges is None else listing.cut(slots, ranges)), len(slots), known.rev

    return _ask(ws, dataset, ask, _reads(look))


def place(ws: Workspace, dataset: str, look: ItemFilter, item: str) -> int:
    """Where an item stands in the filtered list, -1 when it is not in it."""
    return _ask(ws, dataset, lambda known, db: known.place_of(known.select(look), item), _reads(look))


def following(ws: Workspace, dataset: str, look: ItemFilter, after: int) -> tuple[int, str] | None:
    """(place in the list without the wish, id) of the first item without caption after a place of the list, round its end."""

    def ask(known: Listing, db: sqlite3.Connection) -> tuple[int, str] | None:
        slots = known.select(look)
        open_ones = (~known.columns["captioned"][slots]).nonzero()[0]
        if not len(open_ones):
            return None
        later = open_ones[open_ones > after]
        at = int(later[0] if len(later) else open_ones[0])
        return at, known.ids[int(slots[at])]

    return _ask(ws, dataset, ask, _reads(look))


def warm(ws: Workspace, dataset: str) -> None:
    """Have in memory what the first search and the first change need."""
    _ask(ws, dataset, lambda known, db: None, texts=True)
    records.read(ws.dataset(dataset))


def chosen(ws: Workspace, dataset: str, look: ItemFilter) -> list[Item]:
    """Every item of the filter, in its order."""
    known = {item.id: item for item in all_items(ws, dataset)}
    return [known[ident] for ident in ids(ws, dataset, look)[0] if ident in known]


def search(ws: Workspace, dataset: str, text: str) -> list[str]:
    """Ids of the items whose name or caption holds every word, by name."""
    return ids(ws, dataset, ItemFilter(text=text))[0]


_items: dict[tuple[Path, str], tuple[str, int, list[Item]]] = {}
"""The list of the dataset asked for last; a page asks for the same again and again."""


def all_items(ws: Workspace, dataset: str) -> list[Item]:
    """Every item by name, from memory while nothing changes. Do not change the list."""
    kept = _items.get((ws.index, dataset))

    def ask(known: Listing, db: sqlite3.Connection) -> tuple[str, int, list[Item]]:
        if kept is not None and kept[:2] == (known.epoch, known.rev):
            return kept
        query = f"SELECT {index_db.COLUMNS} FROM items WHERE dataset = ? ORDER BY sort_name, id"
        return known.epoch, known.rev, [index_db.item_of(row) for row in db.execute(query, (dataset,))]

    found = _ask(ws, dataset, ask)
    if found is not kept:
        _items.clear()
        _items[(ws.index, dataset)] = found
    return found[2]


def all_captions(ws: Workspace, dataset: str) -> dict[str, str]:
    """Every item's caption as last seen; "" where there is none."""
    ensure(ws, dataset)
    query = "SELECT id, caption FROM texts WHERE dataset = ?"
    return using(ws, lambda db: dict(db.execute(query, (dataset,)).fetchall()))


def totals(ws: Workspace, dataset: str) -> tuple[int, int, int, int, int]:
    """(items, items with a caption, bytes of the originals, flagged ones, cropped ones)."""
    names = ("captioned", "bytes", "flagged", "cropped")

    def ask(known: Listing, db: sqlite3.Connection) -> tuple[int, int, int, int, int]:
        captioned, size, flagged, cropped = (known.sum(name) for name in names)
        return len(known.slot), captioned, size, flagged, cropped

    return _ask(ws, dataset, ask)


def some(ws: Workspace, dataset: str, wanted: Sequence[str]) -> dict[str, Item]:
    """Items by id; those that are not there are left out."""

    def work(db: sqlite3.Connection) -> dict[str, Item] | None:
        return index_db.fetch(db, dataset, wanted) if index_db.state(db, dataset) else None

    found = using(ws, work)
    if found is None:
        sync(ws, dataset)
        found = using(ws, work)
    return found or {}


def one(ws: Workspace, dataset: str, ident: str) -> Item | None:
    """One item, or None."""
    return some(ws, dataset, [ident]).get(ident)
