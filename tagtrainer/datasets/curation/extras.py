"""Optional packages, imported only when they are used. Must not be imported for anything else than that."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from tagtrainer.core.text import UserError

OPENCV = "opencv-python-headless<5"
"""OpenCV 5 has lost the face finder that works without a download."""


def has_opencv() -> bool:
    """Whether faces can be looked for at all; imports nothing."""
    return importlib.util.find_spec("cv2") is not None


def opencv() -> Any:
    """The module cv2. Raises UserError curation.no_opencv."""
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise UserError("curation.no_opencv", package=OPENCV, reason=error) from error


def dbscan() -> Any:
    """scikit-learn's DBSCAN. Raises UserError curation.no_sklearn."""
    try:
        return importlib.import_module("sklearn.cluster").DBSCAN
    except ImportError as error:
        raise UserError("curation.no_sklearn", package="scikit-learn", reason=error) from error


def similarity() -> Any:
    """scikit-image's structural_similarity. Raises UserError curation.no_skimage."""
    try:
        return importlib.import_module("skimage.metrics").structural_similarity
    except ImportError as error:
        raise UserError("curation.no_skimage", package="scikit-image", reason=error) from error
