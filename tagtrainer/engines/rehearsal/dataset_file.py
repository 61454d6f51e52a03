"""Reads dataset.toml as strictly as the engine does: same keys, same types, same refusals. Must not look at the media."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tagtrainer.core.buckets import Size
from tagtrainer.engines.rehearsal.console import logger

LOG = logger("dataset")

SHARED: dict[str, type | str] = {
    "resolution": "size", "caption_extension": str, "batch_size": int, "num_repeats": int, "enable_bucket": bool,
    "bucket_no_upscale": bool,
}  # fmt: skip
IMAGE: dict[str, type | str] = {
    **SHARED, "image_directory": str, "image_jsonl_file": str, "cache_directory": str, "control_directory": str,
    "multiple_target": bool, "no_resize_control": bool, "control_resolution": "size", "fp_latent_window_size": int,
    "fp_1f_clean_indices": "ints", "fp_1f_target_index": int, "fp_1f_no_post": bool,
}  # fmt: skip
VIDEO: dict[str, type | str] = {
    **SHARED, "video_directory": str, "video_jsonl_file": str, "cache_directory": str, "control_directory": str,
    "target_frames": "ints", "frame_extraction": str, "frame_stride": int, "frame_sample": int, "max_frames": int,
    "source_fps": float, "fp_latent_window_size": int,
}  # fmt: skip


class MultipleInvalid(ValueError):
    """Something in the configuration is not what the engine takes; the message says what and where."""


@dataclass(frozen=True)
class ImageSet:
    """One [[datasets]] of pictures; the defaults are the engine's."""

    resolution: Size = (960, 544)
    caption_extension: str | None = None
    batch_size: int = 1
    num_repeats: int = 1
    enable_bucket: bool = False
    bucket_no_upscale: bool = False
    cache_directory: str = ""
    image_directory: str | None = None
    image_jsonl_file: str | None = None
    control_directory: str | None = None
    no_resize_control: bool = False
    control_resolution: Size | None = None

    def describe(self, number: int) -> str:
        """The block the engine prints for a dataset."""
        rows = [f"[Dataset {number}]", "  is_image_dataset: True"]
        for name in ("resolution", "batch_size", "num_repeats"):
            rows.append(f"  {name}: {getattr(self, name)}")
        rows.append(f'  caption_extension: "{self.caption_extension}"')
        for name in ("enable_bucket", "bucket_no_upscale"):
            rows.append(f"  {name}: {getattr(self, name)}")
        rows.append(f'  cache_directory: "{self.cache_directory}"')
        for name in ("image_directory", "image_jsonl_file", "control_directory"):
            rows.append(f'    {name}: "{getattr(self, name)}"')
        return "\n".join(rows) + "\n"


def load(path: str | Path) -> list[ImageSet]:
    """The datasets of a configuration file (.toml or .json). Raises MultipleInvalid, ValueError, AssertionError."""
    LOG.info(f"Load dataset config from {path}")
    told = _read(Path(path))
    _validate(told)
    general = told.get("general", {})
    if not told.get("datasets"):
        raise AssertionError("datasets should not be an empty iterable")
    sets = [_image_set({**general, **table}) for table in told["datasets"]]
    _require_own_caches(sets)
    for number, found in enumerate(sets):
        LOG.info(found.describe(number))
    return sets


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"file not found / ファイルが見つかりません: {path}")
    text = path.read_text(encoding="utf-8")
    if path.name.lower().endswith(".json"):
        told: dict[str, Any] = json.loads(text)
        return told
    if path.name.lower().endswith(".toml"):
        return tomllib.loads(text)
    raise ValueError(f"not supported config file format / 対応していない設定ファイルの形式です: {path}")


def _validate(told: dict[str, Any]) -> None:
    for name, value in told.items():
        if name == "general":
            _validate_table(value, SHARED, "data['general']")
        elif name == "datasets":
            for number, table in enumerate(value):
                _validate_table(table, _keys(table), f"data['datasets'][{number}]")
        else:
            raise MultipleInvalid(f"extra keys not allowed @ data['{name}']")


def _keys(table: dict[str, Any]) -> dict[str, type | str]:
    return VIDEO if any(name in table for name in ("video_directory", "video_jsonl_file")) else IMAGE


def _validate_table(table: Any, known: dict[str, type | str], place: str) -> None:
    if not isinstance(table, dict):
        raise MultipleInvalid(f"expected a dictionary @ {place}")
    for name, value in table.items():
        if name not in known:
            raise MultipleInvalid(f"extra keys not allowed @ {place}['{name}']")
        wanted = known[name]
        if not _fits(value, wanted):
            shown = "int" if wanted in ("size", "ints") else getattr(wanted, "__name__", wanted)
            raise MultipleInvalid(f"expected {shown} for dictionary value @ {place}['{name}']")


def _fits(value: Any, wanted: type | str) -> bool:
    if wanted == "size":
        return isinstance(value, int) or (
            isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) for side in value)
        )
    if wanted == "ints":
        return isinstance(value, list) and all(isinstance(entry, int) for entry in value)
    assert isinstance(wanted, type)
    return isinstance(value, wanted)


def _image_set(merged: dict[str, Any]) -> ImageSet:
    if not any(merged.get(name) for name in ("image_directory", "image_jsonl_file")):
        raise ValueError("Unsupported architecture: this model takes datasets of images only")
    known = {field.name for field in fields(ImageSet)}
    values = {name: value for name, value in merged.items() if name in known}
    for name in ("resolution", "control_resolution"):
        if name in values:
            side = values[name]
            values[name] = (side, side) if isinstance(side, int) else tuple(side)
    values["cache_directory"] = values.get("cache_directory") or values.get("image_directory") or ""
    assert values["cache_directory"], "cache_directory is required / cache_directoryは必須です"
    return ImageSet(**values)


def _require_own_caches(sets: list[ImageSet]) -> None:
    folders = [found.cache_directory for found in sets]
    if len(set(folders)) != len(folders):
        raise ValueError(
            "cache directory should be unique for each dataset (note that cache directory is image/video directory if "
            "not specified) / cache directory は各データセットごとに異なる必要があります"
            "（指定されていない場合はimage/video directoryが使われるので注意）"
        )
