"""The SQLite file behind the search index: its tables, its rows, and what to do when it is damaged. Must not read any dataset.

Every change of a row carries the revision it came with, and what went away is noted, so that whoever holds a dataset in memory
(listing.py) reads only what changed since.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

from tagtrainer.core.text import UserError
from tagtrainer.datasets import records
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.text import tags
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
T = TypeVar("T")
VERSION = 4
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS datasets (
  id TEXT PRIMARY KEY, rev INTEGER NOT NULL, epoch TEXT NOT NULL, recorded TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS items (
  dataset TEXT NOT NULL, id TEXT NOT NULL, name TEXT, sort_name TEXT, ext TEXT, width INTEGER, height INTEGER, bytes INTEGER,
  sha256 TEXT, added REAL, folder TEXT, stamp TEXT, has_caption INTEGER, media TEXT, flagged INTEGER, cropped INTEGER,
  side INTEGER, area INTEGER, aspect REAL, letters INTEGER, more TEXT, changed INTEGER NOT NULL,
  PRIMARY KEY (dataset, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
  dataset TEXT NOT NULL, id TEXT NOT NULL, caption TEXT, words TEXT, tags TEXT, PRIMARY KEY (dataset, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (dataset TEXT NOT NULL, id TEXT NOT NULL, rev INTEGER NOT NULL, PRIMARY KEY (dataset, id));
CREATE INDEX IF NOT EXISTS by_change ON items (dataset, changed);
PRAGMA user_version = {VERSION};
"""
TABLES = ("items", "texts", "gone", "datasets")
COLUMNS = "id, name, ext, width, height, bytes, sha256, added, folder, has_caption, more"
_MORE = ("media", "duration", "fps", "frames", "controls", "flagged", "repeats", "crop", "turned")
_USUAL = {each.name: each.default for each in fields(Item) if each.name in _MORE}
_more_of = attrgetter(*_MORE)


@contextlib.contextmanager
def _connection(ws: Workspace) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(ws.index, timeout=30, isolation_level=None)
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            db.execute("PRAGMA journal_mode = WAL")
            old = "".join(f"DROP TABLE IF EXISTS {table};" for table in TABLES)
            db.executescript(f"BEGIN EXCLUSIVE; {old} {SCHEMA} COMMIT;")  # nobody sees it without its tables
        db.execute("PRAGMA synchronous = OFF")  # a cache: after a power cut it is rebuilt
        yield db
    finally:
        db.close()


def using(ws: Workspace, work: Callable[[sqlite3.Connection], T]) -> T:
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


def state(db: sqlite3.Connection, dataset: str) -> tuple[str, int] | None:
    """(epoch, revision) of an indexed dataset. Another epoch: everything may be another."""
    found = db.execute("SELECT epoch, rev FROM datasets WHERE id = ?", (dataset,)).fetchone()
    return (str(found[0]), int(found[1])) if found else None


def _bump(db: sqlite3.Connection, dataset: str) -> int:
    db.execute(
        "INSERT INTO datasets (id, rev, epoch) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET rev = max(rev + 1, excluded.rev)",
        (dataset, time.time_ns() // 1_000_000, secrets.token_hex(6)),
    )
    return int(db.execute("SELECT rev FROM datasets WHERE id = ?", (dataset,)).fetchone()[0])


def put(db: sqlite3.Connection, dataset: str, read: Iterable[tuple[Item, str, str]]) -> None:
    """Add or renew items: (item, caption, stamp of the caption's file)."""
    known = list(read)
    db.execute("BEGIN IMMEDIATE")
    rev = _bump(db, dataset)
    rows = (_row(dataset, item, caption, stamp, rev) for item, caption, stamp in known)
    db.executemany(f"INSERT OR REPLACE INTO items VALUES ({', '.join('?' * 22)})", rows)
    texts = (
        (dataset, item.id, caption, _words(item, caption), tags.between_commas(caption)) for item, caption, _ in known
    )
    db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?)", texts)
    db.execute("COMMIT")


def renew(db: sqlite3.Connection, dataset: str, items: Sequence[Item]) -> bool:
    """Renew items whose names and captions stay; False when one of them was not there."""
    db.execute("BEGIN IMMEDIATE")
    rev = _bump(db, dataset)
    rows = ((item.flagged, item.crop is not None, *_shape(item), _more(item), rev, dataset, item.id) for item in items)
    query = (
        "UPDATE items SET flagged = ?, cropped = ?, side = ?, area = ?, aspect = ?, more = ?, changed = ?"
        " WHERE dataset = ? AND id = ?"
    )
    done = db.executemany(query, rows).rowcount
    db.execute("COMMIT")
    return done == len(items)


def remove(db: sqlite3.Connection, dataset: str, ids: Iterable[str]) -> None:
    """Forget items, and note that they went."""
    doomed = [(dataset, ident) for ident in ids]
    db.execute("BEGIN IMMEDIATE")
    rev = _bump(db, dataset)
    for table in ("items", "texts"):
        db.executemany(f"DELETE FROM {table} WHERE dataset = ? AND id = ?", doomed)
    db.executemany("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", ((*pair, rev) for pair in doomed))
    db.execute("COMMIT")


def drop(db: sqlite3.Connection, dataset: str) -> None:
    """Forget a whole dataset."""
    db.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        db.execute(f"DELETE FROM {table} WHERE {'id' if table == 'datasets' else 'dataset'} = ?", (dataset,))
    db.execute("COMMIT")


def _row(dataset: str, item: Item, caption: str, stamp: str, rev: int) -> tuple[Any, ...]:
    return (
        dataset, item.id, item.name, natural(item.name), item.ext, item.width, item.height, item.bytes, item.sha256,
        item.added, item.folder, stamp, bool(caption.strip()), item.media, item.flagged, item.crop is not None,
        *_shape(item), len(caption), _more(item), rev,
    )  # fmt: skip


def _shape(item: Item) -> tuple[int, int, float]:
    """Shorter side, area and aspect of what is shown."""
    width, height = item.size
    return min(width, height), width * height, width / height


def _words(item: Item, caption: str) -> str:
    return f"{item.name}\n{caption}".casefold()


def _more(item: Item) -> str:
    """What most items do not have, as JSON; "" for a plain picture."""
    return _rare(_more_of(item))


@lru_cache(maxsize=256)
def _rare(values: tuple[Any, ...]) -> str:
    """The same for thousands of items when all of them are flagged."""
    row = {name: value for name, value in zip(_MORE, values, strict=True) if value != _USUAL[name]}
    if "controls" in row:
        row["controls"] = [asdict(control) for control in row["controls"]]
    return json.dumps(row, ensure_ascii=False) if row else ""


def item_of(row: Sequence[Any]) -> Item:
    """An item from a row of COLUMNS."""
    values: list[Any] = [*row[:9], bool(row[9])]
    if not row[10]:
        return Item(*values)
    rare = json.loads(row[10])
    rare["controls"] = records.controls_of(rare.get("controls", ()))
    rare["crop"] = records.box_of(rare.get("crop"))
    return Item(*values, **rare)


def fetch(db: sqlite3.Connection, dataset: str, ids: Sequence[str]) -> dict[str, Item]:
    """Items by id; those that are not there are left out."""
    found: dict[str, Item] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        query = f"SELECT {COLUMNS} FROM items WHERE dataset = ? AND id IN ({', '.join('?' * len(part))})"
        found |= {row[0]: item_of(row) for row in db.execute(query, [dataset, *part])}
    return found
