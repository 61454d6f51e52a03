"""Plug-in folders: import every module of a package, collect what it registers, name what is broken. Knows no plug-in."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass
class Registry(Generic[T]):
    """Plug-ins of one kind, found by importing every module of `package` that defines `attribute`, keyed by `key`.

    Adding a plug-in is adding a file. Two with one id: ValueError. A module that fails to import is kept in `broken`
    (module -> reason) and the others still work.
    """

    package: str
    attribute: str
    key: Callable[[T], str]
    broken: dict[str, str] = field(default_factory=dict)
    _found: dict[str, T] | None = None

    def _load(self) -> dict[str, T]:
        if self._found is not None:
            return self._found
        found: dict[str, T] = {}
        package = importlib.import_module(self.package)
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
            name = f"{self.package}.{info.name}"
            try:
                module = importlib.import_module(name)
            except Exception as error:
                log.exception("plug-in %s cannot be loaded", name)
                self.broken[name] = f"{type(error).__name__}: {error}"
                continue
            declared = getattr(module, self.attribute, None)
            if declared is None:
                continue
            for plugin in declared if isinstance(declared, (list, tuple)) else [declared]:
                if self.key(plugin) in found:
                    raise ValueError(f"{name}: {self.key(plugin)!r} is registered twice")
                found[self.key(plugin)] = plugin
        self._found = found
        return found

    def all(self) -> Mapping[str, T]:
        """Every plug-in by id, in order of file name."""
        return self._load()

    def get(self, ident: str) -> T | None:
        """The plug-in with that id, or None."""
        return self._load().get(ident)

    def __iter__(self) -> Iterator[T]:
        return iter(self._load().values())
