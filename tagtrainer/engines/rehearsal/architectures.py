"""What tells one model from another in file names and headers. Must not know how anything is computed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """`suffix` stands in cache file names, `name` in their headers; the rest goes into the LoRA's metadata."""

    family: str
    name: str
    suffix: str
    title: str
    implementation: str
    resolution: str
    text_key: str
    step: int = 16


QWEN_IMAGE = Architecture(
    family="qwen_image",
    name="qwen_image",
    suffix="qi",
    title="Qwen-Image/lora",
    implementation="https://github.com/QwenLM/Qwen-Image",
    resolution="1328x1328",
    text_key="varlen_vl_embed",
)
_VARIANTS: dict[str, dict[str, Architecture]] = {"qwen_image": {"original": QWEN_IMAGE}}


def of(family: str, args: argparse.Namespace) -> Architecture:
    """The architecture that the options choose. Raises ValueError for a variant that is not there."""
    variants = _VARIANTS.get(family, {})
    wanted = variant(args)
    if wanted not in variants:
        raise ValueError(
            f"model_version '{wanted}' cannot be rehearsed for {family}; it can be: {', '.join(variants) or 'none'}"
        )
    return variants[wanted]


def variant(args: argparse.Namespace) -> str:
    """The value of --model_version, or what the old flags --edit and --edit_plus mean."""
    if getattr(args, "edit", False):
        return "edit"
    if getattr(args, "edit_plus", False):
        return "edit-2509"
    return getattr(args, "model_version", None) or "original"
