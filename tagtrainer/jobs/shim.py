"""Runs one program, waits, and leaves its exit code in a file, so that whoever looks later knows how it ended.

Run by path with any Python, standard library only: `shim.py EXIT_FILE PROGRAM ARGUMENT...`. It is the leader of its own
session; the program writes to the shim's own output, so neither needs the worker to stay alive.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(exit_file: Path, argv: list[str]) -> int:
    """Exit code of the program; negative when a signal ended it; 127 when it could not be started."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:  # the group gets the signal too: stay and record how the program ends
            signal.signal(number, lambda *_: None)
    _write(exit_file.with_suffix(".pid"), {"pid": os.getpid()})
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror or error}", flush=True)
        return _leave(exit_file, 127)
    while True:
        try:
            return _leave(exit_file, child.wait())
        except KeyboardInterrupt:
            continue


def _leave(exit_file: Path, code: int) -> int:
    _write(exit_file, {"exit_code": code, "at": time.time()})
    return code


def _write(path: Path, value: dict[str, float]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump(value, handle)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), sys.argv[2:]) == 0 else 1)
