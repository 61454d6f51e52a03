"""core/growing.py: append-only files read piece by piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagtrainer.core.growing import Growing, Lines


def made(kept: int | None = None) -> tuple[Growing[list[str]], list[int]]:
    """What reads lines into a list, and how many lines each look had to read."""
    looks: list[int] = []

    def more(known: list[str], lines: Lines) -> list[str]:
        fresh = [f"{offset}:{line.decode().strip()}" for offset, line in lines]
        looks.append(len(fresh))
        return [*known, *fresh]

    return Growing(list, more, kept), looks


def test_only_new_whole_lines_are_read(tmp_path: Path) -> None:
    growing, looks = made()
    path = tmp_path / "a.jsonl"
    assert growing.read(path) == [] and looks == []
    path.write_bytes(b"one\ntwo\nthr")
    first = growing.read(path)
    assert first == ["0:one", "4:two"]
    with path.open("ab") as handle:
        handle.write(b"ee\n")
    assert growing.read(path) == ["0:one", "4:two", "8:three"] and looks == [2, 1]
    assert first == ["0:one", "4:two"] and growing.read(path) is growing.read(path)


def test_a_replaced_cut_or_removed_file_is_read_anew(tmp_path: Path) -> None:
    growing, _ = made()
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_bytes(b"one\ntwo\n")
    assert len(growing.read(path)) == 2
    path.write_bytes(b"x\n")
    assert growing.read(path) == ["0:x"]
    other.write_bytes(b"y\nlonger than before\n")
    other.replace(path)
    assert growing.read(path) == ["0:y", "2:longer than before"]
    path.unlink()
    assert growing.read(path) == []


def test_a_look_that_failed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\n")
    failing = [True]

    def more(known: list[bytes], lines: Lines) -> list[bytes]:
        _, first = next(lines)
        if failing.pop() if failing else False:
            raise OSError("the drive is gone")
        return [*known, first, *(line for _, line in lines)]

    growing = Growing(list, more)
    with pytest.raises(OSError):
        growing.read(path)
    assert growing.read(path) == [b"one\n", b"two\n"]


def test_only_some_files_are_kept(tmp_path: Path) -> None:
    growing, looks = made(kept=2)
    for name in ("a", "b", "c", "c", "b", "a"):
        path = tmp_path / name
        path.write_bytes(b"line\n") if not path.exists() else None
        growing.read(path)
    assert len(looks) == 4
