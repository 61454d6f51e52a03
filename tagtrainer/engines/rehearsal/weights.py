"""Paths of model weights: the rehearsal needs none, but a wrong path is still a wrong path. Must not read the files."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

PLACEHOLDER = "rehearsal"
"""Stands where an option is required by the engine and there are no weights."""


def check(args: argparse.Namespace, *names: str) -> None:
    """Raise FileNotFoundError, as opening it would, for a given path that is not there."""
    for name in names:
        given = getattr(args, name, None)
        if given and given != PLACEHOLDER and not Path(given).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(given))
