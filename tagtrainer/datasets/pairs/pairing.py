"""Which files of an import are targets, and which are control images of which target, by name and folder alone.

Must not read or write anything: it knows names only, and the same names in any order give the same answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tagtrainer.datasets.index import natural

ROLE = r"(?:controls?|control_images?|conditioning|conditioning_images?|conditions?|cond|sources?|before|inputs?|references?|ref)"
_CONTROL_FOLDER = re.compile(rf"{ROLE}(?:[ _-]?(\d{{1,9}}))?", re.IGNORECASE)
_TARGET_FOLDER = re.compile(r"targets?|after|edited|outputs?|results?", re.IGNORECASE)
_EXPLICIT = re.compile(r"(.+)_control(?:_(\d{1,9}))?", re.IGNORECASE | re.DOTALL)
_BEFORE = re.compile(r"(.+)_(?:before|source|cond|conditioning)(?:_(\d{1,9}))?", re.IGNORECASE | re.DOTALL)
_AFTER = re.compile(r"(.+)_(?:after|target)", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"(.+)_(\d{1,9})", re.DOTALL)
UNNUMBERED = -1
SHOWN = 4

Slot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class File:
    """A file by name. `label` is its name for people, `root` tells sources of one import apart; together they are unique."""

    label: str
    name: str
    folder: str = ""
    root: str = ""

    @property
    def stem(self) -> str:
        plain = unicodedata.normalize("NFC", self.name)
        return plain.rpartition(".")[0] or plain


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was not paired, and why, as key + values; `target` is the one it nearly went to."""

    file: File
    key: str
    values: dict[str, Any] = field(default_factory=dict)
    target: File | None = None


@dataclass
class Pairing:
    """Every file stands exactly once: as a target, as a control (in their order), or as a problem."""

    targets: list[File] = field(default_factory=list)
    controls: dict[File, list[File]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a file's name and folder say of it."""

    file: File
    is_control: bool
    scope: tuple[str, str]
    options: tuple[tuple[str, Slot], ...]
    """(name of its target, its place), the longest name first."""


def pair(files: Iterable[File], known: Iterable[File] = (), *, single: bool = False) -> Pairing:
    """Sort the files of one import. `known` are targets of earlier imports; they are asked when no new one fits."""
    readings = sorted(map(_read, dict.fromkeys(files)), key=_order)
    fresh = _Book(reading for reading in readings if not reading.is_control)
    older = _Book(_read_target(file) for file in sorted(set(known), key=_key))
    claims = _Claims(single)
    for reading in readings:
        if reading.is_control:
            claims.settle(reading, (fresh, older))
    _claim_neighbours(readings, fresh, older, claims)
    taken = claims.files
    targets = [reading.file for reading in readings if not reading.is_control and reading.file not in taken]
    return claims.finish(targets)


def pair_as(files: Iterable[File], known: Iterable[File], number: int, *, single: bool = False) -> Pairing:
    """Files that are given as control `number` (from 1 on): each goes to the known target of its name."""
    book = _Book(_read_target(file) for file in sorted(set(known), key=_key))
    claims = _Claims(single)
    for file in sorted(set(files), key=_key):
        stem, scope = file.stem, _scope(file)[0]
        options = ((stem, (number, UNNUMBERED)), *((base, (number, slot[1])) for base, slot in _endings(stem)))
        claims.settle(_Reading(file, True, scope, options), (book,))
    return claims.finish([])


def _key(file: File) -> tuple[str, str, str, str, str]:
    return natural(file.label), file.label, file.root, file.folder, file.name


def _order(reading: _Reading) -> tuple[str, str, str, str, str]:
    return _key(reading.file)


def _read(file: File) -> _Reading:
    scope, role = _scope(file)
    stem = file.stem
    if role is not None:
        options = [(stem, (role, UNNUMBERED)), *((base, _joined(role, slot)) for base, slot in _endings(stem))]
        return _Reading(file, True, scope, tuple(options))
    if found := _EXPLICIT.fullmatch(stem):
        return _Reading(file, True, scope, ((found[1], (UNNUMBERED, _number(found[2]))),))
    return _Reading(file, False, scope, tuple(_endings(stem)))


def _read_target(file: File) -> _Reading:
    return _Reading(file, False, _scope(file)[0], ())


def _scope(file: File) -> tuple[tuple[str, str], int | None]:
    """(where its partners are looked for, the number of its control folder or None): `a/control_2/b` is (`a/b`, 2)."""
    parts = [part for part in unicodedata.normalize("NFC", file.folder).replace("\\", "/").split("/") if part]
    role: int | None = None
    for place in range(len(parts) - 1, -1, -1):
        if found := _CONTROL_FOLDER.fullmatch(parts[place]):
            role = _number(found[1])
            del parts[place]
            break
        if _TARGET_FOLDER.fullmatch(parts[place]):
            del parts[place]
            break
    return (file.root, "/".join(parts)), role


def _endings(stem: str) -> Iterator[tuple[str, Slot]]:
    """(name without an ending that numbers or marks a control, its place), the longest name first."""
    if found := _NUMBERED.fullmatch(stem):
        yield found[1], (UNNUMBERED, _number(found[2]))
    for pattern in (_EXPLICIT, _BEFORE):
        if found := pattern.fullmatch(stem):
            yield found[1], (UNNUMBERED, _number(found[2]))


def _number(digits: str | None) -> int:
    return int(digits) if digits else UNNUMBERED


def _joined(role: int, slot: Slot) -> Slot:
    """control_2/x and control/x_2 are the same place; control_2/x_1 is a finer one."""
    return (UNNUMBERED, slot[1]) if role == UNNUMBERED else (role, slot[1])


def _place(slot: Slot) -> Slot:
    """One number is one place, whether the folder or the name bears it."""
    return (slot[1], UNNUMBERED) if slot[0] == UNNUMBERED else slot


class _Book:
    """Targets by name: in one folder or anywhere, with or without regard to case, at last without an ending as `_after`."""

    def __init__(self, readings: Iterable[_Reading]) -> None:
        self._found: dict[tuple[object, str], list[File]] = defaultdict(list)
        self._names: set[tuple[str, str]] = set()
        for reading in readings:
            stem = reading.file.stem
            short = _AFTER.fullmatch(stem)
            self._names.add((reading.scope[1], reading.file.name))
            for where in (reading.scope, reading.scope[1], None):
                self._found[(where, stem)].append(reading.file)
                self._found[(where, "\0" + stem.casefold())].append(reading.file)
                if short:
                    self._found[(where, "\1" + short[1].casefold())].append(reading.file)

    def holds(self, reading: _Reading) -> bool:
        """Whether a target of that very name and folder is known."""
        return (reading.scope[1], reading.file.name) in self._names

    def near(self, where: object, base: str) -> list[File]:
        """Targets of a name in one place; those of another case when there is none."""
        keys = (base, "\0" + base.casefold(), "\1" + base.casefold())
        return next((found for key in keys if (found := self._found.get((where, key)))), [])

    def find(self, reading: _Reading) -> tuple[list[File], Slot]:
        """The targets that fit best (more than one: nobody can tell which), and the place the file has there."""
        for where in (reading.scope, reading.scope[1], None):
            for base, slot in reading.options:
                if found := self.near(where, base):
                    return found, slot
        return [], (UNNUMBERED, UNNUMBERED)


class _Claims:
    """Who wants to be which control of which target, and what nobody can tell."""

    def __init__(self, single: bool) -> None:
        self._single = single
        self._wanted: dict[File, list[tuple[Slot, File]]] = defaultdict(list)
        self._problems: list[Problem] = []
        self.files: set[File] = set()

    def has_controls(self, target: File) -> bool:
        return target in self._wanted

    def add(self, target: File, slot: Slot, file: File) -> None:
        self.files.add(file)
        self._wanted[target].append((_place(slot), file))

    def refuse(self, problem: Problem) -> None:
        self.files.add(problem.file)
        self._problems.append(problem)

    def settle(self, reading: _Reading, books: Iterable[_Book]) -> None:
        """Give a file that is a control for sure to its target, or say why not."""
        for book in books:
            found, slot = book.find(reading)
            if len(found) == 1:
                return self.add(found[0], slot, reading.file)
            if found:
                return self.refuse(_ambiguous(reading.file, found))
        stem = reading.options[-1][0]
        return self.refuse(Problem(reading.file, "pairs.reason.no_target", {"stem": stem}))

    def finish(self, targets: list[File]) -> Pairing:
        """Controls in their order; what claims one place twice, or is more than the one allowed, becomes a problem."""
        done = Pairing(targets, problems=self._problems)
        for target in sorted(self._wanted, key=_key):
            kept = self._without_doubles(target, done.problems)
            done.controls[target] = kept[:1] if self._single else kept
            for file in kept[1:] if self._single else ():
                values = {"target": target.name, "kept": kept[0].name}
                done.problems.append(Problem(file, "pairs.reason.too_many", values, target))
        done.controls = {target: controls for target, controls in done.controls.items() if controls}
        done.problems.sort(key=lambda problem: _key(problem.file))
        return done

    def _without_doubles(self, target: File, problems: list[Problem]) -> list[File]:
        places: dict[Slot, list[File]] = defaultdict(list)
        for slot, file in self._wanted[target]:
            places[slot].append(file)
        kept: list[File] = []
        for slot in sorted(places):
            files = sorted(places[slot], key=_key)
            if len(files) == 1:
                kept += files
                continue
            values = {"target": target.name, "count": len(files), "files": _listed(files)}
            problems += [Problem(file, "pairs.reason.double", values, target) for file in files]
        return kept


def _claim_neighbours(readings: list[_Reading], fresh: _Book, older: _Book, claims: _Claims) -> None:
    """`x_0.png` beside `x.png`: longer target names choose first, and a target with controls is nobody's control.

    Where a control folder serves a place, names say nothing there: one place follows one habit.
    """
    served = {reading.scope for reading in readings if reading.is_control and _scope(reading.file)[1] is not None}
    wishes = [
        (base, slot, reading)
        for reading in readings
        if not reading.is_control and reading.scope not in served
        for base, slot in reading.options
    ]
    wishes.sort(key=lambda wish: (-len(wish[0]), wish[0], _order(wish[2])))
    for base, slot, reading in wishes:
        if reading.file in claims.files or claims.has_controls(reading.file):
            continue
        beside = fresh.near(reading.scope, base)
        if not beside and not older.holds(reading):
            beside = older.near(reading.scope[1], base)
        _claim_neighbour(reading.file, slot, beside, claims)


def _claim_neighbour(file: File, slot: Slot, beside: list[File], claims: _Claims) -> None:
    free = [target for target in beside if target not in claims.files and target != file]
    if len(free) == 1:
        claims.add(free[0], slot, file)
    elif free:
        claims.refuse(_ambiguous(file, free))


def _ambiguous(file: File, targets: list[File]) -> Problem:
    return Problem(file, "pairs.reason.ambiguous", {"count": len(targets), "targets": _listed(targets)})


def _listed(files: list[File]) -> str:
    more = f", … (+{len(files) - SHOWN})" if len(files) > SHOWN else ""
    return ", ".join(file.label for file in files[:SHOWN]) + more
