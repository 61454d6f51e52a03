"""File names that Windows, macOS and Linux all take, as close to the given ones as can be, and no two alike. Pure."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST = 150
"""Bytes of a name without its ending: room for endings and numbers below every system's 255."""
LONGEST_FOLDER = 120
DEEPEST = 6
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}
)
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def safe_part(text: str, longest: int = LONGEST) -> str:
    """One part of a path: no reserved or control characters, not hidden, no device of Windows, not too long."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    plain = "".join("_" if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in plain)
    plain = re.sub(r'[<>:"/\\|?*\ufffe\uffff]', "_", plain)
    plain = _cut(plain, longest).strip(" ").rstrip(". ")
    if plain.startswith("."):
        plain = "_" + plain[1:]
    first = plain.split(".")[0].strip().casefold()
    return f"_{plain}" if not plain or first in _DEVICES or plain.casefold() in _LITTER else plain


def _cut(text: str, longest: int) -> str:
    """At most so many bytes, whole letters; composed letters count as they are written."""
    return text.encode("utf-8")[:longest].decode("utf-8", "ignore")


def safe_folder(text: str) -> str:
    """Folders with `/` between them; "" for none."""
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    return "/".join(safe_part(part, LONGEST_FOLDER) for part in parts[:DEEPEST])


def split(name: str, ext: str, known: frozenset[str]) -> tuple[str, str]:
    """(stem, ending) of an original name; `ext` is used when the name has no ending that says what the file is."""
    path = PurePosixPath(name.replace("/", "_"))
    return (path.stem, path.suffix) if path.suffix.lower() in known else (name, ext)


class Taken:
    """Names given so far. Two that differ in case, or in how accents are written, are one name on some system."""

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._taken = {_key(name) for name in reserved}
        self._folders: dict[str, str] = {}

    def folder(self, folder: str) -> str:
        """The folder as it is written first, so that `Cats` and `cats` become one everywhere; reserved ones get a mark."""
        done: list[str] = []
        for part in folder.split("/") if folder else ():
            place = "/".join([*done, part])
            if _key(place) in self._taken:
                part += "_"
                place = "/".join([*done, part])
            done.append(self._folders.setdefault(_key(place), part))
        return "/".join(done)

    def claim(self, folder: str, stem: str) -> str:
        """A free stem in a folder: the wanted one, else with a number."""
        wanted, number = safe_part(stem), 2
        free = wanted
        while _key(f"{folder}/{free}") in self._taken:
            free, number = f"{wanted} ({number})", number + 1
        self._taken.add(_key(f"{folder}/{free}"))
        return free


def _key(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip("/")
