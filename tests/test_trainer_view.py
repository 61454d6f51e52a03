"""datasets/trainer_view.py and its verb: numbers worked out by hand from the engine's rules."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tagtrainer.cli import main
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, records, store
from tagtrainer.datasets.clips.frames import Taking
from tagtrainer.datasets.models import Control, Item
from tagtrainer.datasets.trainer_view import Setup, fit, frame_size, report
from tagtrainer.workspace import Workspace

CONTROL = Control("c.png", "c.png", 64, 64, 10, "0" * 64)


def picture(name: str, width: int, height: int) -> Item:
    return Item(name, f"{name}.jpg", ".jpg", width, height, 1000, f"{name:0<64}", 1.0)


def clip(name: str, frame_count: int, size: tuple[int, int] = (640, 360), fps: float = 30.0, turned: int = 0) -> Item:
    plain = Item(name, f"{name}.mp4", ".mp4", *size, 1000, f"{name:0<64}", 1.0)
    return replace(plain, media="video", frames=frame_count, fps=fps, duration=frame_count / fps, turned=turned)


def filled(ws: Workspace, kind: str, *items: Item) -> str:
    dataset = store.create(ws, "Set", kind=kind).id
    for item in items:
        (ws.dataset(dataset) / "images" / f"{item.id}{item.ext}").touch()
    records.add(ws.dataset(dataset), list(items))
    index.put(ws, dataset, list(items))
    return dataset


def test_buckets_and_batches(ws: Workspace) -> None:
    dataset = filled(
        ws, "image", picture("a", 600, 400), picture("b", 1200, 800), picture("c", 600, 400), picture("d", 400, 600),
        replace(picture("e", 600, 400), repeats=3),
    )  # fmt: skip
    found = report(ws, dataset, Setup((512, 512), batch_size=2, repeats=2))
    rows = {(row.width, row.height): (row.items, row.samples, row.batches) for row in found.buckets}
    # a b c twice is 6 in 3 batches; e stands in a block of its own: 3 x 2 is 6 in 3 more
    assert rows == {(624, 416): (4, 12, 6), (416, 624): (1, 2, 1)}
    assert (found.total, found.samples, found.batches, found.left_out) == (5, 14, 7, 5)


def test_only_with_caption(ws: Workspace) -> None:
    dataset = filled(ws, "image", picture("a", 512, 512), picture("b", 512, 512))
    store.write_captions(ws, dataset, {"a": "a square"}, who="user", title="typed")
    assert report(ws, dataset, Setup((512, 512))).samples == 2
    found = report(ws, dataset, Setup((512, 512), captioned=True))
    assert (found.samples, found.left_out) == (1, 1)


def test_enlarged_and_cropped_are_named_worst_first(ws: Workspace) -> None:
    dataset = filled(
        ws, "image", picture("small", 256, 256), picture("smaller", 128, 128), picture("fits", 1024, 1024),
        picture("wide", 3000, 500), replace(picture("cut", 3000, 500), crop=(0, 0, 500, 500)),
    )  # fmt: skip
    found = report(ws, dataset, Setup((512, 512)))
    assert [each.item.id for each in found.enlarged] == ["smaller", "small", "cut"]
    (wide,) = found.cropped
    assert wide.item.id == "wide" and wide.lost > 0.3
    x, y, width, height = wide.box
    assert (round(y), round(height)) == (0, 500) and round(x * 2 + width) == 3000
    small = report(ws, dataset, Setup((512, 512), no_upscale=True))
    assert not small.enlarged


def test_what_is_kept_of_a_picture() -> None:
    kept = fit(picture("a", 1000, 700), Setup((512, 512), enable_bucket=False))
    assert kept.bucket == (512, 512) and abs(kept.scale - 512 / 700) < 1e-9
    assert [round(number) for number in kept.box] == [149, 0, 700, 700]
    assert abs(kept.lost - (1 - 512 / 731)) < 1e-9


def test_number_of_control_images_splits_batches(ws: Workspace) -> None:
    items = [replace(picture(str(n), 512, 512), controls=(CONTROL,) * (1 + n % 2)) for n in range(6)]
    dataset = filled(ws, "multi_control_image", *items)
    found = report(ws, dataset, Setup((512, 512), batch_size=4))
    assert found.controls == {1: 3, 2: 3} and found.batches == 2


def test_clips(ws: Workspace) -> None:
    items = [clip("long", 60), clip("mid", 30), clip("short", 10), clip("turned", 60, (360, 640), turned=90)]
    dataset = filled(ws, "video", *items)
    assert frame_size(items[3]) == (640, 360)
    found = report(ws, dataset, Setup((960, 544), batch_size=4, taking=Taking((25, 49), "chunk")))
    rows = [(row.width, row.height, row.frames, row.items, row.batches) for row in found.buckets]
    assert rows == [(960, 544, 25, 5, 2), (960, 544, 49, 2, 1)]
    assert ([item.id for item in found.short], found.partly, found.notes) == (["short"], 1, {"turned": 1})


def test_frame_rate_and_model(ws: Workspace) -> None:
    dataset = filled(ws, "video", clip("a", 60), clip("b", 60, fps=24.0))
    taking = Taking((33,), "full", source_fps=30.0, target_fps=16.0)
    found = report(ws, dataset, Setup((960, 544), taking=taking, model="wan"))
    assert [row.frames for row in found.buckets] == [29] and found.notes == {"other_rate": 1}
    assert report(ws, dataset, Setup((960, 544), model="wan")).notes == {"every_frame": 2}


def test_framepack_makes_sections(ws: Workspace) -> None:
    dataset = filled(ws, "video", clip("a", 120))
    found = report(ws, dataset, Setup((640, 640), taking=Taking((33, 73, 109)), model="framepack"))
    assert [(row.frames, row.items) for row in found.buckets] == [(73, 2), (109, 3)]


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (Setup((0, 512)), "trainer_view.size"),
        (Setup((16, 16)), "buckets.too_small"),
        (Setup(batch_size=0), "trainer_view.number"),
        (Setup(model="sora"), "trainer_view.model"),
        (Setup(taking=Taking(extraction="x")), "frames.extraction"),
    ],
)
def test_nonsense_is_a_sentence(ws: Workspace, wrong: Setup, key: str) -> None:
    with pytest.raises(UserError) as caught:
        report(ws, filled(ws, "image"), wrong)
    assert caught.value.key == key and "." not in str(caught.value).split()[0]


def test_command_line(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = filled(ws, "video", clip("a", 60), clip("b", 20))
    words = ["--workspace", str(ws.root), "dataset", "trainer", dataset, "--size", "960x544", "--frames", "25"]
    assert main(["--json", *words, "--extraction", "chunk", "--windows"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["windows"] == {"a.mp4": [[0, 25], [25, 25]], "b.mp4": []}
    assert (found["samples"], found["short"]) == (2, 1)
    assert main(words) == 0
    assert "960 × 544 × 25" in capsys.readouterr().out
    assert main([*words[:-4], "--size", "big"]) == 1
