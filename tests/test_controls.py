"""Control images: attach, detach, order, replace; the waiting area; what deserves a look; all of it reversible."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, media, sample, store, transfer
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.pairs import controls, waiting
from tagtrainer.datasets.pairs import flags as pair_flags
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg, picture


@pytest.fixture
def pairs(ws: Workspace, tmp_path: Path) -> tuple[str, str]:
    """A dataset of the many-controls kind with one picture: (dataset, item)."""
    dataset = store.create(ws, "pairs", "multi_control_image").id
    transfer.import_paths(ws, dataset, [jpeg(tmp_path / "target.jpg", 1)])
    return dataset, store.items(ws, dataset)[0].id


def names(ws: Workspace, dataset: str, item: str) -> list[str]:
    return [control.name for control in store.item(ws, dataset, item).controls]


def files(ws: Workspace, dataset: str, item: str) -> list[str]:
    return [control.file for control in store.item(ws, dataset, item).controls]


def give(ws: Workspace, pairs: tuple[str, str], folder: Path, *numbers: int) -> None:
    for number in numbers:
        controls.attach(ws, *pairs, jpeg(folder / f"c{number}.jpg", 50 + number))


def test_attach_in_order_reorder_and_detach(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    give(ws, pairs, tmp_path, 1, 2)
    controls.attach(ws, dataset, item, jpeg(tmp_path / "first.jpg", 9), "named.jpg", position=1)
    assert names(ws, dataset, item) == ["named.jpg", "c1.jpg", "c2.jpg"]
    assert files(ws, dataset, item) == [f"{item}_3.jpg", f"{item}_1.jpg", f"{item}_2.jpg"]
    controls.reorder(ws, dataset, item, [3, 1, 2])
    assert names(ws, dataset, item) == ["c2.jpg", "named.jpg", "c1.jpg"]
    assert controls.detach(ws, dataset, item, 1).name == "c2.jpg"
    assert (ws.dataset(dataset) / "control" / f"{item}_2.jpg").exists()
    for control in store.item(ws, dataset, item).controls:
        assert store.control_path(ws, dataset, control).is_file()
        assert store.control_preview_path(ws, dataset, control).is_file()
        assert store.control_preview_path(ws, dataset, control, "medium").is_file()


def test_every_change_is_one_entry_and_can_be_undone(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    give(ws, pairs, tmp_path, 1, 2)
    controls.detach(ws, dataset, item, 1)
    controls.replace(ws, dataset, item, 1, jpeg(tmp_path / "c3.jpg", 77))
    assert names(ws, dataset, item) == ["c3.jpg"]
    for wanted in (["c2.jpg"], ["c1.jpg", "c2.jpg"], ["c1.jpg"], []):
        history.undo(ws, dataset)
        assert names(ws, dataset, item) == wanted
    history.redo(ws, dataset)
    assert names(ws, dataset, item) == ["c1.jpg"]
    titles = [entry.title for entry in history.entries(ws, dataset)[0]]
    assert "Detach c1.jpg from target.jpg" in titles


def test_numbers_are_never_given_twice(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    give(ws, pairs, tmp_path, 1, 2)
    controls.detach(ws, dataset, item, 2)
    assert controls.sweep(ws, dataset) == 1
    assert not (ws.dataset(dataset) / "control" / f"{item}_2.jpg").exists()
    give(ws, pairs, tmp_path, 3)
    assert files(ws, dataset, item) == [f"{item}_1.jpg", f"{item}_3.jpg"]
    assert controls.sweep(ws, dataset) == 0


def test_refusals_are_sentences(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    give(ws, pairs, tmp_path, 1)
    (tmp_path / "no.jpg").write_text("no picture", "utf-8")
    for key, work in {
        "pairs.has_it": lambda: controls.attach(ws, dataset, item, tmp_path / "c1.jpg"),
        "datasets.skip.not_a_picture": lambda: controls.attach(ws, dataset, item, tmp_path / "no.jpg"),
        "datasets.no_source": lambda: controls.attach(ws, dataset, item, tmp_path / "nowhere.jpg"),
        "datasets.item_not_found": lambda: controls.attach(ws, dataset, "other", tmp_path / "c1.jpg"),
        "pairs.no_control": lambda: controls.detach(ws, dataset, item, 2),
        "pairs.bad_order": lambda: controls.reorder(ws, dataset, item, [1, 1]),
        "pairs.not_waiting": lambda: waiting.pair(ws, dataset, item, "nothing"),
    }.items():
        with pytest.raises(UserError) as caught:
            work()  # type: ignore[no-untyped-call]
        assert caught.value.key == key and "{" not in str(caught.value)
    single = store.create(ws, "one", "single_control_image").id
    transfer.import_paths(ws, single, [jpeg(tmp_path / "target.jpg", 1)])
    only = store.items(ws, single)[0].id
    controls.attach(ws, single, only, tmp_path / "c1.jpg")
    with pytest.raises(UserError, match="one control image already"):
        controls.attach(ws, single, only, jpeg(tmp_path / "c2.jpg", 8))
    plain = store.create(ws, "plain").id
    with pytest.raises(UserError, match="without control images"):
        controls.attach(ws, plain, only, tmp_path / "c1.jpg")


def test_what_waits_is_paired_by_hand_or_thrown_away(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    values = {"stem": "a"}
    first = waiting.add(
        ws, dataset, jpeg(tmp_path / "a.jpg", 5), "a.jpg", "control/a.jpg", "pairs.reason.no_target", values
    )
    second = waiting.add(ws, dataset, jpeg(tmp_path / "b.jpg", 6), "b.jpg", "b.jpg", "pairs.reason.no_target", values)
    waiting.add(ws, dataset, tmp_path / "b.jpg", "b.jpg", "b.jpg", "pairs.reason.no_target", values)
    assert [entry.id for entry in waiting.entries(ws, dataset)] == [first.id, second.id]
    assert "“a”" in first.reason and waiting.count(ws, dataset) == 2
    assert waiting.preview_path(ws, dataset, first.id).is_file()
    waiting.pair(ws, dataset, item, first.id)
    assert names(ws, dataset, item) == ["a.jpg"] and waiting.count(ws, dataset) == 1
    waiting.add(ws, dataset, tmp_path / "a.jpg", "a.jpg", "a.jpg", "pairs.reason.no_target", values)
    waiting.pair(ws, dataset, item, first.id)  # as after a kill in between: it has it already
    assert names(ws, dataset, item) == ["a.jpg"] and waiting.count(ws, dataset) == 1
    waiting.discard(ws, dataset, second.id)
    assert waiting.entries(ws, dataset) == [] and store.stats(ws, dataset).trash == 0
    assert waiting.recall(ws, dataset, second.id).name == "b.jpg"
    jpeg(ws.dataset(dataset) / "control" / "unpaired" / "by hand.jpg", 7)
    assert [entry.key for entry in waiting.entries(ws, dataset) if entry.name == "by hand.jpg"] == [waiting.FOUND]


def test_what_waits_may_be_a_target_itself(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, _ = pairs
    path = jpeg(tmp_path / "remote_control.jpg", 5)
    assert transfer.import_paths(ws, dataset, [path]).added == 0
    made = waiting.promote(ws, dataset, waiting.entries(ws, dataset)[0].id)
    assert waiting.count(ws, dataset) == 0 and store.item(ws, dataset, made.id).name == "remote_control.jpg"
    assert store.medium_path(ws, dataset, made.id).is_file()
    history.undo(ws, dataset)
    assert len(store.items(ws, dataset)) == 1
    again = waiting.add(ws, dataset, tmp_path / "target.jpg", "t.jpg", "t.jpg", "pairs.reason.no_target", {"stem": "t"})
    with pytest.raises(UserError, match="already"):
        waiting.promote(ws, dataset, again.id)


def test_controls_go_and_come_back_with_their_item(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    give(ws, pairs, tmp_path, 1)
    see_through = Image.new("RGBA", (64, 64), (200, 10, 10, 90))
    see_through.save(tmp_path / "glass.png")
    controls.attach(ws, dataset, item, tmp_path / "glass.png")
    folder = ws.dataset(dataset)
    before = {
        path: path.read_bytes() for part in ("control", "medium", "preview") for path in (folder / part).iterdir()
    }
    store.delete_items(ws, dataset, [item])
    assert not list((folder / "control").iterdir()) and not list((folder / "preview").iterdir())
    store.restore_items(ws, dataset, [item])
    assert names(ws, dataset, item) == ["c1.jpg", "glass.png"]
    assert {path: path.read_bytes() for path in before} == before


def flags(ws: Workspace, dataset: str, item: str) -> list[str]:
    found: Item = store.item(ws, dataset, item)
    return list(pair_flags.flags_of(ws, dataset, [found])[item])


def test_what_deserves_a_look(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs  # 96 x 64

    def look(path: Path, name: str = "") -> list[str]:
        for _ in store.item(ws, dataset, item).controls:
            controls.detach(ws, dataset, item, 1)
        controls.attach(ws, dataset, item, path, name)
        return flags(ws, dataset, item)

    assert flags(ws, dataset, item) == ["none"]
    assert look(jpeg(tmp_path / "fine.jpg", 60)) == []
    assert look(jpeg(tmp_path / "twice.jpg", 60, (192, 128))) == ["size"]
    assert look(jpeg(tmp_path / "wide.jpg", 60, (192, 64))) == ["size", "aspect"]
    assert look(jpeg(tmp_path / "tall.jpg", 60, (64, 96))) == ["size", "aspect", "orientation"]
    assert look(tmp_path / "target.jpg") == ["identical"]
    assert look(jpeg(tmp_path / "again.jpg", 1, quality=70)) == ["identical"]
    spot = picture(1)
    ImageDraw.Draw(spot).rectangle((70, 40, 80, 50), fill=(255, 255, 255))
    spot.save(tmp_path / "spot.jpg")
    assert look(tmp_path / "spot.jpg") == []
    store.control_path(ws, dataset, store.item(ws, dataset, item).controls[0]).unlink()
    assert flags(ws, dataset, item) == ["missing"]


def test_identical_means_nothing_was_edited(tmp_path: Path) -> None:
    """Saved again at any quality it is the same; a blur for sharpening pairs, a spot, a shade of colour are edits."""
    plain = sample.draw("city", "waving", (1280, 960), 3)
    spot, tinted = plain.copy(), ImageEnhance.Color(plain).enhance(0.5)
    ImageDraw.Draw(spot).ellipse((300, 300, 326, 326), fill=(255, 60, 60))
    edits = {"spot": spot, "tint": tinted, "blur": plain.filter(ImageFilter.GaussianBlur(2)),
             "bright": ImageEnhance.Brightness(plain).enhance(1.05)}  # fmt: skip

    def preview(name: str, picture: Image.Image, quality: int = 90) -> Path:
        picture.save(tmp_path / f"{name}.jpg", quality=quality)
        media.make_previews(tmp_path / f"{name}.jpg", tmp_path / f"m-{name}", tmp_path / f"p-{name}")
        return tmp_path / f"p-{name}.jpg"

    first = preview("first", plain, 95)
    for quality in (90, 60, 30):
        assert pair_flags.same_picture(first, preview(f"q{quality}", plain, quality)), quality
    assert pair_flags.same_picture(first, preview("half", plain.resize((640, 480))))
    assert {name: pair_flags.same_picture(first, preview(name, edit)) for name, edit in edits.items()} == {
        name: False for name in edits
    }


def test_gaps_and_other_counts_are_seen(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    for number in (0, 2):
        controls.attach(ws, dataset, item, jpeg(tmp_path / f"x_{number}.jpg", 60 + number))
    assert flags(ws, dataset, item) == ["order"]
    controls.attach(ws, dataset, item, jpeg(tmp_path / "x_1.jpg", 70), position=2)
    assert flags(ws, dataset, item) == []
    transfer.import_paths(ws, dataset, [jpeg(tmp_path / "more" / f"n{n}.jpg", 100 + n) for n in range(3)])
    for other in store.items(ws, dataset):
        if other.id != item:
            controls.attach(ws, dataset, other.id, tmp_path / "x_0.jpg")
    assert flags(ws, dataset, item) == ["order"]  # three, where the others have one


def test_a_review_counts_filters_and_goes_on(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    transfer.import_paths(ws, dataset, [jpeg(tmp_path / "more" / f"n{n}.jpg", 100 + n) for n in range(3)])
    for other in store.items(ws, dataset):
        controls.attach(ws, dataset, other.id, jpeg(tmp_path / "c.jpg", 9, (64, 96)))
    (ws.cache / dataset / "pairs.jsonl").unlink(missing_ok=True)
    pair_flags._verdicts.clear()
    assert pair_flags.review(ws, dataset, budget=-1).pending == 4
    done = pair_flags.review(ws, dataset)
    assert done.pending == 0 and done.counts["orientation"] == 4 and done.counts["none"] == 0
    controls.detach(ws, dataset, item, 1)
    done = pair_flags.review(ws, dataset)
    assert [found.id for found in done.with_flag("none")] == [item] and len(done.with_flag("any")) == 4
    pair_flags._verdicts.clear()  # another process reads what was found
    assert pair_flags.review(ws, dataset, budget=-1).pending == 0


def test_a_hostile_record_cannot_lead_out(ws: Workspace, pairs: tuple[str, str], tmp_path: Path) -> None:
    dataset, item = pairs
    row = {"file": "../../config.json", "name": "x", "width": 1, "height": 1, "bytes": 1, "sha256": "0"}
    with pytest.raises(UserError):
        store.change_items(ws, dataset, {item: {"controls": [row]}}, who="user", title="hostile")
