"""Export: every layout, names for three systems, never a half one, never over anything; and back again it is the same dataset."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets import shape, store, transfer
from tagtrainer.datasets.exchange import export, names
from tagtrainer.datasets.exchange.export import Options
from tagtrainer.datasets.pairs import controls
from tagtrainer.workspace import Workspace, open_workspace
from tests.clips import clip
from tests.pictures import jpeg, picture


def small(path: Path, seed: int) -> Path:
    """A picture of a few bytes unlike those of other seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (40 + seed % 7, 48), (seed % 256, seed // 256 % 256, 99))
    image.save(path, "PNG" if path.suffix == ".png" else "JPEG")
    return path


def filled(ws: Workspace, folder: Path, kind: str = "image", count: int = 5) -> str:
    """A dataset with captions, a flag, repeats, a crop and something in its trash."""
    dataset = store.create(ws, "Cats: 猫/№1", kind, "about it", "zwx cat").id
    for n in range(count):
        small(folder / ("deep/er" if n % 2 else "") / f"p{n}.jpg", n)
        (folder / ("deep/er" if n % 2 else "") / f"p{n}.txt").write_text(f"  caption {n}\n第二行 ", "utf-8")
    transfer.import_paths(ws, dataset, [folder])
    ids = {item.name: item.id for item in store.items(ws, dataset)}
    changes: dict[str, dict[str, Any]] = {
        ids["p0.jpg"]: {"flagged": True, "repeats": 3},
        ids["p1.jpg"]: {"crop": [4, 5, 20, 21]},
    }
    store.change_items(ws, dataset, changes, who="test", title="set up")
    store.delete_items(ws, dataset, [ids["p2.jpg"]])
    return dataset


def facts(ws: Workspace, dataset: str) -> dict[str, Any]:
    """All that is known of a dataset, apart from previews."""
    found: dict[str, Any] = {"alive": {}, "dead": set()}
    for item in store.items(ws, dataset):
        hashes = [(control.name, control.sha256, control.width) for control in item.controls]
        plain = replace(item, controls=(), has_caption=False)
        found["alive"][item.id] = (plain, hashes, store.caption(ws, dataset, item.id))
    found["dead"] = {(item.id, item.name, item.repeats, item.crop) for item in store.trash_items(ws, dataset)}
    return found


def back(ws: Workspace, path: Path, kind: str = "image") -> str:
    dataset = store.create(ws, "again", kind).id
    report = transfer.import_paths(ws, dataset, [path])
    assert report.skipped == []
    return dataset


@pytest.mark.parametrize("layout", export.LAYOUTS)
def test_every_layout_comes_back_whole(ws: Workspace, tmp_path: Path, layout: export.Layout) -> None:
    dataset = filled(ws, tmp_path / "in")
    done = export.export(ws, dataset, tmp_path, Options(layout, trash=True))
    target = tmp_path / ("Cats_ 猫_№1" + (".zip" if layout == "zip" else ""))
    assert (done.path, done.items, done.captions, done.trash) == (str(target), 4, 4, 1) and target.exists()
    again = back(ws, target)
    assert facts(ws, again) == facts(ws, dataset)
    meta = store.get(ws, again)
    assert (meta.trigger_word, meta.description) == ("zwx cat", "about it")
    assert not list(tmp_path.glob(".*"))


def test_what_lies_where(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, tmp_path / "in")
    for layout in ("sidecar", "jsonl", "kohya"):
        export.export(ws, dataset, tmp_path / layout, Options(layout))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"sidecar/p0.jpg", "sidecar/p0.txt", "sidecar/deep/er/p1.txt", "sidecar/metadata.jsonl"} <= found
    assert {"jsonl/p0.jpg", "jsonl/metadata.jsonl"} <= found and "jsonl/p0.txt" not in found
    assert {"kohya/3_zwx cat/p0.jpg", "kohya/1_zwx cat/p1.txt"} <= found and "sidecar/p2.jpg" not in found
    assert (tmp_path / "sidecar" / "p0.txt").read_text("utf-8") == "  caption 0\n第二行 "
    rows = [json.loads(line) for line in (tmp_path / "jsonl" / "metadata.jsonl").read_text("utf-8").splitlines()]
    first = next(row for row in rows if row["name"] == "p0.jpg")
    assert (first["image_path"], first["repeats"], first["flagged"]) == ("p0.jpg", 3, True)
    known = store.get(ws, dataset)
    assert "secret" not in (tmp_path / "jsonl" / "dataset.json").read_text("utf-8") and known.trigger_word == "zwx cat"


def test_as_trained_cuts_and_originals_do_not(ws: Workspace, tmp_path: Path) -> None:
    dataset = store.create(ws, "cut").id
    turned = picture(3, (90, 60)).getexif()
    turned[274] = 6
    jpeg(tmp_path / "in" / "turned.jpg", 3, (90, 60), exif=turned.tobytes())
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    item = store.items(ws, dataset)[0]
    store.change_items(ws, dataset, {item.id: {"crop": [10, 20, 40, 50]}}, who="test", title="crop")
    before = store.media_path(ws, dataset, item.id).read_bytes()
    for layout in ("sidecar", "zip"):
        export.export(ws, dataset, tmp_path / f"cut-{layout}", Options(layout, as_trained=True))
        export.export(ws, dataset, tmp_path / f"whole-{layout}", Options(layout))
    assert Image.open(tmp_path / "cut-sidecar" / "turned.jpg").size == (40, 50)
    assert (tmp_path / "whole-sidecar" / "turned.jpg").read_bytes() == before
    with zipfile.ZipFile(tmp_path / "cut-zip.zip") as archive:
        assert Image.open(io.BytesIO(archive.read("turned.jpg"))).size == (40, 50)
        row = json.loads(archive.read("metadata.jsonl"))
        assert "crop" not in row and (row["width"], row["height"]) == (40, 50)
    assert store.media_path(ws, dataset, item.id).read_bytes() == before


def test_controls_are_named_as_the_trainer_wants_them_and_come_back(ws: Workspace, tmp_path: Path) -> None:
    dataset = store.create(ws, "pairs", "multi_control_image").id
    transfer.import_paths(ws, dataset, [small(tmp_path / "in" / "a.png", 1), small(tmp_path / "in" / "b_0.png", 2)])
    for number, item in enumerate(store.items(ws, dataset)):
        for more in range(2):
            controls.attach(
                ws, dataset, item.id, small(tmp_path / "c" / f"x {number}{more}.png", 50 + number * 2 + more)
            )
    done = export.export(ws, dataset, tmp_path / "out", Options("sidecar"))
    assert done.controls == 4
    found = {path.name for path in (tmp_path / "out" / "control").iterdir()}
    assert found == {"a_0.png", "a_1.png", "b_0_0.png", "b_0_1.png"}
    again = back(ws, tmp_path / "out", "multi_control_image")
    assert facts(ws, again) == facts(ws, dataset)


@pytest.mark.parametrize("layout", ["sidecar", "zip"])
def test_clips_come_back_with_everything(ws: Workspace, tmp_path: Path, layout: export.Layout) -> None:
    pytest.importorskip("av")
    dataset = store.create(ws, "clips", "video").id
    for number, name in enumerate(["one.mp4", "two 二.webm"]):
        path = clip(tmp_path / "in" / name, frames=6, seed=number)
        path.with_suffix(".txt").write_text(f"clip {number}", "utf-8")
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    ids = [item.id for item in store.items(ws, dataset)]
    assert len(ids) == 2
    store.change_items(ws, dataset, {ids[0]: {"repeats": 4}}, who="test", title="t")
    export.export(ws, dataset, tmp_path / "out", Options(layout, as_trained=True))
    again = back(ws, tmp_path / ("out.zip" if layout == "zip" else "out"), "video")
    assert facts(ws, again) == facts(ws, dataset)
    twin = shape.duplicate(ws, dataset)
    assert facts(ws, twin) == facts(ws, dataset)
    assert list((ws.dataset(twin) / "preview").glob("*.strip.jpg"))


def test_nothing_is_written_over_and_odd_places_are_refused(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, tmp_path / "in")
    (tmp_path / "there.zip").write_text("mine", "utf-8")
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / ".taken.tagtrainer-part").mkdir()
    (tmp_path / ".taken.tagtrainer-part" / "mine.txt").write_text("mine", "utf-8")
    cases: list[tuple[Any, Options, str]] = [
        (tmp_path / "there", Options("zip"), "export.exists"),
        (tmp_path / "file", Options(), "export.exists"),
        (tmp_path / "taken", Options(), "export.foreign"),
        (tmp_path / "no" / "where", Options(), "export.no_parent"),
        ("relative/out", Options(), "export.not_absolute"),
        ("", Options(), "export.not_absolute"),
        (str(tmp_path) + "/a\x00b", Options(), "export.not_absolute"),
        (ws.datasets / "out", Options(), "export.inside"),
        (ws.datasets / dataset / "images", Options(), "export.inside"),
        (tmp_path / "out", Options("rar"), "export.no_layout"),  # type: ignore[arg-type]
        (tmp_path / "out", Options(expr="nothing-like-it"), "export.empty"),
    ]
    for dest, options, key in cases:
        with pytest.raises(UserError) as caught:
            export.export(ws, dataset, dest, options)
        assert caught.value.key == key, dest
    assert (tmp_path / "there.zip").read_text("utf-8") == (tmp_path / "file").read_text("utf-8") == "mine"
    assert (tmp_path / ".taken.tagtrainer-part" / "mine.txt").exists() and not (tmp_path / "out").exists()


def test_no_room_is_said_before_anything_is_written(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = filled(ws, tmp_path / "in")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(export.shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(UserError, match="free"):
        export.export(ws, dataset, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


class Killed(BaseException):
    pass


def test_a_killed_export_goes_on_and_is_never_taken_for_whole(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, tmp_path / "in")
    target, part = tmp_path / "out", export.unpublished(tmp_path / "out")

    def die(n: int, _total: int, _note: str = "") -> None:
        if n == 2:
            raise Killed

    for layout in ("sidecar", "zip"):
        with pytest.raises(Killed):
            export.export(ws, dataset, target, Options(layout), die)
    assert not target.exists() and not target.with_suffix(".zip").exists() and part.is_dir()
    kept = {path.name: path.stat().st_mtime_ns for path in part.rglob("*.jpg")}
    assert len(kept) == 2
    export.export(ws, dataset, target)
    assert {path.name: path.stat().st_mtime_ns for path in target.rglob("*.jpg") if path.name in kept} == kept
    assert not part.exists() and not (target / export.MARKER).exists()
    assert facts(ws, back(ws, target))["alive"] == facts(ws, dataset)["alive"]
    done = export.export(ws, dataset, tmp_path / "out.zip", Options("zip"))
    assert zipfile.ZipFile(done.path).testzip() is None and not list(tmp_path.glob(".*"))


def test_a_half_export_of_other_options_is_begun_anew(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, tmp_path / "in")

    def die(n: int, _total: int, _note: str = "") -> None:
        if n == 3:
            raise Killed

    with pytest.raises(Killed):
        export.export(ws, dataset, tmp_path / "out", Options("kohya"), die)
    export.export(ws, dataset, tmp_path / "out", Options("sidecar"))
    assert not list((tmp_path / "out").glob("*_*")) and (tmp_path / "out" / "p0.jpg").exists()


def test_a_caption_that_nobody_can_read_is_copied_as_it_is(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, tmp_path / "in")
    item = store.items(ws, dataset)[0]
    (ws.dataset(dataset) / "captions" / f"{item.id}.txt").write_bytes(b"\x00\xff odd")
    export.export(ws, dataset, tmp_path / "out")
    assert next((tmp_path / "out").rglob(f"{Path(item.name).stem}.txt")).read_bytes() == b"\x00\xff odd"


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a/b:c*?.jpg", "a_b_c__.jpg"), ("con", "_con"), ("COM1.x", "_COM1.x"), (".hidden", "_hidden"), ("dot. .", "dot"),
        ("", "_"), ("猫" * 200, "猫" * 50), ("tab\there", "tab_here"), ("\udc80", "_"),
        ("__MACOSX", "___MACOSX"),
    ],
)  # fmt: skip
def test_names_for_three_systems(given: str, safe: str) -> None:
    assert names.safe_part(given) == safe


def test_no_two_names_are_one_on_any_system() -> None:
    taken = names.Taken(("metadata",))
    given = ["Cat", "cat", "CAT (2)", "caf\u00e9", "cafe\u0301", "metadata", "straße", "STRASSE"]
    found = [taken.claim("", name) for name in given]
    assert found == [
        "Cat",
        "cat (2)",
        "CAT (2) (2)",
        "caf\u00e9",
        "cafe\u0301 (2)",
        "metadata (2)",
        "straße",
        "STRASSE (2)",
    ]
    assert (
        taken.folder("Cats/x") == "Cats/x"
        and taken.folder("cats/X") == "Cats/x"
        and taken.folder("Metadata") == "Metadata_"
    )


LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\x00")
NAMES = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text.strip(" .") != "")
CAPTIONS = st.one_of(
    st.just(""),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=60),
    st.just(" a, 红帽子\n\n b "),
)
ITEM = st.fixed_dictionaries(
    {
        "name": NAMES,
        "folder": st.lists(NAMES, max_size=2).map("/".join),
        "caption": CAPTIONS,
        "repeats": st.integers(1, 300),
        "flagged": st.booleans(),
        "crop": st.one_of(
            st.none(), st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 30), st.integers(1, 30))
        ),
        "controls": st.integers(0, 2),
        "trash": st.booleans(),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=st.lists(ITEM, min_size=1, max_size=6), layout=st.sampled_from(export.LAYOUTS), pairs=st.booleans())
def test_an_export_imported_again_is_the_same_dataset(rows: list[dict[str, Any]], layout: Any, pairs: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        ws = open_workspace(Path(place) / "w")
        kind = "multi_control_image" if pairs else "image"
        dataset = _random(ws, Path(place) / "in", rows, kind)
        export.export(ws, dataset, Path(place) / "out", Options(layout, trash=True))
        target = Path(place) / ("out.zip" if layout == "zip" else "out")
        again = back(ws, target, kind)
        assert facts(ws, again) == facts(ws, dataset)


def _random(ws: Workspace, folder: Path, rows: list[dict[str, Any]], kind: str) -> str:
    """A dataset of any names: by a list, which may say names that this system's disk could not hold."""
    dataset = store.create(ws, "random", kind).id
    lines = []
    for number, row in enumerate(rows):
        small(folder / f"{number}.png", number)
        lines.append({"file_name": f"{number}.png", **{key: row[key] for key in ("name", "folder", "repeats")}})
    (folder / "list.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert transfer.import_paths(ws, dataset, [folder]).skipped == []
    order = sorted(store.items(ws, dataset), key=lambda item: item.bytes and item.added)
    by_hash = {item.sha256: item for item in order}
    for number, row in enumerate(rows):
        item = by_hash[_hash(folder / f"{number}.png")]
        store.write_captions(ws, dataset, {item.id: _stripped(row["caption"])}, who="test", title="t")
        store.change_items(
            ws, dataset, {item.id: {key: row[key] for key in ("flagged", "crop")}}, who="test", title="t"
        )
        for more in range(row["controls"] if kind != "image" else 0):
            controls.attach(
                ws, dataset, item.id, small(folder / f"c{number}-{more}.png", 1000 + number * 10 + more), row["name"]
            )
    doomed = [by_hash[_hash(folder / f"{n}.png")].id for n, row in enumerate(rows) if row["trash"] and n]
    store.delete_items(ws, dataset, doomed)
    return dataset


def _hash(path: Path) -> str:
    from tagtrainer.datasets import intake

    return intake.hashed(path)


def _stripped(text: str) -> str:
    """What a caption file can hold: blank is none, no newline at the ends."""
    return text.strip("\n") if text.strip() else ""
