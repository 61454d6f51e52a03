"""Ranked lists of bad pictures on real photographs that were spoiled on purpose, and what can be done with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from tagtrainer import __main__ as command_line
from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store, transfer
from tagtrainer.datasets.curation import facts, quality
from tagtrainer.workspace import Workspace
from tests.copies import recompressed
from tests.photographs import photographs

GOOD = ("astronaut", "chelsea", "coffee", "retina", "motorcycle_left", "brick", "ihc", "coins", "gravel")


def framed(photo: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Bars of a tenth left and right."""
    bar = photo.width // 10
    made = Image.new("RGB", (photo.width + 2 * bar, photo.height), colour)
    made.paste(photo, (bar, 0))
    return made


@pytest.fixture(scope="module")
def judged_set(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """Look, do not change."""
    from tagtrainer.workspace import open_workspace

    root = tmp_path_factory.mktemp("quality")
    ws = open_workspace(root / "workspace")
    dataset = store.create(ws, "spoiled").id
    transfer.import_paths(ws, dataset, [spoiled(root / "set")])
    quality.look(ws, dataset)
    return ws, dataset


def spoiled(folder: Path) -> Path:
    folder.mkdir()
    photos = photographs()
    for name in GOOD:
        photos[name].save(folder / f"{name}.png")
    photos["chelsea"].filter(ImageFilter.GaussianBlur(4)).save(folder / "blurred.jpg", quality=92)
    ImageEnhance.Brightness(photos["coffee"]).enhance(0.15).save(folder / "dark.jpg", quality=92)
    Image.blend(photos["chelsea"], Image.new("RGB", photos["chelsea"].size, "white"), 0.85).save(folder / "bright.png")
    photos["astronaut"].save(folder / "tables.jpg", quality=15)
    recompressed(12)(photos["motorcycle_left"]).save(folder / "blocks.png")
    framed(photos["coffee"], (0, 0, 0)).save(folder / "black bars.jpg", quality=90)
    framed(photos["chelsea"], (255, 255, 255)).save(folder / "white bars.png")
    photos["coffee"].resize((150, 100)).save(folder / "tiny.png")
    photos["astronaut"].resize((1100, 1100)).save(folder / "large.png")
    return folder


def listed(judged: quality.Judged, name: str) -> list[str]:
    return [poor.item.name for poor in judged.cut(quality.rule(name))]


def test_each_list_has_what_was_spoiled_and_no_good_picture(judged_set: tuple[Workspace, str]) -> None:
    judged = quality.judge(*judged_set, side=300)
    assert set(listed(judged, "blurry")) == {"blurred.jpg", "retina.png"}  # that photograph is soft
    assert listed(judged, "dark") == ["dark.jpg"]
    assert listed(judged, "bright") == ["bright.png"]
    assert set(listed(judged, "compressed")) == {"tables.jpg", "blocks.png"}
    assert set(listed(judged, "borders")) == {"black bars.jpg", "white bars.png"}
    assert listed(judged, "small") == ["tiny.png"]
    assert judged.pending == 0 and len(judged.table.items) == len(GOOD) + 9


def test_thresholds_cut_the_ranked_lists(judged_set: tuple[Workspace, str]) -> None:
    judged = quality.judge(*judged_set, side=1024)
    for rule in quality.RULES:
        values = [poor.value for poor in judged.cut(rule, rule.highest * 2 if rule.below else -1)]
        assert values == sorted(values, reverse=not rule.below) and len(values) == len(judged.order[rule.name])
        for threshold in (rule.usual, *values[::5]):
            expected = [value for value in values if (value < threshold if rule.below else value > threshold)]
            assert judged.count(rule, threshold) == len(expected)
            assert [poor.value for poor in judged.cut(rule, threshold, 1, 3)] == expected[1:4]
    assert judged.count(quality.rule("small")) == len(judged.table.items) - 2  # the retina and the large one are larger
    with pytest.raises(UserError):
        quality.rule("ugly")


def test_borders_can_be_cut_off_and_come_back(ws: Workspace, tmp_path: Path) -> None:
    dataset = store.create(ws, "bars").id
    photo = photographs()["coffee"]
    framed(photo, (0, 0, 0)).save(tmp_path / "bars.png")
    photo.save(tmp_path / "whole.png")
    transfer.import_paths(ws, dataset, [tmp_path / "bars.png", tmp_path / "whole.png"])
    quality.look(ws, dataset)
    bars, whole = store.items(ws, dataset)
    with pytest.raises(UserError):
        quality.cut_borders(ws, dataset, [whole.id])
    assert quality.cut_borders(ws, dataset, [bars.id]) == 1
    x, y, width, height = store.item(ws, dataset, bars.id).crop or (0, 0, 0, 0)
    assert (y, height) == (0, photo.height) and 60 <= x <= 66 and 588 <= width <= 600
    quality.look(ws, dataset)
    assert listed(quality.judge(ws, dataset), "borders") == []
    history.undo(ws, dataset)
    assert store.item(ws, dataset, bars.id).crop is None


def test_flag_and_remove_are_one_change_each(ws: Workspace, tmp_path: Path) -> None:
    dataset = store.create(ws, "some").id
    transfer.import_paths(ws, dataset, [spoiled(tmp_path / "set")])
    quality.look(ws, dataset)
    chosen = [poor.item.id for poor in quality.judge(ws, dataset).cut(quality.rule("compressed"))]
    assert quality.flag(ws, dataset, chosen) == 2 and quality.flag(ws, dataset, chosen) == 0
    assert quality.remove(ws, dataset, chosen) == 2
    history.undo(ws, dataset)
    assert len(store.items(ws, dataset)) == len(GOOD) + 9
    for act in (quality.flag, quality.remove, quality.cut_borders):
        with pytest.raises(UserError):
            act(ws, dataset, [])


def test_saved_quality_is_read_from_the_tables(tmp_path: Path) -> None:
    for wanted in (10, 30, 50, 75, 90, 100):
        photographs()["coffee"].save(tmp_path / "x.jpg", quality=wanted)
        with Image.open(tmp_path / "x.jpg") as picture:
            assert abs(facts.table_quality(picture.quantization) - wanted) < 6
    assert facts.table_quality({}) == 100


def test_odd_pictures_have_numbers_too() -> None:
    for shape in ((1, 1), (2, 500), (500, 2), (16, 16), (64, 64)):
        for value in (0, 128, 255):
            grey = np.full(shape, value, dtype=np.uint8)
            assert facts.sharpness(grey) == 0 == facts.detail(grey) and facts.borders(grey) == (0, 0, 0, 0)
            assert facts.block_quality(grey) == 100 and facts.light(grey)[:2] == (value, value)


def test_the_command_line_measures_lists_and_removes(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = store.create(ws, "cli").id
    transfer.import_paths(ws, dataset, [spoiled(tmp_path / "set")])
    photographs()["coffee"].resize((300, 200)).save(tmp_path / "set" / "small cup.jpg", quality=90)
    transfer.import_paths(ws, dataset, [tmp_path / "set"])

    def run(*words: str) -> dict[str, object]:
        capsys.readouterr()
        assert command_line.main(["--workspace", str(ws.root), "--json", "dataset", *words]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    assert run("measure", dataset)["failed"] == 0
    found = run("duplicates", dataset, "--distance", "6", "--apply")
    assert found["removed"] == found["surplus"] and int(str(found["surplus"])) >= 2
    lists = run("quality", dataset, "--list", "compressed", "--threshold", "compressed=20", "--flag")["lists"]
    assert isinstance(lists, dict) and set(lists) == {"compressed"}
    assert command_line.main(["--workspace", str(ws.root), "dataset", "quality", dataset, "--remove"]) == 1
