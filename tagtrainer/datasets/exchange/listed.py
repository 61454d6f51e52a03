"""What a list given by itself names: the files of a musubi dataset.toml or a JSONL, wherever they lie. Must not decode any.

A full path is meant as it is written; one without a root stays below the list's own folder.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tagtrainer.datasets import media
from tagtrainer.datasets.exchange.archive import is_litter
from tagtrainer.datasets.exchange.layout_lists import LARGEST_LIST, PATH_KEYS, control_paths

LISTS = frozenset({".toml", ".jsonl"})
_FOLDERS = ("image_directory", "video_directory", "control_directory")
_FILES = ("image_jsonl_file", "video_jsonl_file")


def files_of(source: Path) -> dict[str, Path]:
    """The list and every file it names that is there, by name below the root of its drive, `/` between folders.

    A list that cannot be read names nothing; whoever reads it for what it says tells why.
    """
    named = _of_toml(source) if source.suffix.lower() == ".toml" else _of_jsonl(source)
    return {name_of(path): path for path in (source, *named)}


def name_of(path: Path) -> str:
    """The name of a full path."""
    return path.relative_to(path.anchor).as_posix()


def _of_toml(source: Path) -> Iterator[Path]:
    try:
        value = tomllib.loads(_text(source))
    except (ValueError, RecursionError):
        return
    general, sets = value.get("general"), value.get("datasets")
    for part in sets if isinstance(sets, list) else []:
        row = {**(general if isinstance(general, dict) else {}), **(part if isinstance(part, dict) else {})}
        for key in _FOLDERS:
            folder = _place(source.parent, row.get(key))
            yield from _inside(folder) if folder is not None else ()
        for key in _FILES:
            listed = _place(source.parent, row.get(key))
            if listed is not None and listed.suffix.lower() == ".jsonl" and listed.is_file():
                yield listed
                yield from _of_jsonl(listed)


def _of_jsonl(source: Path) -> Iterator[Path]:
    for line in _text(source).split("\n"):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        if not isinstance(row, dict):
            continue
        first = next((row[key] for key in PATH_KEYS if isinstance(row.get(key), str)), None)
        for text in (first, *control_paths(row)):
            path = _place(source.parent, text)
            if path is not None and path.suffix.lower() in media.PICTURES | media.VIDEOS and path.is_file():
                yield path


def _inside(folder: Path) -> list[Path]:
    """The files of a folder, not those of folders in it: so the trainer reads it."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not is_litter(path.name))
    except OSError:
        return []


def _place(base: Path, text: Any) -> Path | None:
    """The path meant; None for none, and for what leads out or to another machine."""
    if (
        not isinstance(text, str)
        or not text.strip()
        or "\x00" in text
        or len(text) > 4000
        or text[:2] in ("//", "\\\\")
    ):
        return None
    path = Path(os.path.normpath(base / text.replace("\\", "/")))
    return path if Path(text).is_absolute() or path.is_relative_to(base) else None


def _text(source: Path) -> str:
    try:
        with source.open("rb") as handle:
            return handle.read(LARGEST_LIST).decode("utf-8-sig", "replace")
    except OSError:
        return ""
