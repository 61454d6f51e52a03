"""Safetensors files in and out, 16-bit kinds included, written whole or not at all. Must not know what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.files import write_bytes

Tensors = Mapping[str, NDArray[Any]]
KINDS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True)
class Packed:
    """One tensor as it stands in a file: kind (F32, F16, BF16), shape, bytes."""

    kind: str
    shape: tuple[int, ...]
    data: bytes


def packed(tensors: Tensors, precision: str = "float32") -> dict[str, Packed]:
    """Tensors ready to be written. `precision`: float32, float16 or bfloat16."""
    return {
        name: Packed(KINDS[precision], np.shape(value), _bytes(np.asarray(value), precision))
        for name, value in sorted(tensors.items())
    }


def _bytes(value: NDArray[Any], precision: str) -> bytes:
    if precision != "bfloat16":
        return np.asarray(value, "<f2" if precision == "float16" else "<f4").tobytes()
    bits = np.ascontiguousarray(value, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()  # to nearest, ties to even


def write(path: Path, tensors: Tensors, metadata: Mapping[str, str], precision: str = "float32") -> None:
    """Write a safetensors file. Raises UserError files.* when it cannot."""
    write_packed(path, packed(tensors, precision), metadata)


def write_packed(path: Path, entries: Mapping[str, Packed], metadata: Mapping[str, str]) -> None:
    """Write what `packed` returned: length of the header, header (padded to 8 bytes), data."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, entry in entries.items():
        begin, end = end, end + len(entry.data)
        header[name] = {"dtype": entry.kind, "shape": list(entry.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    write_bytes(path, b"".join([len(text).to_bytes(8, "little"), text, *(entry.data for entry in entries.values())]))


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every tensor as float32. Raises FileNotFoundError, or SafetensorError for a damaged file."""
    from safetensors import deserialize

    entries = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    return {name: _unpacked(entry) for name, entry in entries}


def _unpacked(entry: dict[str, Any]) -> NDArray[np.float32]:
    data, kind = bytes(entry["data"]), entry["dtype"]
    if kind == "BF16":
        flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        flat = np.frombuffer(data, {"F32": "<f4", "F16": "<f2", "F64": "<f8"}[kind]).astype(np.float32)
    return flat.reshape(entry["shape"])


def metadata(path: Path) -> dict[str, str]:
    """The header's free part."""
    from safetensors import safe_open

    with safe_open(path, "np") as handle:
        return dict(handle.metadata() or {})
