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
