"""How the engine talks: records on stderr, progress frames, the settings block. Must not know what is going on."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from typing import Any

NAME = "tagtrainer.rehearsal"


def start_logging() -> None:
    """`LEVEL:logger:message` on stderr; UTF-8 even where the system's code page cannot say it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s:%(name)s:%(message)s")


def logger(part: str) -> logging.Logger:
    """The logger of one part of the engine."""
    return logging.getLogger(f"{NAME}.{part}")


def counted(batches: Iterable[Any]) -> Iterable[Any]:
    """A bare counter without total (`6it [00:02, 2.41it/s]`), as caching shows it."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    frames: Iterable[Any] = tqdm(batches, file=sys.stderr, ascii=False)
    return frames


def bar(total: int, label: str, **extra: Any) -> Any:
    """A progress bar `label:  25%|##   | 3/12 [00:03<00:09, 1.07s/it]`."""
    from tqdm import tqdm

    return tqdm(total=total, desc=label, file=sys.stderr, ascii=False, dynamic_ncols=False, **extra)


def restart_clock(progress: Any) -> None:
    """The engine's bar forgets the first step, which holds one-off costs."""
    progress.start_t = progress.last_print_t = time.time()
