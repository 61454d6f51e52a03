"""What an imported folder or zip says about its pictures in lists and folder names. Pure but for `read`.

Must not look outside the imported tree: every path that a list names is looked up among the names of that tree only.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from tagtrainer.datasets.models import Skipped

KOHYA_FOLDER = re.compile(r"^(\d{1,3})_(.*)$")  # four digits are a year
LONGEST_PATH = 4000
NAMED_PER_FILE = 5
MOST_REPEATS = 10_000


class Outside(ValueError):
    """A path that leads out of what is being imported."""


@dataclass(frozen=True)
class Facts:
    """What lists say about one file. None and "" mean: nothing was said. `*_from` is the kind of list, for the report."""

    caption: str | None = None
    caption_from: str = ""
    repeats: int | None = None
    repeats_from: str = ""
    name: str = ""
    folder: str | None = None
    added: float | None = None
    flagged: bool = False
    crop: tuple[int, int, int, int] | None = None
    controls: tuple[str, ...] = ()
    control_names: tuple[str, ...] = ()
    trash: bool = False
    class_words: str = ""


@dataclass
class Tree:
    """The files of a folder or a zip by their names, `/` between folders. `label` stands before a name in messages."""

    names: Sequence[str]
    read: Callable[[str, int], bytes]
    label: str = ""
    root: str = ""
    """What the folder itself is called."""

    def __post_init__(self) -> None:
        self.exact = {_plain(name): name for name in self.names}
        self.folded = {_plain(name).casefold(): name for name in self.names}
        self.by_last: dict[str, list[str]] = {}
        self.by_stem: dict[str, list[str]] = {}
        self.folders: dict[str, list[str]] = {"": []}
        for name in self.names:
            path = PurePosixPath(name)
            self.by_last.setdefault(_plain(path.name), []).append(name)
            self.by_stem.setdefault(_plain(path.stem), []).append(name)
            self.folders.setdefault(posixpath.dirname(name), []).append(name)
        self.folder_names = {_plain(name): name for name in self.folders}

    def named(self, name: str) -> str | None:
        """The file of that name, of another case when there is none."""
        return self.exact.get(_plain(name)) or self.folded.get(_plain(name).casefold())

    def find(self, path: str, base: str) -> str | None:
        """The file a list in folder `base` means by `path`; None when it is not here. Raises Outside.

        Absolute paths come from another machine: the file whose last folders and name agree best is meant.
        """
        return self._look(path, base, self.exact, self.by_last)

    def find_folder(self, path: str, base: str) -> str | None:
        """The same for a folder."""
        if path in (".", "./"):
            return base
        by_last: dict[str, list[str]] = {}
        for name in self.folders:
            by_last.setdefault(_plain(posixpath.basename(name)), []).append(name)
        found = self._look(path, base, self.folder_names, by_last)
        if found is None and _plain(_parts(path)[-1:]) == _plain(self.root):
            return ""
        return found

    def find_stem(self, key: str, base: str, fits: Callable[[str], bool]) -> str | None:
        """The file that a list of kohya means by a name without ending. Raises Outside."""
        known = self.find(key, base)
        if known is not None:
            return known
        stems = {_plain(posixpath.splitext(name)[0]): name for name in self.by_stem.get(_last(key), []) if fits(name)}
        by_last = {_last(key): list(stems.values())}
        return self._look(key, base, stems, by_last, cut=True)

    def _look(
        self, path: str, base: str, exact: dict[str, str], by_last: dict[str, list[str]], cut: bool = False
    ) -> str | None:
        parts = _parts(path)
        if not _absolute(path):
            for start in (base, ""):
                place = posixpath.normpath(posixpath.join(start, *parts)) if parts else start
                if not place.startswith("..") and _plain(place) in exact:
                    return exact[_plain(place)]
        if ".." in parts:
            if posixpath.normpath(posixpath.join(base, *parts)).startswith("..") or _absolute(path):
                raise Outside(path)
            return None
        names = by_last.get(_plain(parts[-1:]), []) if parts else []
        return _closest(parts, base, names, cut)


def _closest(parts: list[str], base: str, names: list[str], cut: bool) -> str | None:
    """Of files with the wanted name: the one most of whose folders agree; None when two agree as well."""

    def score(name: str) -> tuple[int, bool]:
        plain = [_plain(part) for part in (posixpath.splitext(name)[0] if cut else name).split("/")]
        wanted = [_plain(part) for part in parts]
        same = 0
        while same < min(len(plain), len(wanted)) and plain[-1 - same] == wanted[-1 - same]:
            same += 1
        return same, posixpath.dirname(name) == base

    ranked = sorted(((score(name), name) for name in names), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


def _plain(text: str | list[str]) -> str:
    """For comparing: macOS writes accents apart."""
    return unicodedata.normalize("NFC", text if isinstance(text, str) else "".join(text))


def _last(path: str) -> str:
    return _plain(_parts(path)[-1:])


def _parts(path: str) -> list[str]:
    if len(path) > LONGEST_PATH or "\x00" in path:
        raise Outside(path[:100])
    text = re.sub(r"^[A-Za-z]:", "", path.replace("\\", "/"))
    return [part for part in text.split("/") if part not in ("", ".")]


def _absolute(path: str) -> bool:
    return re.match(r"^([A-Za-z]:|[/\\])", path) is not None


@dataclass
class Told:
    """Everything that lists of one tree said. `controls` are the files that serve as control images only."""

    facts: dict[str, Facts] = field(default_factory=dict)
    endings: dict[str, str] = field(default_factory=dict)
    """Folder -> caption ending that a dataset.toml names for it."""
    skipped: list[Skipped] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    """Name, trigger word and description of a dataset that we exported."""
    _named: Counter[str] = field(default_factory=Counter)

    @property
    def controls(self) -> set[str]:
        return {name for facts in self.facts.values() for name in facts.controls}

    def say(self, name: str, /, **said: Any) -> None:
        """Note facts about a file; what an earlier list said stays."""
        known = self.facts.get(name, Facts())
        fresh = {key: value for key, value in said.items() if getattr(known, key) == getattr(Facts(), key)}
        if known.caption_from and "caption" in said:
            fresh.pop("caption_from", None)
        if known.repeats_from:
            fresh.pop("repeats_from", None)
        self.facts[name] = replace(known, **fresh)

    def complain(self, file: str, key: str, **values: Any) -> None:
        """Name something that was passed over; only the first few of a file, then their number."""
        self._named[file] += 1
        if self._named[file] <= NAMED_PER_FILE:
            self.skipped.append(Skipped(file, f"layouts.{key}", {k: str(v)[:200] for k, v in values.items()}))

    def close(self) -> None:
        """Say how many more there were."""
        for file, count in self._named.items():
            if count > NAMED_PER_FILE:
                self.skipped.append(Skipped(file, "layouts.more", {"count": count - NAMED_PER_FILE}))


def folder_words(folder: str) -> tuple[int, str] | None:
    """(repeats, class words) of a folder named as kohya's scripts want it, "10_red fox"; None for any other."""
    found = KOHYA_FOLDER.match(posixpath.basename(folder))
    if not found or not 1 <= int(found[1]) <= MOST_REPEATS:
        return None
    return int(found[1]), found[2].strip()


def of(told: Told, tree: Tree, name: str) -> Facts:
    """All that is known of one file: its lists, then the name of its folder."""
    known = told.facts.get(name, Facts())
    words = folder_words(posixpath.dirname(name) or tree.root)
    if words is None:
        return known
    if known.repeats is None:
        known = replace(known, repeats=words[0], repeats_from="folder")
    return replace(known, class_words=words[1])


def match_controls(targets: Sequence[str], files: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Control files of each target by the trainer's rule: `T.*` first, then `T_<number>.*`; longer names choose first."""
    left = sorted(files)
    found: dict[str, tuple[str, ...]] = {}
    for target in sorted(targets, key=lambda name: -len(PurePosixPath(name).stem)):
        stem = PurePosixPath(target).stem
        mine = [name for name in left if _order(stem, PurePosixPath(name).stem) is not None]
        left = [name for name in left if name not in mine]
        if mine:
            found[target] = tuple(sorted(mine, key=lambda name: _order(stem, PurePosixPath(name).stem) or 0))
    return found


def _order(target: str, control: str) -> int | None:
    """Place of a control among those of its target; None when it is none of them."""
    if control == target:
        return -1
    tail = control.removeprefix(target + "_") if control.startswith(target + "_") else ""
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 10 else None
