"""What a weights file is, read from its header: which part of which model, how it is stored, whether it is whole.

Reads the first kilobytes only. Must not load weights nor know where they are set.
"""

from __future__ import annotations

import json
import stat
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

LARGEST_HEADER = 100 << 20
LFS_MARK = b"version https://git-lfs.github.com/spec"
FP8 = ("F8_E4M3", "F8_E5M2")


@dataclass(frozen=True)
class Signature:
    """Names of tensors that tell a part. Every one of `all_of` must begin some tensor's name (prefixes of containers removed)."""

    kind: str
    model: str
    all_of: tuple[str, ...]


SIGNATURES = (
    Signature("dit", "Qwen-Image", ("transformer_blocks.0.attn.add_k_proj", "img_in", "txt_norm")),
    Signature("dit", "FLUX.1", ("double_blocks.0.img_attn", "single_blocks.0")),
    Signature("dit", "Wan", ("blocks.0.self_attn.q", "patch_embedding")),
    Signature("dit", "Z-Image", ("noise_refiner.0", "layers.0.attention")),
    Signature("text_encoder", "Qwen2.5-VL", ("visual.blocks.0", "model.layers.0.self_attn.q_proj")),
    Signature("text_encoder", "Qwen2.5-VL", ("model.visual.blocks.0", "model.language_model.layers.0")),
    Signature("text_encoder", "T5", ("encoder.block.0.layer.0.SelfAttention",)),
    Signature("text_encoder", "UMT5", ("blocks.0.attn.q", "token_embedding")),
    Signature("clip", "CLIP-L", ("text_model.encoder.layers.0",)),
    Signature("vae", "Qwen-Image / Wan", ("encoder.downsamples.0", "decoder.middle.0")),
    Signature(
        "vae", "Qwen-Image / Wan", ("encoder.down_blocks.0", "decoder.mid_block", "quant_conv", "encoder.conv_in.bias")
    ),
    Signature("vae", "FLUX.1", ("encoder.down.0.block.0", "decoder.up.0")),
    Signature("lora", "LoRA", ("lora_unet_",)),
    Signature("lora", "LoRA", ("diffusion_model.", "lora_A")),
)
CONTAINERS = ("model.diffusion_model.", "diffusion_model.", "first_stage_model.", "vae.")


@dataclass(frozen=True)
class Weights:
    """`problem` is a text key (weights.*) when the file cannot be used at all; `kind` is "" when it was not recognised."""

    path: Path
    size: int = 0
    kind: str = ""
    model: str = ""
    dtypes: Mapping[str, int] = field(default_factory=dict)
    fp8_scaled: bool = False
    tensors: int = 0
    problem: str = ""


def look(path: Path) -> Weights:
    """What lies at `path`; remembered until the file changes. Never raises."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            diffusers = (path / "config.json").exists() or any(path.glob("*.index.json"))
            return Weights(path, problem="weights.diffusers" if diffusers else "weights.folder")
    except PermissionError:
        return Weights(path, problem="weights.unreadable")
    except (OSError, ValueError):
        return Weights(path, problem="weights.missing")
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device read forever
        return Weights(path, problem="weights.unknown_kind")
    return _look(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _look(path: Path, size: int, _changed: int) -> Weights:
    try:
        if path.suffix.lower() != ".safetensors":
            problem = "" if path.suffix.lower() in (".pth", ".pt", ".ckpt", ".bin") else "weights.unknown_kind"
            return Weights(path, size, problem=problem or _pointer(path))
        header = read_header(path, size)
    except OSError:
        return Weights(path, size, problem="weights.unreadable")
    except ValueError as error:
        return Weights(path, size, problem=_pointer(path) or str(error))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    kind, model = recognise(tensors)
    dtypes: dict[str, int] = {}
    for entry in tensors.values():
        dtypes[entry["dtype"]] = dtypes.get(entry["dtype"], 0) + 1
    scaled = any(name == "scaled_fp8" or name.endswith((".scale_weight", ".weight_scale")) for name in tensors)
    return Weights(path, size, kind, model, dtypes, scaled and any(name in dtypes for name in FP8), len(tensors))


def _pointer(path: Path) -> str:
    with path.open("rb") as handle:
        return "weights.lfs_pointer" if handle.read(len(LFS_MARK)) == LFS_MARK else ""


def read_header(path: Path, size: int | None = None) -> dict[str, Any]:
    """The JSON header of a safetensors file: 8 bytes of length (little endian), then JSON, then the data.

    Raises ValueError with a text key: weights.not_safetensors, or weights.truncated when data that it promises is not there.
    Source: the format's description in the safetensors repository.
    """
    size = path.stat().st_size if size is None else size
    if not size:
        raise ValueError("weights.truncated")
    with path.open("rb") as handle:
        start = handle.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= LARGEST_HEADER or start[:1] == b"<":
            raise ValueError("weights.not_safetensors")
        data = handle.read(length)
    if len(data) < length:
        raise ValueError("weights.truncated")
    try:
        header = json.loads(data)
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        end = max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
        if not all(isinstance(entry["dtype"], str) for entry in tensors):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError("weights.not_safetensors") from error
    if 8 + length + end > size:
        raise ValueError("weights.truncated")
    return dict(header)


def recognise(names: Iterable[str]) -> tuple[str, str]:
    """(kind, model) by the names of the tensors; ("", "") when no signature fits."""
    plain = [_bare(name) for name in names]
    for signature in SIGNATURES:
        if all(any(name.startswith(mark) or f".{mark}" in name for name in plain) for mark in signature.all_of):
            return signature.kind, signature.model
    return "", ""


def _bare(name: str) -> str:
    for container in CONTAINERS:
        if name.startswith(container) and "lora" not in name:
            return name[len(container) :]
    return name
