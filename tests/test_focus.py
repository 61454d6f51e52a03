"""datasets/curation/focus: faces on real photographs, what draws the eye, and what a vision model may answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import extras, focus
from tagtrainer.datasets.curation.answers import shares_of
from tagtrainer.datasets.curation.face_models import Found, Haar, patch
from tests.faces import photo

SIZE = (1000, 500)


def overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Share of `other` that lies inside `one`."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down) / (other[2] * other[3])


def test_a_real_face_is_found_and_given_in_pixels_of_the_original(tmp_path: Path) -> None:
    path = photo("astronaut", tmp_path)
    subject = focus.find(path, (2048, 2048), detector=Haar())
    assert subject.source == "face" and subject.score > 0.5
    assert overlap(subject.box, (177 * 4, 66 * 4, 95 * 4, 95 * 4)) == 1, "the whole face"
    assert subject.box[2] < 1000, "and not everything"


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "brick", "hubble_deep_field"])
def test_no_face_is_seen_where_there_is_none(name: str, tmp_path: Path) -> None:
    path = photo(name, tmp_path)
    with Image.open(path) as picture:
        subject = focus.find(path, picture.size, detector=Haar())
    assert subject.source == "saliency"


def test_what_stands_out_is_found_without_any_extra(tmp_path: Path) -> None:
    picture = Image.new("RGB", (600, 400), (90, 120, 90))
    noise = np.random.default_rng(3).integers(0, 12, (400, 600, 3), dtype=np.uint8)
    picture = Image.fromarray(np.asarray(picture) + noise)
    ImageDraw.Draw(picture).ellipse((420, 60, 540, 200), fill=(240, 60, 30))
    path = tmp_path / "a.png"
    picture.save(path)
    subject = focus.find(path, (600, 400))
    middle = (subject.box[0] + subject.box[2] / 2, subject.box[1] + subject.box[3] / 2)
    assert subject.source == "saliency" and abs(middle[0] - 480) < 60 and abs(middle[1] - 130) < 60


def test_a_flat_picture_and_one_without_a_face_fall_back_to_the_centre(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    Image.new("RGB", (90, 60), (7, 7, 7)).save(path)
    assert focus.find(path, (90, 60)) == focus.centre((90, 60))
    assert focus.find(photo("coffee", tmp_path), (600, 400), "face", detector=Haar()).source == "centre"


def test_heads_hold_all_large_faces_and_leave_passers_by_out() -> None:
    faces = [Found((100, 100, 100, 100), 1.0), Found((400, 120, 90, 90), 1.0), Found((900, 10, 20, 20), 1.0)]
    left, top, right, bottom = focus.heads(faces, SIZE)
    assert left < 0.1 and 0.49 < right < 0.6 and top < 0.2 and bottom > 0.4


def test_a_missing_extra_is_a_sentence_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", absent)
    for call, package in ((extras.opencv, "opencv-python-headless<5"), (extras.dbscan, "scikit-learn")):
        with pytest.raises(UserError, match="pip install") as caught:
            call()
        assert package in str(caught.value)


def test_a_face_at_the_edge_still_makes_a_square_patch() -> None:
    picture = np.zeros((50, 80, 3), np.uint8)
    assert patch(picture, Found((-20, 30, 60, 40), 1.0)).shape == (112, 112, 3)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"box": [100, 200, 600, 900]}', (0.1, 0.2, 0.6, 0.9)),
        ('```json\n{"box": [0.1, 0.2, 0.6, 0.9]}\n```', (0.1, 0.2, 0.6, 0.9)),
        ('The subject: {"bbox_2d": [128, 128, 1152, 512]} as asked.', (0.1, 0.2, 0.9, 0.8)),
        ("[[100, 200, 600, 900]]", (0.1, 0.2, 0.6, 0.9)),
        ('[{"box_2d": [100, 200, 600, 900], "label": "dog"}]', (0.1, 0.2, 0.6, 0.9)),
    ],
)
def test_boxes_in_shares_thousandths_and_pixels_are_read(answer: str, expected: tuple[float, ...]) -> None:
    assert shares_of(answer, (1280, 640)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "answer",
    ["", "a dog on the left", '{"box": [1, 2, 3]}', '{"box": [600, 200, 100, 900]}', '{"box": [0, 0, 0, 0]}', '{"box": null}',
     '{"box": [true, 0, 1, 1]}', '{"box": ["1", 2, 3, 4]}', '{"box": [NaN, 0, 1, 1]}', '{"box": [-500, 0, 900, 900]}',
     '{"box": [0, 0, 5000, 5000]}', '{"box": [1e999, 0, 1, 1]}', "[" * 5000],
)  # fmt: skip
def test_other_answers_are_refused(answer: str) -> None:
    with pytest.raises(UserError) as caught:
        shares_of(answer, (1280, 640))
    assert caught.value.key == "curation.no_box"


def test_a_vision_model_is_asked_through_the_given_callable(tmp_path: Path) -> None:
    path, seen = photo("coffee", tmp_path), []

    def ask(shown: Path) -> str:
        seen.append(shown)
        return '{"box": [250, 250, 750, 750]}'

    subject = focus.find(path, (4000, 2000), "vision", ask=ask)
    assert seen == [path] and subject == focus.Subject((1000, 500, 2000, 1000), "vision", 1.0)
    with pytest.raises(UserError):
        focus.find(path, (4000, 2000), "vision")
