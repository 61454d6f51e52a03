"""Real photographs and faces for the tests: those that scikit-image ships. Tests are skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def photo(name: str, folder: Path) -> Path:
    """One of scikit-image's photographs as a JPEG in `folder`."""
    data = pytest.importorskip("skimage.data")
    path = folder / f"{name}.jpg"
    Image.fromarray(np.asarray(getattr(data, name)())).convert("RGB").save(path, quality=92)
    return path


def face_patch(number: int) -> Image.Image:
    """One of the 100 real faces (from LFW) that scikit-image ships, 25 x 25 grey, as colour."""
    data = pytest.importorskip("skimage.data")
    grey = np.asarray(data.lfw_subset()[number] * 255, dtype=np.uint8)
    return Image.fromarray(grey).convert("RGB")


def portrait(number: int, at: tuple[int, int] = (220, 120), side: int = 260, size: int = 700) -> Image.Image:
    """A picture with one real face, enlarged, on a wall of one colour that the stand-in network knows to be no face."""
    picture = Image.new("RGB", (size, size), WALL)
    picture.paste(face_patch(number).resize((side, side), Image.Resampling.BICUBIC), at)
    return picture


WALL = (30, 90, 160)


class FaceNetwork:
    """A stand-in with the methods of cv2.FaceDetectorYN: the grey region in front of the blue wall is the face."""

    def __init__(self, landmarks: bool = True) -> None:
        self.landmarks = landmarks
        self.size = (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:
        self.size = size

    def detect(self, picture: np.ndarray) -> tuple[int, np.ndarray | None]:
        """(how many, rows of 15 or None), from a picture with blue first."""
        assert picture.shape[:2] == (self.size[1], self.size[0]), "setInputSize comes first"
        spread = picture.max(axis=2).astype(int) - picture.min(axis=2)
        rows, columns = np.flatnonzero((spread < 40).sum(axis=1) > 20), np.flatnonzero((spread < 40).sum(axis=0) > 20)
        if len(rows) == 0 or len(rows) * len(columns) > 0.8 * spread.size or float(spread.max()) < 60:
            return 0, None
        x, y = float(columns[0]), float(rows[0])
        width, height = float(columns[-1] - columns[0] + 1), float(rows[-1] - rows[0] + 1)
        marks = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
        spots = [value for px, py in marks for value in (x + px * width, y + py * height)]
        return 1, np.asarray([[x, y, width, height, *spots, 0.95]], dtype=np.float32)


class RecognizerNetwork:
    """A stand-in with the methods of cv2.FaceRecognizerSF: a fixed random projection of the aligned patch."""

    def alignCrop(self, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        x, y, width, height = (round(float(value)) for value in face[:4])
        part = Image.fromarray(picture[max(0, y) : y + height, max(0, x) : x + width])
        return np.asarray(part.resize((112, 112)), dtype=np.uint8)

    def feature(self, aligned: np.ndarray) -> np.ndarray:
        assert aligned.shape == (112, 112, 3)
        small = np.asarray(Image.fromarray(aligned).convert("L").resize((14, 14)), dtype=np.float64)
        matrix = np.random.default_rng(5).normal(size=(196, 128))
        return ((small - small.mean()).ravel() @ matrix).astype(np.float32)[None]
