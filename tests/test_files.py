"""core/files: nothing half-written, safe names, reading a growing file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core import files
from tagtrainer.core.text import UserError


def test_write_and_read_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    files.write_json(path, {"名": "值", "n": [1, 2]})
    assert files.read_json(path) == {"名": "值", "n": [1, 2]}
    assert "名" in path.read_text("utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.writing(path) as handle:
        handle.write(b"half")
        raise RuntimeError
    assert path.read_text("utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    files.write_json(path, {"k": "v"}, secret=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damaged_json_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", "utf-8")
    with pytest.raises(UserError) as caught:
        files.read_json(tmp_path / "a.json")
    assert "a.json" in str(caught.value) and "damaged" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX file size limit")
def test_a_full_disk_is_a_sentence_and_the_old_file_stays(tmp_path: Path) -> None:
    """A process that may write at most 4 KB stands in for a disk that fills half-way."""
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from tagtrainer.core import files; from tagtrainer.core.text import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: files.write_bytes(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except UserError as error: print(error.key)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("core.write_failed", "core.disk_full")
    assert path.read_text("utf-8") == "old" and len(list(tmp_path.iterdir())) == 1


def test_jsonl_survives_a_cut_off_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    files.append_jsonl(path, {"n": 1}, {"n": 2})
    with path.open("ab") as handle:
        handle.write(b'{"n": 3, "te')
    files.append_jsonl(path, {"n": 4})
    assert [row["n"] for row in files.read_jsonl(path)] == [1, 2, 4]
    assert list(files.read_jsonl(tmp_path / "none.jsonl")) == []


@given(st.text(max_size=300))
def test_every_slug_is_a_safe_id(text: str) -> None:
    name = files.slug(text)
    assert files.safe_id(name) == name and len(name) <= 40
    assert files.slug(name) == name


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a\\b", ".hidden", "a..b", "a\0", "x" * 200, "名", "a b", "-rf"])
def test_bad_ids_are_refused(bad: str) -> None:
    with pytest.raises(UserError):
        files.safe_id(bad)


def test_safe_join_stays_inside_links_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    assert files.safe_join(root, "a", "b.png") == root.resolve() / "a" / "b.png"
    if hasattr(os, "symlink") and os.name != "nt":
        (root / "link").symlink_to(tmp_path)
        with pytest.raises(UserError):
            files.safe_join(root, "link", "secret")
    for bad in ("../x", "/etc/passwd", "a/../../x", "a\0b"):
        with pytest.raises(UserError):
            files.safe_join(root, bad)


def test_tail_reads_the_end_then_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("first line\nsecond 行\n", "utf-8")
    end = files.tail(path, limit=14)
    assert end.text == "second 行\n" and end.end == end.size
    with path.open("a", encoding="utf-8") as handle:
        handle.write("third\n")
    more = files.tail(path, end.end)
    assert more.text == "third\n" and more.start == end.end
    path.write_text("new\n", "utf-8")
    assert files.tail(path, more.end).text == "new\n"
    assert files.tail(tmp_path / "none") == files.Tail("", 0, 0, 0)


@given(st.text(max_size=200), st.integers(1, 40))
def test_tail_in_pieces_gives_the_whole_text(tmp_path_factory: pytest.TempPathFactory, text: str, step: int) -> None:
    path = tmp_path_factory.mktemp("tail") / "log.txt"
    data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(data)
    expected = data.decode("utf-8", "replace")
    offset, found = 0, ""
    for _ in range(len(data) + 2):
        piece = files.tail(path, offset, limit=max(step, 4))
        found += piece.text
        if piece.end == offset:
            break
        offset = piece.end
    if "\ufffd" not in expected:
        assert found == expected


def test_trash_keeps_both_of_one_name(tmp_path: Path) -> None:
    trash = tmp_path / "trash"
    for text in ("one", "two"):
        (tmp_path / "a.txt").write_text(text, "utf-8")
        files.move_to_trash(tmp_path / "a.txt", trash)
    assert sorted(path.read_text("utf-8") for path in trash.iterdir()) == ["one", "two"]


def test_human_size() -> None:
    assert files.human_size(512) == "512 B"
    assert files.human_size(1536) == "1.5 KB"
    assert files.human_size(3 * 1024**4) == "3.0 TB"
    assert json.dumps(files.human_size(0)) == '"0 B"'
