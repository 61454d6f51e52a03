"""Reads the lists that lie in an imported tree: JSONL, kohya's metadata JSON, musubi's dataset.toml, our dataset.json.

Must not trust them: whatever is broken or leads out is named in a sentence and passed over.
"""

from __future__ import annotations

import json
import math
import posixpath
import tomllib
from pathlib import PurePosixPath
from typing import Any

from tagtrainer.core.text import UserError
from tagtrainer.datasets import media
from tagtrainer.datasets.exchange.layouts import MOST_REPEATS, Outside, Told, Tree, match_controls

LARGEST_LIST = 256 << 20
LONGEST_CAPTION = 1 << 20
LISTS = frozenset({".json", ".jsonl", ".toml"})
ABOUT = "dataset.json"
PATH_KEYS = ("image_path", "video_path", "file_name", "image", "video", "path", "file")
CAPTION_KEYS = ("caption", "text", "prompt")


def read_all(tree: Tree) -> Told:
    """Everything the tree's lists say, musubi's own file first because it says which of the others are meant."""
    told = Told()
    order = {".toml": 0, ".jsonl": 1, ".json": 2}
    lists = [name for name in tree.names if _ending(name) in LISTS and not _is_note(tree, name)]
    for name in sorted(lists, key=lambda name: (order[_ending(name)], name)):
        try:
            data = tree.read(name, LARGEST_LIST + 1)
            if len(data) > LARGEST_LIST:
                told.complain(tree.label + name, "too_long", limit=LARGEST_LIST >> 20)
                continue
            _READERS[_ending(name)](told, tree, name, data.decode("utf-8-sig"))
        except (OSError, UserError) as error:
            told.complain(tree.label + name, "unreadable", reason=error)
        except UnicodeDecodeError:
            told.complain(tree.label + name, "encoding")
    told.close()
    return told


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_picture(name: str) -> bool:
    return _ending(name) in media.PICTURES or _ending(name) in media.VIDEOS


def _is_note(tree: Tree, name: str) -> bool:
    """`x.json` or `x.jpg.json` beside `x.jpg`: what download tools leave, one for each picture."""
    stem = posixpath.splitext(name)[0]
    return _ending(name) == ".json" and (
        _is_picture(stem) or any(stem + ending in tree.exact for ending in media.PICTURES)
    )


def _parse(told: Told, where: str, text: str, line: int = 0) -> Any:
    """JSON from a stranger; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        told.complain(where, "line" if line else "broken", line=line, format="JSON")
        return None


def _jsonl(told: Told, tree: Tree, name: str, text: str) -> None:
    where, base = tree.label + name, posixpath.dirname(name)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = _parse(told, where, line, number)
        if row is None:
            continue
        path = _first(row, PATH_KEYS) if isinstance(row, dict) else None
        if not path:
            told.complain(where, "no_path", line=number)
            continue
        target = _find(told, tree, where, number, path, base)
        if target is not None:
            told.say(target, **_row_facts(told, tree, where, number, row, base))


def _first(row: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((row[key] for key in keys if isinstance(row.get(key), str)), None)


def _find(told: Told, tree: Tree, where: str, line: int, path: str, base: str) -> str | None:
    try:
        found = tree.find(path, base)
    except Outside:
        told.complain(where, "outside", line=line, path=path)
        return None
    if found is None or not _is_picture(found):
        told.complain(where, "missing", line=line, path=path)
        return None
    return found


def _row_facts(told: Told, tree: Tree, where: str, line: int, row: dict[str, Any], base: str) -> dict[str, Any]:
    """The facts of one line that make sense; the rest of it is as if it were not there."""
    caption = _first(row, CAPTION_KEYS)
    said: dict[str, Any] = {}
    if caption is not None:
        said = {"caption": clean_caption(caption), "caption_from": "jsonl"}
    repeats = _whole(row.get("repeats", row.get("num_repeats")), 1, MOST_REPEATS)
    if repeats is not None:
        said |= {"repeats": repeats, "repeats_from": "jsonl"}
    if isinstance(row.get("name"), str):
        said["name"] = clean_name(row["name"])
    if isinstance(row.get("folder"), str):
        said["folder"] = clean_folder(row["folder"])
    added = row.get("added")
    if isinstance(added, int | float) and not isinstance(added, bool) and 0 < added < 1e11 and math.isfinite(added):
        said["added"] = float(added)
    said |= {"flagged": row.get("flagged") is True, "trash": row.get("trash") is True, "crop": _crop(row.get("crop"))}
    paths = control_paths(row)
    found = [_find(told, tree, where, line, path, base) for path in paths]
    controls = tuple(dict.fromkeys(path for path in found if path is not None))
    if controls:
        given = row.get("controls")
        names = [clean_name(name) for name in given if isinstance(name, str)] if isinstance(given, list) else []
        said |= {"controls": controls, "control_names": tuple(names) if len(names) == len(controls) else ()}
    return said


def control_paths(row: dict[str, Any]) -> list[str]:
    """`control_path`, or `control_path_0` and so on in the order of their numbers."""
    numbered = [(int(key[13:]), key) for key in row if key.startswith("control_path_") and key[13:].isdecimal()]
    keys = ["control_path", *(key for _, key in sorted(numbered)[:100])]
    return [row[key] for key in keys if isinstance(row.get(key), str)]


def _whole(value: Any, least: int, most: int) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    return value if fits else None


def _crop(value: Any) -> tuple[int, int, int, int] | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    found = [_whole(part, 0, 1_000_000) for part in value]
    if any(part is None for part in found) or not found[2] or not found[3]:
        return None
    return found[0] or 0, found[1] or 0, found[2], found[3]


def clean_caption(text: str) -> str:
    """As a caption file would keep it."""
    plain = text[:LONGEST_CAPTION].replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return plain.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def clean_name(text: str) -> str:
    """A file name from a list: no folders in it; "" when nothing is left."""
    last = text.rpartition("/")[2].replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return "" if last.strip(" .") == "" else last[:255]


def clean_folder(text: str) -> str:
    """Folders from a list, `/` between them, none of them leading up."""
    parts = [clean_name(part) for part in text[:2000].split("/")]
    return "/".join(part for part in parts if part)


def _json(told: Told, tree: Tree, name: str, text: str) -> None:
    """kohya's metadata: path or bare name -> caption, tags. Other JSON is none of our business."""
    value = _parse(told, tree.label + name, text)
    if not isinstance(value, dict):
        return
    if posixpath.basename(name) == ABOUT and isinstance(value.get("tagtrainer"), int):
        wanted = ("name", "trigger_word", "description")
        told.about |= {key: value[key][:10_000] for key in wanted if isinstance(value.get(key), str)}
        return
    for key, row in value.items():
        if isinstance(row, dict) and (caption := _kohya_caption(row)) is not None:
            _tell_kohya(told, tree, name, key, caption)


def _kohya_caption(row: dict[str, Any]) -> str | None:
    """As kohya's trainers join them: the caption, then the tags."""
    parts = [row[key] for key in ("caption", "tags") if isinstance(row.get(key), str)]
    return clean_caption(", ".join(part for part in parts if part)) if parts else None


def _tell_kohya(told: Told, tree: Tree, name: str, key: str, text: str) -> None:
    where = tree.label + name
    try:
        target = tree.find_stem(key, posixpath.dirname(name), _is_picture)
    except Outside:
        told.complain(where, "key_outside", path=key)
        return
    if target is None or not _is_picture(target):
        told.complain(where, "key_missing", path=key)
        return
    told.say(target, caption=text, caption_from="kohya")


def _toml(told: Told, tree: Tree, name: str, text: str) -> None:
    """musubi's dataset configuration; other TOML is none of our business."""
    where = tree.label + name
    try:
        value = tomllib.loads(text)
    except (ValueError, RecursionError):
        told.complain(where, "broken", format="TOML")
        return
    general, sets = value.get("general"), value.get("datasets")
    for part in sets if isinstance(sets, list) else []:
        if isinstance(part, dict):
            settings = {**(general if isinstance(general, dict) else {}), **part}
            _one_set(told, tree, where, posixpath.dirname(name), settings)


def _one_set(told: Told, tree: Tree, where: str, base: str, row: dict[str, Any]) -> None:
    repeats = _whole(row.get("num_repeats"), 1, MOST_REPEATS)
    said = {"repeats": repeats, "repeats_from": "toml"} if repeats is not None else {}
    for key in ("image_jsonl_file", "video_jsonl_file"):
        listed = _place(told, tree, where, base, row.get(key), folder=False)
        if listed is not None and said:
            _repeat_list(told, tree, listed, said)
    for key in ("image_directory", "video_directory"):
        folder = _place(told, tree, where, base, row.get(key), folder=True)
        if folder is not None:
            _one_folder(told, tree, where, base, row, folder, said)


def _one_folder(
    told: Told, tree: Tree, where: str, base: str, row: dict[str, Any], folder: str, said: dict[str, Any]
) -> None:
    targets = [name for name in tree.folders[folder] if _is_picture(name)]
    ending = row.get("caption_extension")
    if isinstance(ending, str) and ending.startswith(".") and "/" not in ending and "\\" not in ending:
        told.endings[folder] = ending
    control = _place(told, tree, where, base, row.get("control_directory"), folder=True)
    files = [name for name in tree.folders[control] if _is_picture(name)] if control not in (None, folder) else []
    paired = match_controls(targets, files)
    for target in targets:
        facts = {**said, **({"controls": paired[target]} if target in paired else {})}
        if facts:
            told.say(target, **facts)


def _place(told: Told, tree: Tree, where: str, base: str, path: Any, *, folder: bool) -> str | None:
    if not isinstance(path, str) or not path.strip():
        return None
    try:
        found = tree.find_folder(path, base) if folder else tree.find(path, base)
    except Outside:
        told.complain(where, "key_outside", path=path)
        return None
    if found is None:
        told.complain(where, "key_missing", path=path)
    return found


def _repeat_list(told: Told, tree: Tree, listed: str, said: dict[str, Any]) -> None:
    """A repeat count for every file of a JSONL; what is wrong with the list is said when it is read itself."""
    quiet = Told()
    _jsonl(quiet, tree, listed, tree.read(listed, LARGEST_LIST).decode("utf-8-sig"))
    for name in quiet.facts:
        told.say(name, **said)


_READERS = {".toml": _toml, ".jsonl": _jsonl, ".json": _json}
