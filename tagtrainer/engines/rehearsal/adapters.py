"""Puts low-rank adapters into the network, names them as LoRA files do, keeps them in bounds. Must not train them."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.layers import Adapter, Array
from tagtrainer.engines.rehearsal.network import Network

LOG = logger("network")
PREFIX = "lora_unet_"
DEFAULT_RANK = 4


@dataclass(frozen=True)
class Plan:
    """How adapters are made: --network_dim, --network_alpha and what --network_args say about them."""

    rank: int
    alpha: float
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether the module of that dotted name gets an adapter: exclusion first, inclusion brings back."""
        if any(re.fullmatch(pattern, name) for pattern in self.include):
            return True
        return not any(re.fullmatch(pattern, name) for pattern in self.exclude)


def plan(rank: int | None, alpha: float | None, words: Mapping[str, str]) -> Plan:
    """`words` are the key=value pairs of --network_args."""
    wanted = rank if rank is not None else DEFAULT_RANK
    return Plan(wanted, alpha or wanted, _patterns(words, "exclude_patterns"), _patterns(words, "include_patterns"))


def _patterns(words: Mapping[str, str], name: str) -> tuple[str, ...]:
    good = []
    for pattern in ast.literal_eval(words.get(name, "[]")):
        try:
            re.compile(pattern)
        except re.error as error:
            LOG.error(f"Invalid {name} '{pattern}': {error}")
            continue
        good.append(pattern)
    return tuple(good)


def attach(network: Network, wanted: Plan, rng: np.random.Generator) -> int:
    """Give the modules of the plan adapters that change nothing yet (up is zero); returns how many."""
    count = 0
    for name, linear in network.modules():
        inside, outside = linear.weight.shape
        bound = 1 / math.sqrt(inside)
        down: Array = rng.uniform(-bound, bound, (wanted.rank, inside)).astype(network.dtype)
        if not wanted.takes(name):
            continue
        linear.adapter = Adapter(down, np.zeros((outside, wanted.rank), network.dtype), wanted.alpha / wanted.rank)
        count += 1
    return count


def key(name: str) -> str:
    """A module's dotted name as it stands in LoRA files."""
    return PREFIX + name.replace(".", "_")


def tensors(network: Network) -> dict[str, NDArray[np.floating]]:
    """The adapters under the names of a LoRA file."""
    named: dict[str, NDArray[np.floating]] = {}
    for name, adapter in network.adapters().items():
        named[f"{key(name)}.alpha"] = np.asarray(adapter.scale * len(adapter.down), np.float32)
        named[f"{key(name)}.lora_down.weight"] = adapter.down
        named[f"{key(name)}.lora_up.weight"] = adapter.up
    return named


def load(network: Network, named: Mapping[str, Array]) -> int:
    """Put saved weights back; returns how many modules got theirs. Raises RuntimeError for another rank."""
    count = 0
    for name, adapter in network.adapters().items():
        down, up = (named.get(f"{key(name)}.lora_{part}.weight") for part in ("down", "up"))
        if down is None or up is None:
            continue
        if down.shape != adapter.down.shape or up.shape != adapter.up.shape:
            raise RuntimeError(
                f"size mismatch for {key(name)}.lora_down.weight: copying a param with shape {down.shape}, "
                f"the shape in current model is {adapter.down.shape}."
            )
        adapter.down[...], adapter.up[...] = down, up
        count += 1
    return count


def merge(network: Network, named: Mapping[str, Array], multiplier: float) -> int:
    """Add a LoRA file's change to the frozen weights themselves (--base_weights); returns how many modules it changed."""
    count = 0
    for name, linear in network.modules():
        down, up = (named.get(f"{key(name)}.lora_{part}.weight") for part in ("down", "up"))
        if down is None or up is None or (up.shape[0], down.shape[1]) != linear.weight.shape[::-1]:
            continue
        scale = float(named.get(f"{key(name)}.alpha", len(down))) / len(down)
        linear.weight += (multiplier * scale * (up @ down).T).astype(linear.weight.dtype)
        count += 1
    return count


@dataclass(frozen=True)
class Norms:
    """Sizes of the changes after --scale_weight_norms: how many were cut, mean and largest."""

    cut: int
    mean: float
    largest: float


def limit(network: Network, most: float) -> Norms:
    """Scale down every adapter whose change is larger than `most` (Frobenius norm of scale * up @ down)."""
    sizes, cut = [], 0
    for adapter in network.adapters().values():
        size = float(np.linalg.norm(adapter.scale * adapter.up @ adapter.down))
        if size > most:
            factor = math.sqrt(most / size)
            adapter.up *= factor
            adapter.down *= factor
            cut, size = cut + 1, most
        sizes.append(size)
    return Norms(cut, sum(sizes) / max(1, len(sizes)), max(sizes, default=0.0))
