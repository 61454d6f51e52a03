"""Lists and folder names beside pictures: what they say is taken, what is broken or leads out is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagtrainer.cli import main
from tagtrainer.core.text import speaking
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.exchange import layout_lists, layouts
from tagtrainer.datasets.exchange.layouts import Outside, Told, Tree
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg, zip_of


def tree(files: dict[str, str | bytes], root: str = "in") -> Tree:
    data = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    return Tree(list(data), lambda name, limit: data[name][:limit], root=root)


def read(files: dict[str, str | bytes]) -> Told:
    return layout_lists.read_all(tree(files))


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def keys(told: Told) -> list[str]:
    return [row.key.removeprefix("layouts.") for row in told.skipped]


def test_jsonl_of_every_dialect() -> None:
    listed = lines(
        {"image_path": "/home/she/set/a.jpg", "caption": "一只猫\nsecond line "},
        {"file_name": "deep/b.png", "text": "huggingface"},
        {"video_path": "C:\\clips\\c.mp4", "caption": "clip", "num_repeats": 3},
    )
    told = read({"a.jpg": b"", "deep/b.png": b"", "c.mp4": b"", "metadata.jsonl": "\ufeff" + listed + "\n\n"})
    assert {name: facts.caption for name, facts in told.facts.items()} == {
        "a.jpg": "一只猫\nsecond line ", "deep/b.png": "huggingface", "c.mp4": "clip",
    }  # fmt: skip
    assert told.facts["c.mp4"].repeats == 3 and told.skipped == []


def test_controls_in_their_order_are_no_pictures_of_their_own() -> None:
    row = {
        "image_path": "t.png",
        "caption": "",
        "control_path_10": "c/x.png",
        "control_path_2": "c/y.png",
        "controls": ["X", "Y"],
    }
    told = read({"t.png": b"", "c/x.png": b"", "c/y.png": b"", "list.jsonl": lines(row)})
    assert told.facts["t.png"].controls == ("c/y.png", "c/x.png") and told.controls == {"c/x.png", "c/y.png"}
    assert told.facts["t.png"].caption == ""


def test_broken_and_hostile_lines_are_named_and_the_rest_is_taken() -> None:
    bad = [
        '{"image_path": "../../etc/passwd", "caption": "x"}',
        '{"image_path": "/etc/../secret.jpg"}',
        '{"image_path": "gone.jpg"}',
        "[" * 100_000,
        '{"caption": "no path"}',
        "not json",
        '"text"',
        '{"image_path": "a\\u0000.jpg"}',
    ]
    told = read({"a.jpg": b"", "x.jsonl": "\n".join([*bad, lines({"image_path": "a.jpg", "caption": "fine"})])})
    assert told.facts["a.jpg"].caption == "fine" and list(told.facts) == ["a.jpg"]
    assert keys(told) == ["outside", "outside", "missing", "line", "no_path", "more"]
    with speaking("zh-CN"):
        assert "第 1 行" in told.skipped[0].reason and "../../etc/passwd" in told.skipped[0].reason


def test_values_out_of_range_are_not_taken() -> None:
    row = {
        "file_name": "a.jpg", "repeats": -5, "crop": [0, 0, 0, 9], "name": "../../evil.sh", "folder": "/../../up/x",
        "added": 1e300, "flagged": "yes", "caption": "\nkept\r\n", "controls": 7,
    }  # fmt: skip
    facts = read({"a.jpg": b"", "x.jsonl": lines(row)}).facts["a.jpg"]
    assert (facts.repeats, facts.crop, facts.added, facts.flagged) == (None, None, None, False)
    assert (facts.name, facts.folder, facts.caption) == ("evil.sh", "up/x", "kept")


def test_kohya_metadata_by_path_and_by_bare_name() -> None:
    meta = {
        "/train/10_cat/a": {"caption": "a cat", "tags": "cat, grass"},
        "b": {"tags": "only, tags"},
        "../x": {"caption": "x"},
        "nowhere": {"caption": "x"},
    }
    told = read({"10_cat/a.jpg": b"", "b.webp": b"", "meta_cap.json": json.dumps(meta)})
    assert told.facts["10_cat/a.jpg"].caption == "a cat, cat, grass" and told.facts["b.webp"].caption == "only, tags"
    assert keys(told) == ["key_outside", "key_missing"]


def test_json_of_other_tools_is_left_alone_and_broken_lists_are_named() -> None:
    told = read(
        {"a.jpg": b"", "a.json": "{", "a.jpg.json": "[", "workflow.json": '{"nodes": [1]}', "pyproject.toml": "x=1"}
    )
    assert told.skipped == [] and told.facts == {}
    told = read({"meta_cap.json": "{", "dataset.toml": "[[", "x.jsonl": b"\xff\xfe\xfa"})
    assert keys(told) == ["broken", "encoding", "broken"]


def test_dataset_toml_of_musubi() -> None:
    config = """
[general]
caption_extension = ".cap"
num_repeats = 2
[[datasets]]
image_directory = "/somewhere/else/in/images"
control_directory = 'D:\\data\\ctl'
num_repeats = 5
[[datasets]]
image_jsonl_file = "lists/more.jsonl"
[[datasets]]
video_directory = "../out"
"""
    files = {
        "dataset.toml": config, "images/a.png": "", "images/a_b.png": "", "ctl/a_1.png": "", "ctl/a_0.png": "",
        "ctl/a_b_0.png": "", "ctl/a_mask.png": "", "lists/more.jsonl": lines({"image_path": "m.png", "caption": "m"}),
        "lists/m.png": "",
    }  # fmt: skip
    told = read(files)
    assert told.facts["images/a.png"].controls == ("ctl/a_0.png", "ctl/a_1.png")
    assert told.facts["images/a_b.png"].controls == ("ctl/a_b_0.png",)
    assert (told.facts["images/a.png"].repeats, told.facts["lists/m.png"].repeats) == (5, 2)
    assert told.facts["lists/m.png"].caption == "m" and told.endings == {"images": ".cap"}
    assert keys(told) == ["key_outside"]


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("10_red fox", (10, "red fox")), ("x/3_猫", (3, "猫")), ("2024_summer", None), ("0_x", None), ("fox", None),
        ("10", None), ("5_", (5, "")),
    ],
)  # fmt: skip
def test_folder_names_of_kohya(folder: str, found: tuple[int, str] | None) -> None:
    assert layouts.folder_words(folder) == found


def test_lists_say_more_than_folder_names() -> None:
    files = {"7_fox/a.jpg": b"", "7_fox/b.jpg": b"", "x.jsonl": lines({"file_name": "7_fox/a.jpg", "repeats": 2})}
    made = tree(files)
    told = layout_lists.read_all(made)
    first, second = (layouts.of(told, made, f"7_fox/{name}.jpg") for name in "ab")
    assert (first.repeats, first.repeats_from, second.repeats, second.repeats_from) == (2, "jsonl", 7, "folder")
    assert first.class_words == "fox"


def test_paths_are_looked_up_among_the_names_only() -> None:
    made = tree({"one/a.jpg": b"", "two/a.jpg": b"", "cafe\u0301.jpg": b""})
    assert made.find("/elsewhere/two/a.jpg", "") == "two/a.jpg" and made.find("a.jpg", "one") == "one/a.jpg"
    assert made.find("../two/a.jpg", "one") == "two/a.jpg" and made.find("/x/a.jpg", "") is None
    assert made.find("caf\u00e9.jpg", "") == "cafe\u0301.jpg"
    for path in ("../a.jpg", "one/../../a.jpg", "x" * 5000, "a\x00"):
        with pytest.raises(Outside):
            made.find(path, "")


def test_an_import_says_what_it_took_from_where(ws: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for number, place in enumerate(["10_red fox/a", "10_red fox/b", "more/c", "more/d", "e"]):
        jpeg(folder / f"{place}.jpg", number)
    (folder / "10_red fox" / "a.txt").write_text("own words", "utf-8")
    (folder / "more" / "d.caption").write_text("d", "utf-8")
    (folder / "more" / "list.jsonl").write_text(
        lines({"image_path": "c.jpg", "caption": "listed", "repeats": 4}), "utf-8"
    )
    (folder / "meta_cap.json").write_text(
        json.dumps({"10_red fox/a": {"tags": "other"}, "e": {"caption": "k"}}), "utf-8"
    )
    packed = zip_of(
        tmp_path / "set.zip", {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    )
    for source in (folder, packed):
        dataset = store.create(ws, source.name).id
        report = transfer.import_paths(ws, dataset, [source])
        found = {item.name: (item.repeats, store.caption(ws, dataset, item.id)) for item in store.items(ws, dataset)}
        assert found == {
            "a.jpg": (10, "own words"), "b.jpg": (10, "red fox"), "c.jpg": (4, "listed"), "d.jpg": (1, "d"),
            "e.jpg": (1, "k"),
        }  # fmt: skip
        assert report.sources == {
            "txt": 1, "caption": 1, "jsonl": 1, "kohya": 1, "folder": 1, "repeats_folder": 2, "repeats_jsonl": 1,
        }  # fmt: skip
        assert keys(Told(skipped=report.skipped)) == ["two_captions"] and "other" in report.skipped[0].reason


def test_a_crop_outside_the_picture_is_named(ws: Workspace, tmp_path: Path) -> None:
    jpeg(tmp_path / "in" / "a.jpg", 1)
    (tmp_path / "in" / "x.jsonl").write_text(lines({"file_name": "a.jpg", "crop": [90, 0, 20, 20]}), "utf-8")
    dataset = store.create(ws, "crop").id
    report = transfer.import_paths(ws, dataset, [tmp_path / "in"])
    assert [row.key for row in report.skipped] == ["layouts.crop_outside"] and store.items(ws, dataset)[0].crop is None


def test_the_command_line_prints_what_it_took(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jpeg(tmp_path / "in" / "10_red fox" / "a.jpg", 1)
    dataset = store.create(ws, "said").id
    main(["--workspace", str(ws.root), "dataset", "import", dataset, str(tmp_path / "in")])
    said = capsys.readouterr().out
    assert "1 captions from the words in folder names" in said and "1 repeat counts from folder names" in said
