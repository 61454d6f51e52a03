"""Every text a user sees, and the one error type users see. Must not know what any text is about.

Catalogues are TOML files in tagtrainer/locales/<language>/*.toml, one file per area, all merged into one flat table of
dotted keys (`datasets.not_found`). English is the fallback; a key without any text shows as itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

LOCALES = Path(__file__).resolve().parent.parent / "locales"
LANGUAGES: dict[str, str] = {"en": "English", "zh-CN": "简体中文"}
DEFAULT_LANGUAGE = "en"

_language: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


def language() -> str:
    """The language of the current request, thread or job."""
    return _language.get()


def set_language(code: str) -> None:
    """Speak `code` from here on in this context; an unknown code means English."""
    _language.set(code if code in LANGUAGES else DEFAULT_LANGUAGE)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak `code` inside the with block only."""
    token = _language.set(code if code in LANGUAGES else DEFAULT_LANGUAGE)
    try:
        yield
    finally:
        _language.reset(token)


def match_language(accept: str) -> str:
    """The best of our languages for an Accept-Language header or a locale name such as `zh_CN.UTF-8`."""
    for part in accept.replace("_", "-").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return DEFAULT_LANGUAGE


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """All texts of one language: dotted key -> text. Raises ValueError when two files define one key."""
    texts: dict[str, str] = {}
    for path in sorted((LOCALES / code).glob("*.toml")):
        for key, text in _flatten(tomllib.loads(path.read_text("utf-8"))):
            if key in texts:
                raise ValueError(f"{path.name}: text key {key!r} is defined twice")
            texts[key] = text
    return texts


def has_text(key: str, code: str | None = None) -> bool:
    """Whether the given (or current) language itself has a text for `key`."""
    return key in catalogue(code or language())


def t(key: str, /, **values: object) -> str:
    """The text for `key` in the current language with `{name}` places filled; English, then the key, as fallback."""
    text = catalogue(language()).get(key) or catalogue(DEFAULT_LANGUAGE).get(key) or key
    if not values:
        return text
    for name, value in values.items():  # not str.format: a text may hold braces such as {trigger}
        text = text.replace("{" + name + "}", str(value))
    return text


class UserError(Exception):
    """Something the user can mend, as a sentence: what is wrong, where, what to do. `key` names it in the catalogues."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key, values)
        self.key = key
        self.values = values

    def __str__(self) -> str:
        return t(self.key, **self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_error, (self.key, self.values)


def _rebuild_error(key: str, values: dict[str, object]) -> UserError:
    return UserError(key, **values)
