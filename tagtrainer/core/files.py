"""Files that are never half-written, names that are safe everywhere, reading a growing file. Must not know what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tagtrainer.core.text import UserError

LEFT_OVER = 24 * 3600
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}
)


@contextmanager
def writing(path: Path, *, secret: bool = False, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of `path` for writing; on success fsync and rename it over `path`, else remove it.

    `secret` creates it with mode 0600. Not `durable`: no fsync, for what can be made again or is on disk elsewhere. A full
    disk or a folder without write permission raises UserError.
    """
    temporary = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if secret else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            if durable:
                os.fsync(handle.fileno())
        _replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _replace(source: Path, target: Path) -> None:
    for attempt in range(20):  # Windows: a virus scanner or a reader may hold the target for a moment
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == 19:
                raise
            time.sleep(0.05)


def write_error(path: Path, error: OSError) -> UserError:
    """The sentence for a failed write: no space, no permission, or the system's own words."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC):
        return UserError("core.disk_full", path=path)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return UserError("core.not_writable", path=path)
    return UserError("core.write_failed", path=path, reason=error.strerror or error)


def write_bytes(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Replace the file's content in one step."""
    with writing(path, secret=secret) as handle:
        handle.write(data)


def write_text(path: Path, text: str, *, secret: bool = False) -> None:
    """Replace the file's content in one step, UTF-8, `\\n` line ends."""
    write_bytes(path, text.encode("utf-8"), secret=secret)


def write_json(path: Path, value: Any, *, secret: bool = False) -> None:
    """Replace the file by `value` as indented JSON, readable Chinese."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n", secret=secret)


def read_json(path: Path) -> Any:
    """Parse a JSON file (a BOM is accepted). Raises FileNotFoundError, or UserError core.damaged_json."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("core.damaged_json", path=path, reason=error) from error


_as_line = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # one for all: making one takes as long as a row


def append_jsonl(path: Path, *rows: Any) -> None:
    """Append rows as JSON lines and fsync. A line cut off by an earlier crash is closed first, so it harms only itself."""
    data = "".join(_as_line(row) + "\n" for row in rows).encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as handle:
            end = handle.seek(0, os.SEEK_END)
            if end:
                handle.seek(end - 1)
                if handle.read(1) != b"\n":
                    data = b"\n" + data
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise write_error(path, error) from error


def read_jsonl(path: Path) -> Iterator[Any]:
    """Every row that parses; damaged or cut-off lines are skipped. A missing file has no rows."""
    if not path.exists():
        return
    with path.open("r", encoding="utf-8", errors="replace") as handle:
        for line in handle:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def slug(text: str, *, limit: int = 40, fallback: str = "item") -> str:
    """A readable name that is safe on every system: lower-case ASCII letters, digits, `_` and `-`, 1 to `limit` long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    plain = re.sub(r"[^a-z0-9_-]+", "_", plain).strip("_-")[:limit].strip("_-")
    if not plain or plain in _WINDOWS_DEVICES:
        return fallback
    return plain


def safe_id(text: str) -> str:
    """`text` if it is an id we could have made (letters, digits, `_ . -`, no leading dot); else UserError core.bad_id."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}", text) and ".." not in text:
        return text
    raise UserError("core.bad_id", id=text[:60])


def safe_join(root: Path, *parts: str) -> Path:
    """`root` joined with untrusted parts; UserError core.outside when the result (links followed) leaves `root`."""
    root = root.resolve()
    try:
        target = root.joinpath(*parts).resolve()
    except (OSError, ValueError) as error:
        raise UserError("core.outside", path="/".join(parts)[:120]) from error
    if target != root and root not in target.parents:
        raise UserError("core.outside", path="/".join(parts)[:120])
    return target


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class Tail:
    """A piece of a growing file. `start` and `end` are byte offsets; `size` is the file's length when read."""

    text: str
    start: int
    end: int
    size: int


def tail(path: Path, offset: int | None = None, limit: int = 65_536) -> Tail:
    """Text from byte `offset` on (None: the last `limit` bytes, from a line start), at most `limit` bytes, whole UTF-8.

    An offset beyond the end means the file was replaced: reading starts again from its last `limit` bytes.
    """
    try:
        size = path.stat().st_size
    except OSError:
        return Tail("", 0, 0, 0)
    start = offset if offset is not None and 0 <= offset <= size else None
    with path.open("rb") as handle:
        position = start if start is not None else max(0, size - limit)
        handle.seek(position)
        data = handle.read(limit)
    if start is None and position > 0:
        cut = data.find(b"\n") + 1
        position, data = position + cut, data[cut:]
    whole = len(data)
    while whole and len(data) - whole < 4 and (data[whole - 1] & 0xC0) == 0x80:
        whole -= 1
    if whole and data[whole - 1] >= 0xC0:  # a lead byte: keep its character only when all of it is here
        lead = data[whole - 1]
        need = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        whole = whole - 1 if len(data) - whole + 1 < need else len(data)
    else:
        whole = len(data)
    piece = data[:whole]
    return Tail(piece.decode("utf-8", "replace"), position, position + len(piece), size)


def hidden(entry: os.DirEntry[str]) -> bool:
    """Whether a name starts with a dot; what a killed `writing` left behind is thrown away once it is a day old."""
    if not entry.name.startswith("."):
        return False
    with suppress(OSError):
        if entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > LEFT_OVER:
            Path(entry.path).unlink()
    return True


def move_to_trash(path: Path, trash: Path) -> Path:
    """Move a file or folder into `trash` under a name that is still free; returns where it lies now."""
    trash.mkdir(parents=True, exist_ok=True)
    target = trash / path.name
    count = 1
    while target.exists():
        target = trash / f"{path.stem}~{count}{path.suffix}"
        count += 1
    try:
        shutil.move(path, target)
    except OSError as error:
        raise write_error(path, error) from error
    return target


def folder_size(path: Path) -> int:
    """Bytes of all files below `path`; links are not followed, what vanishes meanwhile counts nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - hot loop
            except OSError:
                continue
    return total


def human_size(count: float) -> str:
    """Bytes as people read them: 512 B, 1.4 KB, 23.1 MB (powers of 1024)."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
