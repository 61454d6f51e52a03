"""Filters and sorting from memory give what the files say, whatever is changed in between, also by another process."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tagtrainer.datasets import index, records, store
from tagtrainer.datasets.index_db import natural
from tagtrainer.datasets.models import Item, ItemFilter
from tagtrainer.workspace import Workspace, open_workspace

SIZES = ((512, 512), (800, 600), (600, 800), (1024, 640))
TEXTS = ("", "a red hat, boat", "Red  Hat，湖面", "一只猫", "boat on a lake", "cat, red hats")
LOOKS = [
    ItemFilter(), ItemFilter(descending=True), ItemFilter(no_caption=True), ItemFilter(no_caption=False, sort="caption"),
    ItemFilter(flagged=True), ItemFilter(flagged=False, sort="size", descending=True), ItemFilter(tag="red hat"),
    ItemFilter(text="BOAT lake"), ItemFilter(text="猫"), ItemFilter(min_side=600, sort="added"), ItemFilter(max_side=599),
    ItemFilter(aspect="portrait"), ItemFilter(aspect="square", sort="aspect"), ItemFilter(aspect="landscape", text="p 1"),
    ItemFilter(media="video"), ItemFilter(media="image", no_caption=True, sort="added", descending=True),
]  # fmt: skip


def make(number: int) -> Item:
    width, height = SIZES[number % 4]
    media = "video" if number % 7 == 0 else "image"
    return Item(f"p_{number}-x", f"P {number}.jpg", ".jpg", width, height, 9, "f" * 64, float(number % 5), media=media)  # type: ignore[arg-type]


def add(ws: Workspace, dataset: str, numbers: range) -> None:
    folder = ws.dataset(dataset)
    items = [make(number) for number in numbers]
    for item in items:
        (folder / "images" / f"{item.id}.jpg").touch()
    records.add(folder, items)
    index.put(ws, dataset, items)


def fits(item: Item, caption: str, look: ItemFilter) -> bool:
    side, shape = min(item.size), item.size[0] / item.size[1]
    tags = [" ".join(tag.split()) for tag in caption.casefold().replace("，", ",").split(",")]
    kind = "square" if 0.98 <= shape <= 1.02 else "portrait" if shape < 1 else "landscape"
    words = f"{item.name}\n{caption}".casefold()
    return all((
        look.no_caption is None or (not caption.strip()) == look.no_caption,
        look.flagged is None or item.flagged == look.flagged, look.media in ("", item.media),
        not look.min_side or side >= look.min_side, not look.max_side or side <= look.max_side,
        look.aspect in ("", kind), not look.tag or look.tag in tags, all(word in words for word in look.text.casefold().split()),
    ))  # fmt: skip


def expected(ws: Workspace, dataset: str, look: ItemFilter) -> list[str]:
    known = records.read(ws.dataset(dataset)).values()
    left = [item for item in known if fits(item, store.caption(ws, dataset, item.id), look)]
    left.sort(key=lambda item: (natural(item.name), item.id), reverse=look.descending and look.sort == "name")
    values = {
        "added": lambda item: item.added, "size": lambda item: item.size[0] * item.size[1],
        "aspect": lambda item: item.size[0] / item.size[1], "caption": lambda item: len(store.caption(ws, dataset, item.id)),
    }  # fmt: skip
    if look.sort != "name":
        sign = -1 if look.descending else 1
        left.sort(key=lambda item: sign * values[look.sort](item))
    return [item.id for item in left]


@pytest.mark.parametrize("seed", range(4))
def test_every_filter_follows_every_change(tmp_path: Path, seed: int) -> None:
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "x").id
    chance = random.Random(seed)
    add(ws, dataset, range(20))
    count = 20
    for turn in range(25):
        ids = list(records.read(ws.dataset(dataset)))
        some = chance.sample(ids, min(len(ids), 3))
        act = chance.choice(("caption", "flag", "crop", "delete", "restore", "add", "outside"))
        if act == "caption":
            store.write_captions(ws, dataset, {ident: chance.choice(TEXTS) for ident in some}, who="user", title="t")
        elif act in ("flag", "crop"):
            change = (
                {"flagged": chance.random() < 0.6}
                if act == "flag"
                else {"crop": [0, 0, 400, chance.choice((400, 300, 500))]}
            )
            pictures = [ident for ident in some if records.read(ws.dataset(dataset))[ident].media == "image"]
            store.change_items(ws, dataset, dict.fromkeys(pictures, change), who="user", title="t")
        elif act == "delete" and len(ids) > 6:
            store.delete_items(ws, dataset, some)
        elif act == "restore":
            store.restore_items(ws, dataset)
        elif act == "add":
            add(ws, dataset, range(count, count + 3))
            count += 3
        else:
            (ws.dataset(dataset) / "captions" / f"{some[0]}.txt").write_text(f"outside {turn}, red hat", "utf-8")
            index.sync(ws, dataset)
        for look in chance.sample(LOOKS, 6):
            assert index.ids(ws, dataset, look)[0] == expected(ws, dataset, look), (turn, act, look)
    for look in LOOKS:
        wanted = expected(ws, dataset, look)
        assert [item.id for item in index.page(ws, dataset, look, 2, 5).items] == wanted[2:7]
        assert [item.id for item in index.chosen(ws, dataset, look)] == wanted
        assert index.ids(ws, dataset, look, [(1, 2), (4, 4)])[0] == wanted[1:3] + wanted[4:5]
        for at, ident in list(enumerate(wanted))[:3]:
            assert index.place(ws, dataset, look, ident) == at


def test_changes_of_another_process_are_followed(tmp_path: Path) -> None:
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "x").id
    add(ws, dataset, range(10))
    assert index.search(ws, dataset, "lighthouse") == [] and index.totals(ws, dataset)[:2] == (10, 0)
    script = (
        "import sys; from tagtrainer.workspace import open_workspace; from tagtrainer.datasets import store\n"
        "ws = open_workspace(sys.argv[1]); store.write_captions(ws, 'x', {'p_3-x': 'a lighthouse'}, who='u', title='t')\n"
        "store.delete_items(ws, 'x', ['p_4-x'])\n"
    )
    subprocess.run([sys.executable, "-c", script, str(ws.root)], check=True)
    assert index.search(ws, dataset, "lighthouse") == ["p_3-x"]
    assert index.totals(ws, dataset)[:2] == (9, 1)
    for part in ws.root.glob("index.sqlite*"):
        part.unlink()
    assert index.totals(ws, dataset)[:2] == (9, 1)  # another index is read whole


def test_the_next_without_caption_is_found_round_the_end(tmp_path: Path) -> None:
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "x").id
    add(ws, dataset, range(6))
    store.write_captions(ws, dataset, {f"p_{n}-x": "text" for n in (0, 2, 3, 5)}, who="user", title="t")
    look = ItemFilter()
    assert [index.following(ws, dataset, look, after) for after in (-1, 1, 4)] == [
        (1, "p_1-x"),
        (4, "p_4-x"),
        (1, "p_1-x"),
    ]
    assert index.following(ws, dataset, ItemFilter(no_caption=False), 0) is None
