"""Face finders and face embedders behind two protocols: OpenCV's YuNet and SFace, and its Haar files. Must not know datasets.

Licences: YuNet MIT, SFace Apache-2.0 (weights of OpenCV's model zoo), Haar files Apache-2.0 (inside OpenCV's wheel).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import extras

Pixels = NDArray[np.uint8]
"""Height x width x 3, red first."""
Vector = NDArray[np.float32]
Point = tuple[float, float]
LONGEST_SIDE = 640
"""Faces are looked for at this size: YuNet was trained for faces of 10 to 300 pixels, and Haar sees fewer ghosts."""
LEAST_SIDE = 0.06
"""Haar: faces smaller than this share of the shorter side are not looked for."""
LEAST_SCORE = 0.8
"""YuNet's weights find 97 of the 100 faces that scikit-image ships, and a dog's in 41 photographs; from 0.9 on 78 (measured)."""
FACE_SIDE = 112


@dataclass(frozen=True)
class Found:
    """A face in pixels of the picture. `landmarks`: right eye, left eye, nose, right and left corner of the mouth; or none."""

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[Point, ...] = ()


class Detector(Protocol):
    """Finds faces. `name` goes into the findings, so that those of another one are not mixed in."""

    name: str
    licence: str
    gives_landmarks: bool

    def detect(self, picture: Pixels) -> list[Found]:
        """Every face of the picture, the largest first."""
        ...


class Embedder(Protocol):
    """Turns a face into a vector of length 1 whose angle to another one's tells how alike they are."""

    name: str
    licence: str

    def embed(self, picture: Pixels, face: Found) -> Vector:
        """The vector of one face."""
        ...


class Haar:
    """Boxes only, frontal faces only, no download."""

    name = "haar"
    licence = "Apache-2.0"
    gives_landmarks = False

    def __init__(self) -> None:
        self._cv2 = extras.opencv()
        if not hasattr(self._cv2, "CascadeClassifier") or not hasattr(self._cv2, "data"):
            raise UserError("curation.opencv_5", package=extras.OPENCV)
        path = Path(self._cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
        self._net = self._cv2.CascadeClassifier(str(path))
        if self._net.empty():
            raise UserError("curation.opencv_5", package=extras.OPENCV)

    def detect(self, picture: Pixels) -> list[Found]:
        """The score is the last stage's weight, squeezed into 0..1."""
        small, scale = _shrunk(picture)
        grey = self._cv2.cvtColor(small, self._cv2.COLOR_RGB2GRAY)
        least = max(20, round(min(grey.shape) * LEAST_SIDE))
        boxes, _, weights = self._net.detectMultiScale3(grey, 1.1, 5, minSize=(least, least), outputRejectLevels=True)
        found = [
            Found((float(box[0]), float(box[1]), float(box[2]), float(box[3])), min(1.0, float(weight) / 60))
            for box, weight in zip(boxes, np.ravel(weights), strict=False)
        ]
        return _largest_first([_scaled(face, scale) for face in found])


class YuNet:
    """Boxes and landmarks by a network with the methods of cv2.FaceDetectorYN."""

    name = "yunet"
    licence = "MIT"
    gives_landmarks = True

    def __init__(self, network: Any) -> None:
        self._net = network

    def detect(self, picture: Pixels) -> list[Found]:
        """Rows of the network: box, five points, score."""
        small, scale = _shrunk(picture)
        height, width = small.shape[:2]
        self._net.setInputSize((width, height))
        rows = self._net.detect(np.ascontiguousarray(small[..., ::-1]))[1]
        return _largest_first([_scaled(_of_row(row), scale) for row in (rows if rows is not None else ())])


class SFace:
    """Vectors by a network with the methods of cv2.FaceRecognizerSF."""

    name = "sface"
    licence = "Apache-2.0"

    def __init__(self, network: Any) -> None:
        self._net = network

    def embed(self, picture: Pixels, face: Found) -> Vector:
        """Faces are turned upright by their landmarks; without any the box is taken as it is, which is less exact."""
        turned = np.ascontiguousarray(picture[..., ::-1])
        aligned = self._net.alignCrop(turned, to_row(face)) if face.landmarks else patch(turned, face)
        vector = np.ravel(np.asarray(self._net.feature(aligned), dtype=np.float32))
        length = float(np.linalg.norm(vector))
        return np.asarray(vector / length if length > 0 else vector, dtype=np.float32)


def _shrunk(picture: Pixels) -> tuple[Pixels, float]:
    """(the picture at LONGEST_SIDE at most, how many of its pixels one of the answer's stands for)."""
    height, width = picture.shape[:2]
    scale = max(width, height) / LONGEST_SIDE
    if scale <= 1:
        return picture, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), dtype=np.uint8), scale


def _scaled(face: Found, scale: float) -> Found:
    x, y, width, height = (value * scale for value in face.box)
    return Found((x, y, width, height), face.score, tuple((px * scale, py * scale) for px, py in face.landmarks))


def _of_row(row: Any) -> Found:
    values = [float(value) for value in row]
    points = tuple((values[at], values[at + 1]) for at in range(4, 14, 2))
    return Found((values[0], values[1], values[2], values[3]), values[14], points)


def to_row(face: Found) -> NDArray[np.float32]:
    """A face with landmarks as the row of 15 numbers that OpenCV speaks."""
    flat = [number for point in face.landmarks for number in point]
    return np.asarray([*face.box, *flat, face.score], dtype=np.float32)


def _largest_first(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda face: (-face.box[2] * face.box[3], face.box))


def patch(picture: Pixels, face: Found, side: int = FACE_SIDE) -> Pixels:
    """The face's box as a square picture of `side` pixels; what lies outside the picture is edge."""
    x, y, width, height = face.box
    half, centre = max(width, height) / 2, (x + width / 2, y + height / 2)
    box = (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    pad = int(max(0, -min(box), box[2] - picture.shape[1], box[3] - picture.shape[0])) + 1
    edged = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    left, top, right, bottom = (value + pad for value in box)
    where = (left, top, right, bottom)
    small = Image.fromarray(edged).resize((side, side), Image.Resampling.BILINEAR, box=where, reducing_gap=2.0)
    return np.asarray(small, dtype=np.uint8)


def open_yunet(weights: Path) -> YuNet:
    """YuNet from its file. Raises UserError curation.bad_weights."""
    cv2 = extras.opencv()
    make = getattr(cv2, "FaceDetectorYN", None)
    if make is None:
        raise UserError("curation.opencv_5", package=extras.OPENCV)
    network = _loaded(weights, lambda path: make.create(path, "", (320, 320), LEAST_SCORE, 0.3, 500), cv2)
    _loaded(weights, lambda _path: network.detect(np.zeros((320, 320, 3), np.uint8)), cv2)
    return YuNet(network)


def open_sface(weights: Path) -> SFace:
    """SFace from its file. Raises UserError curation.bad_weights."""
    cv2 = extras.opencv()
    make = getattr(cv2, "FaceRecognizerSF", None)
    if make is None:
        raise UserError("curation.opencv_5", package=extras.OPENCV)
    network = _loaded(weights, lambda path: make.create(path, ""), cv2)
    vector = _loaded(weights, lambda _path: network.feature(np.zeros((FACE_SIDE, FACE_SIDE, 3), np.uint8)), cv2)
    shape = np.shape(vector)
    if len(shape) != 2 or shape[0] != 1 or not 64 <= shape[1] <= 4096:
        raise UserError("curation.bad_weights", path=weights, reason=f"1 x 128 numbers, not {shape}")
    return SFace(network)


def _loaded(weights: Path, load: Callable[[str], Any], cv2: Any) -> Any:
    if not weights.is_file():
        raise UserError("curation.no_weights", path=weights)
    try:
        with _quiet(cv2):
            return load(str(weights))
    except cv2.error as error:
        said = " ".join(str(error).split())
        if "dynamic" in said.lower():
            raise UserError("curation.dynamic_weights", path=weights) from error
        raise UserError("curation.bad_weights", path=weights, reason=_reason(said)) from error


def _reason(said: str) -> str:
    """What OpenCV means, without its source files and numbers."""
    found = re.findall(r"error: \(-?\d+:[^)]*\) (.+?)(?: in function|$)", said)
    return (found[-1] if found else said)[:160]


@contextmanager
def _quiet(cv2: Any) -> Iterator[None]:
    """OpenCV tells what it cannot read on stderr too; the sentence is enough."""
    logging = getattr(getattr(cv2, "utils", None), "logging", None)
    if logging is None:
        yield
        return
    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
