"""Names and contents of the cache files, the engine's to the letter. Must not encode or train.

Header: architecture, width, height (latents), caption1 (text), format_version. The latents' key says their shape.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.buckets import Size
from tagtrainer.engines.rehearsal import tensors
from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.items import Item, Sized

FORMAT = "1.0.1"
LOG = logger("cache_io")
_LATENTS = re.compile(r"^latents_\d+x\d+x\d+_")
_NAME = re.compile(r"^(?P<stem>.*)_(?P<width>\d+)x(?P<height>\d+)$")


def latents_path(folder: str, found: Sized, architecture: Architecture) -> Path:
    """BASE_WWWWxHHHH_SUFFIX.safetensors with the picture's own size."""
    width, height = found.size
    return Path(folder) / f"{found.item.stem}_{width:04d}x{height:04d}_{architecture.suffix}.safetensors"


def text_path(folder: str, item: Item, architecture: Architecture) -> Path:
    """BASE_SUFFIX_te.safetensors."""
    return Path(folder) / f"{item.stem}_{architecture.suffix}_te.safetensors"


def write_latents(path: Path, found: Sized, architecture: Architecture, latents: NDArray[np.float32]) -> None:
    """Latents: channels x 1 x rows x columns."""
    frames, rows, columns = latents.shape[1:]
    header = {
        "architecture": architecture.name, "width": str(found.size[0]), "height": str(found.size[1]),
        "format_version": FORMAT,
    }  # fmt: skip
    tensors.write(path, {f"latents_{frames}x{rows}x{columns}_float32": latents}, header)


def write_text(path: Path, item: Item, architecture: Architecture, encoded: NDArray[np.float32]) -> None:
    """One caption: words x width. Overwriting another caption's cache is said aloud."""
    if path.exists():
        before = tensors.metadata(path).get("caption1")
        if before != item.caption:
            LOG.warning(f"caption mismatch: existing={before}, new={item.caption}, overwrite")
    header = {"architecture": architecture.name, "caption1": item.caption, "format_version": FORMAT}
    tensors.write(path, {f"{architecture.text_key}_float32": encoded}, header)


def read_latents(path: Path) -> NDArray[np.float32]:
    """The latents of a cache file."""
    for name, value in tensors.read(path).items():
        if _LATENTS.match(name):
            return value
    raise KeyError(f"no latents in {path}")


def read_text(path: Path) -> NDArray[np.float32]:
    """The encoded caption of a cache file."""
    return next(iter(tensors.read(path).values()))


def size_in_name(path: Path, architecture: Architecture) -> tuple[str, Size]:
    """(base name, the picture's own size) of a latents cache."""
    found = _NAME.match(path.name.removesuffix(f"_{architecture.suffix}.safetensors"))
    if found is None:
        raise ValueError(f"not a latents cache: {path}")
    return found["stem"], (int(found["width"]), int(found["height"]))


def listed(folder: str, architecture: Architecture, ending: str = "") -> list[Path]:
    """The cache files of a kind in `folder`. Signs like [ ] * ? in its path are patterns here, as in the engine."""
    return sorted(Path(name) for name in glob.glob(f"{folder}/*_{architecture.suffix}{ending}.safetensors"))  # noqa: PTH207


def remove_others(folder: str, architecture: Architecture, ending: str, wanted: Iterable[Path], said_by: str) -> None:
    """Delete the cache files that belong to no item of the dataset: all of them when it has none."""
    names = {path.name for path in wanted}
    for path in listed(folder, architecture, ending):
        if path.name not in names:
            path.unlink(missing_ok=True)
            logger(said_by).info(f"Removed old cache file: {path}")
