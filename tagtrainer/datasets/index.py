"""The search index: a SQLite cache of every dataset's items and captions. May be deleted at any time; the files are the truth."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from tagtrainer.core.text import UserError
from tagtrainer.datasets import records
from tagtrainer.datasets.captions import read_caption
from tagtrainer.datasets.models import SQUARE, Item, ItemFilter, Page, Sort
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
T = TypeVar("T")
VERSION = 2
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS datasets (id TEXT PRIMARY KEY, rev INTEGER NOT NULL, recorded INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS items (
  dataset TEXT NOT NULL, id TEXT NOT NULL, name TEXT, sort_name TEXT, ext TEXT, width INTEGER, height INTEGER, bytes INTEGER,
  sha256 TEXT, added REAL, folder TEXT, caption TEXT, stamp TEXT, has_caption INTEGER, words TEXT,
  media TEXT, flagged INTEGER, side INTEGER, area INTEGER, aspect REAL, letters INTEGER, tags TEXT, more TEXT,
  PRIMARY KEY (dataset, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_name ON items (dataset, sort_name, id);
CREATE INDEX IF NOT EXISTS by_added ON items (dataset, added, id);
PRAGMA user_version = {VERSION};
"""
COLUMNS = "id, name, ext, width, height, bytes, sha256, added, folder, has_caption, more"
_MORE = ("media", "duration", "fps", "frames", "controls", "flagged", "repeats", "crop")
_orders: dict[tuple[Path, str, ItemFilter], tuple[int, list[str]]] = {}
_orders_lock = threading.Lock()
KEPT_ORDERS = 24


@contextlib.contextmanager
def _connection(ws: Workspace) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(ws.index, timeout=30, isolation_level=None)
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript("DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS datasets;" + SCHEMA)
        db.execute("PRAGMA synchronous = OFF")  # a cache: after a power cut it is rebuilt
        yield db
    finally:
        db.close()


def _with(ws: Workspace, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` on the index; a damaged index is moved aside once and made anew."""
    try:
        with _connection(ws) as db:
            return work(db)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise UserError("datasets.index_busy", reason=error) from error
        log.warning("the index %s is damaged (%s) and is made anew", ws.index, error)
        _move_aside(ws)
    with _connection(ws) as db:
        return work(db)


def _move_aside(ws: Workspace) -> None:
    for suffix in ("-wal", "-shm"):
        ws.index.with_name(ws.index.name + suffix).unlink(missing_ok=True)
    if ws.index.exists():
        ws.index.replace(ws.index.with_name(f"index.damaged-{time.strftime('%Y%m%d-%H%M%S')}.sqlite"))


def natural(name: str) -> str:
    """Sort key: case ignored, numbers by value, so that img_2 stands before img_10."""
    return re.sub(r"\d+", lambda match: match[0].zfill(12), name.casefold())


def _row(dataset: str, item: Item, caption: str, stamp: str) -> tuple[Any, ...]:
    words = f"{item.name}\n{caption}".casefold()
    width, height = item.size
    return (
        dataset, item.id, item.name, natural(item.name), item.ext, item.width, item.height, item.bytes, item.sha256,
        item.added, item.folder, caption, stamp, bool(caption.strip()), words, item.media, item.flagged,
        min(width, height), width * height, width / height, len(caption), _tags(caption), _more(item),
    )  # fmt: skip


def _tags(caption: str) -> str:
    """Tags with a comma on both sides of each, so that a whole tag can be looked for."""
    found = [" ".join(tag.casefold().split()) for tag in re.split(r"[,，、\n]", caption)]
    return "," + ",".join(tag for tag in found if tag) + ","


def _more(item: Item) -> str:
    """What most items do not have, as JSON; "" for a plain picture."""
    row = records.to_row(item)
    rare = {name: row[name] for name in _MORE if name in row}
    return json.dumps(rare, ensure_ascii=False) if rare else ""


def _item(row: Sequence[Any]) -> Item:
    values: list[Any] = [*row[:9], bool(row[9])]
    if not row[10]:
        return Item(*values)
    rare = json.loads(row[10])
    rare["controls"] = records.controls_of(rare.get("controls", ()))
    rare["crop"] = records.box_of(rare.get("crop"))
    return Item(*values, **rare)


def _bump(db: sqlite3.Connection, dataset: str) -> None:
    db.execute(
        "INSERT INTO datasets (id, rev) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET rev = max(rev + 1, excluded.rev)",
        (dataset, time.time_ns() // 1_000_000),
    )


def _rev(db: sqlite3.Connection, dataset: str) -> int | None:
    found = db.execute("SELECT rev FROM datasets WHERE id = ?", (dataset,)).fetchone()
    return int(found[0]) if found else None


def put(ws: Workspace, dataset: str, items: Iterable[Item]) -> None:
    """Add or renew items with their captions from disk; what everyone does after changing files."""
    folder = ws.dataset(dataset)
    rows = [_row(dataset, item, *read_caption(folder, item.id)) for item in items]
    marks = ", ".join("?" * 23)

    def work(db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT OR REPLACE INTO items VALUES ({marks})", rows)
        _bump(db, dataset)
        db.execute("COMMIT")

    _with(ws, work)


def remove(ws: Workspace, dataset: str, ids: Iterable[str]) -> None:
    """Forget items."""
    doomed = [(dataset, ident) for ident in ids]

    def work(db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM items WHERE dataset = ? AND id = ?", doomed)
        _bump(db, dataset)
        db.execute("COMMIT")

    _with(ws, work)


def drop(ws: Workspace, dataset: str) -> None:
    """Forget a whole dataset."""

    def work(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM items WHERE dataset = ?", (dataset,))
        db.execute("DELETE FROM datasets WHERE id = ?", (dataset,))

    _with(ws, work)


def sync(ws: Workspace, dataset: str) -> bool:
    """Bring the index in line with the files, also those changed outside the app; True when something had changed.

    Looks at names, sizes and times only, and reads just the captions that changed.
    """
    from tagtrainer.datasets.intake import adopt

    folder = ws.dataset(dataset)
    if not (folder / "metadata.json").exists():
        raise UserError("datasets.not_found", id=dataset)
    present, recorded = _stems(folder / "images"), records.read(folder)
    if present - recorded.keys() and adopt(ws, dataset, present - recorded.keys()):
        present, recorded = _stems(folder / "images"), records.read(folder)
    stamps = _stamps(folder / "captions")
    items = {ident: item for ident, item in recorded.items() if ident in present}
    known = _with(
        ws, lambda db: dict(db.execute("SELECT id, stamp FROM items WHERE dataset = ?", (dataset,)).fetchall())
    )
    gone = known.keys() - items.keys()
    changed = {ident: item for ident, item in items.items() if known.get(ident) != stamps.get(ident, "")}
    changed |= _rerecorded(ws, dataset, items)
    if gone:
        remove(ws, dataset, gone)
    if changed or (not gone and _with(ws, lambda db: _rev(db, dataset)) is None):
        put(ws, dataset, changed.values())
    return bool(gone or changed)


def _rerecorded(ws: Workspace, dataset: str, items: dict[str, Item]) -> dict[str, Item]:
    """Items whose record is another one than the index knows; compared only when items.jsonl was written to since."""
    path = ws.dataset(dataset) / "items.jsonl"
    size = path.stat().st_size if path.exists() else 0
    seen = _with(ws, lambda db: db.execute("SELECT recorded FROM datasets WHERE id = ?", (dataset,)).fetchone())
    if seen is None or seen[0] == size:
        return {}
    query = f"SELECT {COLUMNS} FROM items WHERE dataset = ?"
    known = map(_item, _with(ws, lambda db: db.execute(query, (dataset,)).fetchall()))
    other = {item.id for item in known if item.id in items and replace(item, has_caption=False) != items[item.id]}
    _with(ws, lambda db: db.execute("UPDATE datasets SET recorded = ? WHERE id = ?", (size, dataset)))
    return {ident: items[ident] for ident in other}


def _stems(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    with os.scandir(folder) as entries:
        return {os.path.splitext(entry.name)[0] for entry in entries if not entry.name.startswith(".")}  # noqa: PTH122


def _stamps(folder: Path) -> dict[str, str]:
    """Caption id -> size and time of its file."""
    found: dict[str, str] = {}
    if folder.exists():
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".txt") and not entry.name.startswith("."):
                    status = entry.stat()
                    found[entry.name[:-4]] = f"{status.st_size}:{status.st_mtime_ns}"
    return found


def ensure(ws: Workspace, dataset: str) -> int:
    """The dataset's revision; it is indexed first when the index does not know it."""
    rev = _with(ws, lambda db: _rev(db, dataset))
    if rev is None:
        sync(ws, dataset)
        rev = _with(ws, lambda db: _rev(db, dataset))
    return rev or 0


def rebuild(ws: Workspace, dataset: str | None = None) -> list[str]:
    """Forget and read anew one dataset or all; their ids."""
    folders = sorted(path.parent.name for path in ws.datasets.glob("*/metadata.json"))
    wanted = [dataset] if dataset else folders
    for ident in wanted:
        drop(ws, ident)
        sync(ws, ident)
    return wanted


def page(ws: Workspace, dataset: str, look: ItemFilter, offset: int, limit: int) -> Page:
    """Items offset..offset+limit of the filtered, sorted list. The order is kept in memory until something changes."""
    rev = ensure(ws, dataset)
    ids = _order(ws, dataset, look, rev)
    wanted = ids[offset : offset + limit]
    found = {item.id: item for item in _fetch(ws, dataset, wanted)}
    return Page(len(ids), rev, [found[ident] for ident in wanted if ident in found])


def _order(ws: Workspace, dataset: str, look: ItemFilter, rev: int) -> list[str]:
    key = (ws.index, dataset, look)
    with _orders_lock:
        kept = _orders.get(key)
        if kept is not None and kept[0] == rev:
            return kept[1]
    where, values = _where(dataset, look)
    down = " DESC" if look.descending else ""
    query = f"SELECT id FROM items WHERE {where} ORDER BY {_SORTED[look.sort]}{down}, id"
    ids = [row[0] for row in _with(ws, lambda db: db.execute(query, values).fetchall())]
    with _orders_lock:
        while len(_orders) >= KEPT_ORDERS:
            _orders.pop(next(iter(_orders)))
        _orders[key] = (rev, ids)
    return ids


_SORTED: dict[Sort, str] = {
    "name": "sort_name", "added": "added", "size": "area", "aspect": "aspect", "caption": "letters",
}  # fmt: skip
_ASPECTS = {"portrait": f"aspect < {1 - SQUARE}", "landscape": f"aspect > {1 + SQUARE}",
            "square": f"aspect BETWEEN {1 - SQUARE} AND {1 + SQUARE}"}  # fmt: skip


def _where(dataset: str, look: ItemFilter) -> tuple[str, list[Any]]:
    parts: list[str] = ["dataset = ?"]
    values: list[Any] = [dataset]
    if look.no_caption is not None:
        parts.append(f"has_caption = {0 if look.no_caption else 1}")
    if look.flagged is not None:
        parts.append(f"flagged = {1 if look.flagged else 0}")
    if look.aspect:
        parts.append(_ASPECTS[look.aspect])
    for condition, value in (
        ("media = ?", look.media), ("side >= ?", look.min_side), ("side <= ?", look.max_side),
        ("instr(tags, ?) > 0", f",{' '.join(look.tag.casefold().split())}," if look.tag else ""),
    ):  # fmt: skip
        if value:
            parts.append(condition)
            values.append(value)
    for word in look.text.casefold().split():
        parts.append("instr(words, ?) > 0")
        values.append(word)
    return " AND ".join(parts), values


def _fetch(ws: Workspace, dataset: str, ids: Sequence[str]) -> list[Item]:
    found: list[Item] = []
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        query = f"SELECT {COLUMNS} FROM items WHERE dataset = ? AND id IN ({', '.join('?' * len(part))})"
        rows = _with(ws, lambda db, q=query, p=part: db.execute(q, [dataset, *p]).fetchall())  # type: ignore[misc]
        found += [_item(row) for row in rows]
    return found


def chosen(ws: Workspace, dataset: str, look: ItemFilter) -> list[Item]:
    """Every item of the filter, in its order."""
    ids = _order(ws, dataset, look, ensure(ws, dataset))
    known = {item.id: item for item in all_items(ws, dataset)}
    return [known[ident] for ident in ids if ident in known]


def search(ws: Workspace, dataset: str, text: str) -> list[str]:
    """Ids of the items whose name or caption holds every word, by name."""
    return list(_order(ws, dataset, ItemFilter(text=text), ensure(ws, dataset)))


_items: dict[tuple[Path, str], tuple[int, list[Item]]] = {}


def all_items(ws: Workspace, dataset: str) -> list[Item]:
    """Every item by name, from memory while nothing changes. Do not change the list."""
    rev = ensure(ws, dataset)
    kept = _items.get((ws.index, dataset))
    if kept is not None and kept[0] == rev:
        return kept[1]
    query = f"SELECT {COLUMNS} FROM items WHERE dataset = ? ORDER BY sort_name, id"
    items = [_item(row) for row in _with(ws, lambda db: db.execute(query, (dataset,)).fetchall())]
    if len(_items) > 8:
        _items.clear()
    _items[(ws.index, dataset)] = (rev, items)
    return items


def all_captions(ws: Workspace, dataset: str) -> dict[str, str]:
    """Every item's caption as last seen; "" where there is none."""
    ensure(ws, dataset)
    query = "SELECT id, caption FROM items WHERE dataset = ?"
    return {row[0]: row[1] for row in _with(ws, lambda db: db.execute(query, (dataset,)).fetchall())}


def totals(ws: Workspace, dataset: str) -> tuple[int, int, int, int, int]:
    """(items, items with a caption, bytes of the originals, flagged ones, cropped ones)."""
    ensure(ws, dataset)
    query = (
        "SELECT count(*), total(has_caption), total(bytes), total(flagged), total(instr(more, '\"crop\"') > 0)"
        " FROM items WHERE dataset = ?"
    )
    count, captioned, size, flagged, cropped = _with(ws, lambda db: db.execute(query, (dataset,)).fetchone())
    return int(count), int(captioned), int(size), int(flagged), int(cropped)


def one(ws: Workspace, dataset: str, ident: str) -> Item | None:
    """One item, or None."""
    ensure(ws, dataset)
    found = _fetch(ws, dataset, [ident])
    return replace(found[0]) if found else None
