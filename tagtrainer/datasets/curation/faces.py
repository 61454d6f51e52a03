"""Faces of a dataset: found, measured and kept in curation/faces.jsonl, grouped by person. Must not decide what is redundant.

A row holds for a picture as it is shown (crop included) and for the tools that made it; other tools measure anew.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagtrainer.core.files import writing
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.curation import extras
from tagtrainer.datasets.curation.book import Book, Row
from tagtrainer.datasets.curation.face_models import Detector, Embedder, Found, Pixels, Vector, patch
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

AT_ONCE = 20
TINY = 16
"""Side of the grey miniature that tells faces apart that look nothing like each other."""
PERSON = 0.4
"""Vectors at least this alike are one person; SFace's own limit is 0.363 (OpenCV's FaceRecognizerSF, cosine)."""
BLOCK = 512
FEW = 5000
NEAR = 0.9
"""Above FEW faces, those at least this alike stand for each other while people are grouped: DBSCAN needs n x n."""


@dataclass(frozen=True, eq=False)
class Face:
    """The largest face of a picture. `box` and `landmarks` in shares of the picture, `area` in pixels, `count` faces in all.

    vector: length 1, None without an embedding model. tiny: 256 numbers of mean 0 and length 1. finder: whose box it is.
    """

    item: Item
    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]
    vector: Vector | None
    tiny: Vector
    count: int
    finder: str = ""

    @property
    def area(self) -> float:
        """Pixels of the face in the picture that is trained."""
        return self.box[2] * self.item.size[0] * self.box[3] * self.item.size[1]


@dataclass
class FaceReport:
    """`with_face` and `without` count pictures; `known`: measured earlier; `failed`: item, name and reason."""

    with_face: int = 0
    without: int = 0
    known: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)


def tool_of(detector: Detector, embedder: Embedder | None) -> str:
    """What findings are filed under."""
    return f"{detector.name}+{embedder.name}" if embedder is not None else detector.name


def _key(row: Row) -> str:
    return f"{row['item']} {row['tool']}"


def _book(ws: Workspace, dataset: str) -> Book:
    return Book(ws.dataset(dataset) / "curation" / "faces.jsonl", _key)


def finder_of(tool: str) -> str:
    """Whose boxes a tool's findings hold."""
    return tool.partition("+")[0]


def patch_path(ws: Workspace, dataset: str, item: Item, finder: str) -> Path:
    """The picture of an item's face, 112 x 112; made when it is measured. Every finder's boxes are other ones."""
    return ws.dataset(dataset) / "curation" / "faces" / f"{item.id}.{item.stamp}.{finder}.jpg"


def measure(
    ws: Workspace, dataset: str, items: Sequence[Item], detector: Detector, embedder: Embedder | None,
    on_progress: OnProgress = silent,
) -> FaceReport:  # fmt: skip
    """Find and measure the faces of every picture that these tools have not seen yet. One picture's error stops nothing."""
    book, tool, report = _book(ws, dataset), tool_of(detector, embedder), FaceReport()
    pictures = [item for item in items if item.media == "image"]
    rows, waiting = book.rows(), list[Row]()
    todo = [
        item for item in pictures if _fresh(rows, item, tool) is None or not _has_patch(ws, dataset, rows, item, tool)
    ]
    report.known = len(pictures) - len(todo)
    try:
        for number, item in enumerate(todo, 1):
            try:
                waiting.append(_measured(ws, dataset, item, detector, embedder, tool))
            except UserError as error:
                report.failed.append({"item": item.id, "name": item.name, "reason": str(error)})
            if len(waiting) >= AT_ONCE:
                book.add(waiting)
                waiting = []
            on_progress(report.known + number, len(pictures), item.name)
    finally:
        book.add(waiting)
    rows = book.rows()
    fresh = [found for item in pictures if (found := _fresh(rows, item, tool)) is not None]
    report.with_face = sum(bool(found["faces"]) for found in fresh)
    report.without = len(fresh) - report.with_face
    return report


def _fresh(rows: Mapping[str, Row], item: Item, tool: str) -> Row | None:
    row = rows.get(f"{item.id} {tool}")
    return row if row is not None and row.get("stamp") == item.stamp and isinstance(row.get("faces"), list) else None


def _has_patch(ws: Workspace, dataset: str, rows: Mapping[str, Row], item: Item, tool: str) -> bool:
    row = _fresh(rows, item, tool)
    return row is not None and (not row["faces"] or patch_path(ws, dataset, item, finder_of(tool)).exists())


def _measured(
    ws: Workspace, dataset: str, item: Item, detector: Detector, embedder: Embedder | None, tool: str
) -> Row:  # fmt: skip
    picture = _pixels(store.medium_path(ws, dataset, item.id), item)
    found = detector.detect(picture)
    row: Row = {"item": item.id, "stamp": item.stamp, "tool": tool, "count": len(found), "faces": []}
    if found:
        small = patch(picture, found[0])
        _save(small, patch_path(ws, dataset, item, detector.name))
        vector = embedder.embed(picture, found[0]) if embedder is not None else None
        row["faces"] = [_face_row(found[0], picture, vector, small)]
    return row


def _pixels(path: Path, item: Item) -> Pixels:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError("curation.no_picture", name=item.name) from error


def _face_row(face: Found, picture: Pixels, vector: Vector | None, small: Pixels) -> dict[str, Any]:
    height, width = picture.shape[:2]
    x, y, across, down = face.box
    box = [round(value, 5) for value in (x / width, y / height, across / width, down / height)]
    marks = [[round(px / width, 5), round(py / height, 5)] for px, py in face.landmarks]
    grey = Image.fromarray(small).convert("L").resize((TINY, TINY), Image.Resampling.BOX)
    row = {"box": box, "score": round(face.score, 4), "marks": marks, "tiny": _packed(np.asarray(grey, np.uint8))}
    return row if vector is None else {**row, "vector": _packed(vector.astype("<f2"))}


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


def _save(picture: Pixels, path: Path) -> None:
    with writing(path, durable=False) as handle:
        Image.fromarray(picture).save(handle, "JPEG", quality=90)


def faces(ws: Workspace, dataset: str, items: Sequence[Item], tool: str) -> list[Face]:
    """What was measured of the pictures as they are now, in their order; pictures without a face are left out."""
    rows = _book(ws, dataset).rows()
    found = [(item, row) for item in items if (row := _fresh(rows, item, tool)) is not None and row["faces"]]
    return [face for item, row in found if (face := _face(item, row)) is not None]


def _face(item: Item, row: Row) -> Face | None:
    try:
        first = row["faces"][0]
        x, y, width, height = (float(value) for value in first["box"])
        marks = tuple((float(px), float(py)) for px, py in first["marks"])
        grey = np.frombuffer(base64.b64decode(first["tiny"]), np.uint8).astype(np.float32)
        packed = first.get("vector")
        vector = np.frombuffer(base64.b64decode(packed), "<f2").astype(np.float32) if packed else None
        return Face(
            item,
            (x, y, width, height),
            float(first["score"]),
            marks,
            vector,
            _unit(grey - grey.mean()),
            int(row["count"]),
            finder_of(str(row["tool"])),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _unit(values: NDArray[np.float32]) -> Vector:
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, dtype=np.float32)


def tools_used(ws: Workspace, dataset: str) -> list[str]:
    """Tools whose findings are here, the latest last."""
    return list(dict.fromkeys(str(row["tool"]) for row in _book(ws, dataset).rows().values()))


def measured_stamp(ws: Workspace, dataset: str) -> tuple[int, int]:
    """Another one as soon as something more was measured."""
    try:
        status = _book(ws, dataset).path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def people(vectors: NDArray[np.float32], similarity: float = PERSON) -> NDArray[np.int64]:
    """A number for every face, the same for one person: DBSCAN on cosine distance, each lone face a person of its own.

    Raises UserError curation.no_sklearn.
    """
    if len(vectors) == 0:
        return np.zeros(0, dtype=np.int64)
    stands_for = np.arange(len(vectors)) if len(vectors) <= FEW else _leaders(vectors)
    leaders, place = np.unique(stands_for, return_inverse=True)
    clustering = extras.dbscan()(eps=1 - similarity, min_samples=2, metric="cosine")
    labels = np.asarray(clustering.fit(vectors[leaders]).labels_, dtype=np.int64)
    lone = labels < 0
    labels[lone] = labels.max(initial=-1) + 1 + np.arange(int(lone.sum()))
    return np.asarray(labels[place], dtype=np.int64)


def _leaders(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """For every face an earlier one that is very much alike and stands for itself, or itself."""
    stands_for = np.arange(len(vectors), dtype=np.int64)
    free = np.ones(len(vectors), dtype=bool)
    for start in range(0, len(vectors), BLOCK):
        alike = vectors[start : start + BLOCK] @ vectors.T >= NEAR
        for row, near in enumerate(alike, start):
            if free[row]:
                taken = near & free
                stands_for[taken] = row
                free[taken] = False
    return stands_for
