"""datasets/curation/proposals: findings kept and not made twice, decisions, one change for all crops, vision models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store, transfer
from tagtrainer.datasets.curation import proposals
from tagtrainer.datasets.curation.crops import parse_target
from tagtrainer.datasets.curation.face_models import Haar
from tagtrainer.datasets.curation.proposals import Finder
from tagtrainer.workspace import Workspace
from tests.faces import photo
from tests.pictures import jpeg

SQUARE = parse_target("256x256")


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    """Three real photographs, one of them with a face."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("astronaut", "coffee", "rocket"):
        photo(name, folder)
    meta = store.create(ws, "photos")
    transfer.import_paths(ws, meta.id, [folder])
    return meta.id


def test_subjects_are_found_once_and_kept(ws: Workspace, dataset: str) -> None:
    items, finder, seen = store.items(ws, dataset), Finder("auto", Haar()), []
    report = proposals.find_all(ws, dataset, items, finder, lambda n, total, _: seen.append((n, total)))
    assert report.found == 3 and report.sources == {"face": 1, "saliency": 2} and seen[-1] == (3, 3)
    again = proposals.find_all(ws, dataset, items, finder)
    assert again.found == 0 and again.known == 3 and again.sources == report.sources
    assert proposals.find_all(ws, dataset, items, Finder("auto")).found == 3, (
        "without a face finder it is another question"
    )
    assert proposals.known_ways(ws, dataset) == {"auto": 3}


def test_a_cut_off_or_lost_file_of_findings_costs_work_and_nothing_else(ws: Workspace, dataset: str) -> None:
    items = store.items(ws, dataset)
    proposals.find_all(ws, dataset, items, Finder("saliency"))
    path = proposals.path_of(ws, dataset)
    torn = path.with_name("torn")
    torn.write_bytes(path.read_bytes()[:-20] + b'\n[1]\n{"item": 3}\n{"state": "x"}\n\xff\n')
    torn.replace(path)
    assert len(list(proposals.offers(ws, dataset, items, "saliency", SQUARE))) == 2
    assert proposals.find_all(ws, dataset, items, Finder("saliency")).found == 1
    path.unlink()
    assert list(proposals.offers(ws, dataset, items, "saliency", SQUARE)) == []


def test_crops_are_one_change_that_leaves_skipped_ones_and_originals_alone(ws: Workspace, dataset: str) -> None:
    items = store.items(ws, dataset)
    proposals.find_all(ws, dataset, items, Finder("auto", Haar()))
    first, second, third = list(proposals.offers(ws, dataset, items, "auto", SQUARE))
    assert first.item.name == "astronaut.jpg" and first.proposal.box == (0, 0, 512, 512)
    proposals.decide(
        ws, dataset, SQUARE, {second.item.id: ("skipped", None), third.item.id: ("accepted", (8, 8, 200, 200))}
    )
    before = store.media_path(ws, dataset, third.item.id).read_bytes()
    offers = list(proposals.offers(ws, dataset, items, "auto", SQUARE))
    assert [(offer.state, offer.drawn) for offer in offers] == [("open", False), ("skipped", False), ("accepted", True)]
    assert proposals.apply(ws, dataset, offers, SQUARE) == 1, "a whole picture is no crop, a skipped one none either"
    assert store.item(ws, dataset, third.item.id).size == (200, 200)
    assert store.media_path(ws, dataset, third.item.id).read_bytes() == before
    entries, _ = history.entries(ws, dataset)
    assert entries[0].title == "Cropped for 256x256" and entries[0].count == 1
    history.undo(ws, dataset)
    assert store.item(ws, dataset, third.item.id).crop is None


def test_crops_can_all_be_taken_back(ws: Workspace, dataset: str) -> None:
    items = store.items(ws, dataset)
    proposals.find_all(ws, dataset, items, Finder("saliency"))
    assert proposals.apply(ws, dataset, proposals.offers(ws, dataset, items, "saliency", SQUARE), SQUARE) == 2
    assert proposals.reset(ws, dataset, store.items(ws, dataset)) == 2
    assert all(item.crop is None for item in store.items(ws, dataset))
    assert proposals.reset(ws, dataset, store.items(ws, dataset)) == 0


def test_a_decision_must_fit_its_picture(ws: Workspace, dataset: str) -> None:
    item = store.items(ws, dataset)[0]
    with pytest.raises(UserError):
        proposals.decide(ws, dataset, SQUARE, {item.id: ("accepted", (0, 0, 9000, 10))})
    with pytest.raises(UserError):
        proposals.decide(ws, dataset, SQUARE, {"nothing": ("accepted", None)})


def test_a_vision_model_sees_the_whole_medium_picture_and_may_fail_for_one(ws: Workspace, dataset: str) -> None:
    items, shown = store.items(ws, dataset), []
    store.change_items(ws, dataset, {items[0].id: {"crop": [0, 0, 100, 100]}}, who="user", title="x")

    def ask(path: Path) -> str:
        shown.append(path)
        return "no idea" if "coffee" in path.name else '{"box": [100, 100, 500, 500]}'

    finder = Finder("vision", ask=ask, profile="p", workers=2)
    report = proposals.find_all(ws, dataset, items, finder)
    assert report.found == 2 and [row["name"] for row in report.failed] == ["coffee.jpg"] and len(shown) == 3
    assert all(path.parent.name == "medium" for path in shown)
    assert {offer.subject.source for offer in proposals.offers(ws, dataset, items, "vision:p", SQUARE)} == {"vision"}
    assert len(shown) == 3 and proposals.find_all(ws, dataset, items, finder).known == 2


def test_a_server_that_is_not_there_is_given_up_after_a_few(ws: Workspace, tmp_path: Path) -> None:
    for number in range(20):
        jpeg(tmp_path / "many" / f"{number}.jpg", number)
    meta, asked = store.create(ws, "many"), []
    transfer.import_paths(ws, meta.id, [tmp_path / "many"])

    def ask(path: Path) -> str:
        asked.append(path)
        raise UserError("captioning.refused")

    with pytest.raises(UserError):
        proposals.find_all(ws, meta.id, store.items(ws, meta.id), Finder("vision", ask=ask, profile="p", workers=2))
    assert len(asked) < 12
