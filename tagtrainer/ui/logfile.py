"""The app's log in runtime/app.log. Must not let a secret through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST = 4 << 20
NOISY = ("httpx", "httpcore", "PIL", "asyncio", "markdown_it", "matplotlib", "multipart", "python_multipart", "urllib3")


class Redact(logging.Filter):
    """Replaces every known secret in a record, traceback included, by ***."""

    def __init__(self, hidden: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._hidden = hidden

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = self._clean(record.exc_text) if record.exc_text else record.exc_text
        record.msg, record.args = self._clean(record.getMessage()), ()
        return True

    def _clean(self, text: str) -> str:
        for secret in self._hidden():
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return text


class Brief(logging.Formatter):
    """One line per record for the terminal; the traceback is in the file."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname} {record.name}: {record.getMessage()}"


def start(path: Path, level: str, hidden: Callable[[], Iterable[str]]) -> None:
    """Log to `path` (rotated at 4 MB, three kept) from `level` on, and warnings to the console too.

    `hidden` gives the secrets of the moment; it is asked for every record, so it must be quick.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    redact = Redact(hidden)
    to_file = RotatingFileHandler(path, maxBytes=LARGEST, backupCount=3, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s") if level == "DEBUG" else Brief())
    root = logging.getLogger()
    root.setLevel(level)
    for handler in (to_file, console):
        handler.addFilter(redact)
        root.addHandler(handler)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(level)))
