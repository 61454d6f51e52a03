"""Datasets of any size in seconds, for benches: records, captions and hard links to a few pictures."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from PIL import Image

from tagtrainer.datasets import records, store
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

PICTURES = 40
SIZES = ((512, 384), (384, 512), (512, 512), (1024, 768), (2048, 1152))
COLOURS = ("red", "blue", "green", "golden", "grey")
THINGS = ("boat on a lake", "cat on a sofa", "old house", "street at night", "portrait of a woman")
CHINESE = ("湖面上的小船", "沙发上的猫", "老房子", "夜晚的街道", "女子肖像")


def draw(folder: Path) -> Path:
    """The few pictures that all items share."""
    folder.mkdir(parents=True)
    for number in range(PICTURES):
        noise = Image.effect_noise((512, 384), 40).convert("RGB")
        Image.blend(noise, Image.new("RGB", noise.size, (number * 6, 90, 200 - number * 4)), 0.7).save(
            folder / f"{number}.jpg"
        )
    return folder


def caption(number: int) -> str:
    """Tags, a sentence and some Chinese; each is another one."""
    colour, thing, chinese = COLOURS[number % 5], THINGS[number // 5 % 5], CHINESE[number // 7 % 5]
    tags = f"{colour} light, {thing}, number {number}, high quality, 4k"
    return f"{tags}, a photograph of a {colour} {thing} taken from a low angle in soft light, {chinese}，第{number}张"


def fill(ws: Workspace, name: str, count: int, source: Path, uncaptioned: int = 3) -> str:
    """A dataset of `count` items; every `uncaptioned`-th has no caption. It is not indexed yet. Returns its id."""
    meta = store.create(ws, name)
    folder = ws.dataset(meta.id)
    items = []
    for number in range(count):
        own = number * 7919 % count  # names stand in another order than pictures were added in, ids follow names
        ident = f"picture_{own}-{own:08x}"
        picture = source / f"{number % PICTURES}.jpg"
        for part in ("images", "medium", "preview"):
            os.link(picture, folder / part / f"{ident}.jpg")
        if number % uncaptioned:
            (folder / "captions" / f"{ident}.txt").write_text(caption(number), "utf-8")
        digest = hashlib.sha256(ident.encode()).hexdigest()
        width, height = SIZES[number % len(SIZES)]
        items.append(
            Item(
                ident,
                f"picture {own}.jpg",
                ".jpg",
                width,
                height,
                100_000 + number % 1000,
                digest,
                1.7e9 + number,
                flagged=number % 50 == 0,
            )
        )
    records.add(folder, items)
    return meta.id
