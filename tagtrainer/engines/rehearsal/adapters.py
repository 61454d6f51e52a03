"""Puts low-rank adapters into the network, and names them as LoRA files do. Must not train them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tagtrainer.engines.rehearsal.layers import Adapter, Array
from tagtrainer.engines.rehearsal.network import Network

PREFIX = "lora_unet_"
DEFAULT_RANK = 4


def attach(network: Network, rank: int | None, alpha: float | None, rng: np.random.Generator) -> int:
    """Give every module an adapter that changes nothing yet (up is zero); returns how many."""
    wanted = rank if rank is not None else DEFAULT_RANK
    scale = (alpha or wanted) / wanted
    count = 0
    for _, linear in network.modules():
        inside, outside = linear.weight.shape
        bound = 1 / math.sqrt(inside)
        down: Array = rng.uniform(-bound, bound, (wanted, inside)).astype(network.dtype)
        linear.adapter = Adapter(down, np.zeros((outside, wanted), network.dtype), scale)
        count += 1
    return count


def tensors(network: Network) -> dict[str, NDArray[np.floating]]:
    """The adapters under the names of a LoRA file."""
    named: dict[str, NDArray[np.floating]] = {}
    for name, adapter in network.adapters().items():
        named[f"{PREFIX}{name}.alpha"] = np.asarray(adapter.scale * len(adapter.down), np.float32)
        named[f"{PREFIX}{name}.lora_down.weight"] = adapter.down
        named[f"{PREFIX}{name}.lora_up.weight"] = adapter.up
    return named


def load(network: Network, named: dict[str, NDArray[np.float32]]) -> int:
    """Put saved weights back; returns how many modules got theirs. Raises RuntimeError for another rank."""
    count = 0
    for name, adapter in network.adapters().items():
        down = named.get(f"{PREFIX}{name}.lora_down.weight")
        up = named.get(f"{PREFIX}{name}.lora_up.weight")
        if down is None or up is None:
            continue
        if down.shape != adapter.down.shape or up.shape != adapter.up.shape:
            raise RuntimeError(
                f"size mismatch for {PREFIX}{name}.lora_down.weight: copying a param with shape {down.shape}, "
                f"the shape in current model is {adapter.down.shape}."
            )
        adapter.down[...], adapter.up[...] = down, up
        count += 1
    return count
