"""datasets/curation/faces, portraits, redundancy: measured once, grouped by person, redundant only by all the rules.

The networks are stand-ins with the methods of OpenCV's classes; the faces are real ones that scikit-image ships.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tagtrainer.core.fields import specs
from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store, transfer
from tagtrainer.datasets.curation import extras, faces, portraits, redundancy
from tagtrainer.datasets.curation.face_models import Found, Haar, SFace, YuNet, patch
from tagtrainer.datasets.curation.faces import Face
from tagtrainer.datasets.curation.portraits import PortraitRules
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace
from tests.faces import FaceNetwork, RecognizerNetwork, portrait

RULES = PortraitRules()


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    """Two people: one four times (twice the same shot in other light, once moved, once smaller), one once; and a wall."""
    folder = tmp_path / "in"
    folder.mkdir()
    first, second = portrait(0), portrait(7)
    first.save(folder / "a1.png")
    ImageEnhance.Brightness(first).enhance(1.04).save(folder / "a2.png")
    first.resize((700, 700)).crop((2, 2, 696, 696)).save(folder / "a3.jpg", quality=90)
    portrait(0, at=(60, 330)).save(folder / "a4.png")
    second.save(folder / "b1.png")
    Image.effect_noise((400, 400), 40).convert("RGB").save(folder / "wall.png")
    ident = store.create(ws, "people").id
    transfer.import_paths(ws, ident, [folder])
    return ident


def tools() -> tuple[YuNet, SFace]:
    return YuNet(FaceNetwork()), SFace(RecognizerNetwork())


def names(verdict: redundancy.Verdict) -> set[str]:
    return {face.item.name for face, _ in verdict.redundant()}


def test_faces_are_measured_once_and_again_after_a_crop(ws: Workspace, dataset: str) -> None:
    detector, embedder = tools()
    items = store.items(ws, dataset)
    report = faces.measure(ws, dataset, items, detector, embedder)
    assert (report.with_face, report.without, report.known) == (5, 1, 0) and report.failed == []
    assert faces.measure(ws, dataset, items, detector, embedder).known == 6
    found = faces.faces(ws, dataset, items, faces.tool_of(detector, embedder))
    assert len(found) == 5 and all(face.vector is not None and len(face.landmarks) == 5 for face in found)
    assert all(faces.patch_path(ws, dataset, face.item, face.finder).exists() for face in found)
    store.change_items(ws, dataset, {items[0].id: {"crop": [0, 0, 300, 300]}}, who="user", title="x")
    assert faces.measure(ws, dataset, store.items(ws, dataset), detector, embedder).known == 5


def test_every_finder_has_its_own_patches(ws: Workspace, dataset: str) -> None:
    """Those of the finder before would say how alike the faces of this one are."""
    detector, other = YuNet(FaceNetwork()), YuNet(FaceNetwork())
    other.name = "other"
    items = store.items(ws, dataset)
    for finder in (detector, other):
        assert faces.measure(ws, dataset, items, finder, None).known == 0
    assert faces.measure(ws, dataset, items, detector, None).known == 6
    paths = {faces.patch_path(ws, dataset, face.item, face.finder) for face in faces.faces(ws, dataset, items, "yunet")}
    assert len(paths) == 5 and all(path.exists() for path in paths)
    assert not paths & {faces.patch_path(ws, dataset, item, "other") for item in items}


@pytest.mark.parametrize(
    ("x", "y", "larger"), [(0, 0, 1.0), (3, -2, 1.0), (0, 0, 1.027), (2, 1, 1.027), (-2, 2, 0.973)]
)
def test_a_box_a_few_pixels_off_costs_little(
    ws: Workspace, dataset: str, x: int, y: int, larger: float
) -> None:  # as much as YuNet's boxes of resized and recompressed copies differ
    from tests.faces import photo

    with Image.open(photo("astronaut", ws.root)) as picture:
        whole = np.asarray(picture.convert("RGB"))
    one = Found((178.0, 65.0, 91.0, 111.0), 0.9)
    side = 111 * larger
    middle = (178 + 45.5 + x * 0.7, 65 + 55.5 + y * 0.7)
    other = Found((middle[0] - side / 2, middle[1] - side / 2, side, side), 0.9)
    patches = redundancy.Patches(ws, dataset)
    first, second = (Image.fromarray(patch(whole, found)).convert("L") for found in (one, other))
    assert patches._best(first, second) >= RULES.ssim_sure


def test_same_face_pose_and_framing_is_redundant_and_nothing_else(ws: Workspace, dataset: str) -> None:
    detector, embedder = tools()
    items, tool = store.items(ws, dataset), faces.tool_of(detector, embedder)
    faces.measure(ws, dataset, items, detector, embedder)
    verdict = redundancy.judge(ws, dataset, items, tool, PortraitRules(portrait_keep=1))
    assert names(verdict) <= {"a1.png", "a2.png", "a3.jpg"} and len(names(verdict)) == 2, "a4 stands elsewhere"
    assert verdict.left_out == [] and verdict.without == 1
    assert [person.count for person in verdict.people] == [4, 1]
    assert len(redundancy.judge(ws, dataset, items, tool, RULES).redundant()) == 1, "two are kept by default"
    why = next(iter(redundancy.reasons(verdict).values()))
    assert "face 0." in why or "face 1." in why
    assert "pose" in why and "SSIM" in why


def test_the_rest_is_removed_as_one_change_and_comes_back(ws: Workspace, dataset: str) -> None:
    detector, embedder = tools()
    items = store.items(ws, dataset)
    faces.measure(ws, dataset, items, detector, embedder)
    verdict = redundancy.judge(ws, dataset, items, faces.tool_of(detector, embedder), PortraitRules(portrait_keep=1))
    spared = verdict.redundant()[0][0].item.id
    assert redundancy.remove(ws, dataset, verdict, [spared]) == 1
    assert len(store.items(ws, dataset)) == 5 and any(item.id == spared for item in store.items(ws, dataset))
    entry = history.entries(ws, dataset)[0][0]
    assert entry.count == 1 and entry.kind == "delete"
    history.undo(ws, dataset)
    assert len(store.items(ws, dataset)) == 6


def test_without_a_model_boxes_and_patches_decide_and_the_verdict_says_so(ws: Workspace, dataset: str) -> None:
    items, detector = store.items(ws, dataset), YuNet(FaceNetwork(landmarks=False))
    detector.gives_landmarks = False
    faces.measure(ws, dataset, items, detector, None)
    verdict = redundancy.judge(ws, dataset, items, "yunet", PortraitRules(portrait_keep=1))
    assert "b1.png" not in names(verdict) and len(names(verdict)) >= 1
    assert any("SFace" in line for line in verdict.left_out)


def test_missing_packages_leave_things_out_and_stop_nothing(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, embedder = tools()
    items = store.items(ws, dataset)
    faces.measure(ws, dataset, items, detector, embedder)

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", absent)
    verdict = redundancy.judge(ws, dataset, items, faces.tool_of(detector, embedder), PortraitRules(portrait_keep=1))
    assert sum("pip install" in line for line in verdict.left_out) == 2
    assert len(verdict.people) == 1 and names(verdict), "sure faces are still the same"
    found, left_out, _ = redundancy.redundant(ws, dataset, 2)
    assert found == {} and "opencv" in left_out[0]


def test_haar_alone_works_from_end_to_end(ws: Workspace, tmp_path: Path) -> None:
    from tests.faces import photo

    with Image.open(photo("astronaut", tmp_path)) as picture:
        for number, bright in enumerate((1.0, 1.05, 0.96)):
            ImageEnhance.Brightness(picture).enhance(bright).save(tmp_path / f"x{number}.png")
    (tmp_path / "astronaut.jpg").unlink()
    ident = store.create(ws, "one").id
    transfer.import_paths(ws, ident, [tmp_path / f"x{number}.png" for number in range(3)])
    found, left_out, counted = redundancy.redundant(ws, ident, 2)
    assert counted == (3, 0) and len(found) == 1 and len(left_out) == 2
    assert Haar().detect(np.zeros((64, 64, 3), np.uint8)) == []


def vectors_of(people: int, each: int, spread: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(people, 128)), each, axis=0)
    found = centres + spread * random.normal(size=centres.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("few", [10_000, 50])
def test_people_are_told_apart_also_when_there_are_many_pictures(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "FEW", few)
    labels = faces.people(vectors_of(6, 40, 0.25))
    assert len(set(labels)) == 6 and all(len(set(labels[at * 40 : at * 40 + 40])) == 1 for at in range(6))
    lone = faces.people(vectors_of(5, 1, 0.0))
    assert len(set(lone)) == 5 and len(faces.people(np.zeros((0, 128), np.float32))) == 0


def face(
    vector: list[float] | None, box: tuple[float, float, float, float] = (0.4, 0.2, 0.2, 0.2), turn: float = 0.0
) -> Face:
    """A face made by hand: its nose `turn` eye distances to the side."""
    x, y, width, height = box
    marks = ((0.3, 0.4), (0.7, 0.4), (0.5 + 0.4 * turn, 0.6), (0.35, 0.8), (0.65, 0.8))
    spots = tuple((x + px * width, y + py * height) for px, py in marks)
    item = Item(f"i{id(box)}{turn}", "i.jpg", ".jpg", 1000, 1000, 1, "0" * 64, 0.0)
    array = None if vector is None else np.asarray(vector, np.float32)
    return Face(item, box, 0.9, spots, array, np.ones(256, np.float32) / 16, 1)


def at(similarity: float) -> list[float]:
    return [similarity, float(np.sqrt(1 - similarity**2))]


@pytest.mark.parametrize(
    ("similarity", "ssim", "turn", "same"),
    [
        (0.90, None, 0.0, True), (0.84, None, 0.0, False), (0.80, 0.85, 0.0, True), (0.80, 0.75, 0.0, False),
        (0.74, 0.99, 0.0, False), (0.95, 0.99, 0.4, False), (0.95, 0.99, 0.1, True), (None, 0.91, 0.0, True),
        (None, 0.89, 0.0, False), (None, None, 0.0, False),
    ],
)  # fmt: skip
def test_the_defaults_decide_as_they_say(similarity: float | None, ssim: float | None, turn: float, same: bool) -> None:
    one = face(None if similarity is None else [1.0, 0.0])
    other = face(None if similarity is None else at(similarity), turn=turn)
    look = None if ssim is None else (lambda _one, _other: ssim)
    assert (portraits.compare(one, other, RULES, look) is not None) == same


@pytest.mark.parametrize(
    ("box", "same"),
    [((0.45, 0.2, 0.2, 0.2), True), ((0.55, 0.2, 0.2, 0.2), False), ((0.35, 0.15, 0.3, 0.3), True),
     ((0.3, 0.1, 0.4, 0.4), False)],
)  # fmt: skip
def test_framing_is_the_same_within_the_tolerance_in_centre_and_size(
    box: tuple[float, float, float, float], same: bool
) -> None:
    found = portraits.persons([face([1.0, 0.0]), face([1.0, 0.0], box)], RULES, None)
    assert (len(found[0].groups) == 1) == same


def test_pose_is_read_from_landmarks() -> None:
    straight, turned = portraits.pose_of(face(None)), portraits.pose_of(face(None, turn=0.35))
    assert straight is not None and turned is not None
    assert max(abs(angle) for angle in straight) < 3 and 20 < turned[1] < 40
    assert portraits.pose_similarity(face(None), face(None)) == pytest.approx(1)


def test_the_rules_are_declared_once_with_help() -> None:
    found = specs(PortraitRules)
    assert all(spec.help_en and spec.label_en for spec in found.values())
    assert [spec.default for spec in found.values()] == [2, 0.75, 0.85, 0.7, 0.8, 0.9, 0.1]


def test_a_network_that_sees_no_landmarks_still_embeds() -> None:
    picture = np.asarray(portrait(0), np.uint8)
    vector = SFace(RecognizerNetwork()).embed(picture, Found((200, 100, 200, 200), 0.9))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_no_opencv_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(UserError, match="pip install"):
        Haar()
