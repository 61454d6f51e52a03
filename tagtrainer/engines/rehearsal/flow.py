"""Rectified flow: which moments are trained, what is asked at each, how much it counts. Must not know the network.

x_t = (1 - t) * picture + t * noise; asked for: noise - picture. t runs from 0 (picture) to 1 (noise).
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from tagtrainer.core.buckets import Size
from tagtrainer.engines.rehearsal.layers import Array

STEPS = 1000


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def shifted(t: Array, shift: float) -> Array:
    """Moves moments towards the noise for a shift above 1: shift * t / (1 + (shift - 1) * t)."""
    return shift * t / (1 + (shift - 1) * t)


def _exp_shift(size: Size, low: float, high: float, last: int) -> float:
    """The resolution-dependent shift of Flux-like models: exp of a line through (256, low) and (last, high) tokens."""
    tokens = (size[0] // 16) * (size[1] // 16)
    return math.exp(low + (high - low) * (tokens - 256) / (last - 256))


def sample(args: argparse.Namespace, rng: np.random.Generator, count: int, size: Size) -> Array:
    """`count` moments as --timestep_sampling says, inside --min_timestep .. --max_timestep. `size` in pixels."""
    low = (args.min_timestep or 0) / STEPS
    high = (args.max_timestep if args.max_timestep is not None else STEPS) / STEPS
    if args.preserve_distribution_shape:
        found: list[float] = []
        while len(found) < count:
            drawn = _draw(args, rng, count, size)
            found += [float(t) for t in drawn if low <= t <= high]
        return np.asarray(found[:count])
    return low + _draw(args, rng, count, size) * (high - low)


def _draw(args: argparse.Namespace, rng: np.random.Generator, count: int, size: Size) -> Array:
    name = args.timestep_sampling
    if name == "uniform":
        return rng.random(count)
    if name == "sigma":
        return _by_weighting(args, rng, count)
    if name in ("logsnr", "qinglong_flux", "qinglong_qwen"):
        return _sigmoid(-(args.logit_mean + args.logit_std * rng.standard_normal(count)) / 2)
    drawn = _sigmoid(args.sigmoid_scale * rng.standard_normal(count))
    if name == "sigmoid":
        return drawn
    shifts: dict[str, Callable[[], float]] = {
        "shift": lambda: args.discrete_flow_shift,
        "flux_shift": lambda: _exp_shift(size, 0.5, 1.15, 4096),
        "qwen_shift": lambda: _exp_shift(size, 0.5, 0.9, 8192),
    }
    return shifted(drawn, shifts.get(name, shifts["shift"])())


def _by_weighting(args: argparse.Namespace, rng: np.random.Generator, count: int) -> Array:
    if args.weighting_scheme == "logit_normal":
        drawn = _sigmoid(args.logit_mean + args.logit_std * rng.standard_normal(count))
    elif args.weighting_scheme == "mode":
        u = rng.random(count)
        drawn = 1 - u - args.mode_scale * (np.cos(np.pi * u / 2) ** 2 - 1 + u)
    else:
        drawn = rng.random(count)
    return shifted(drawn, args.discrete_flow_shift)


def quantiles(args: argparse.Namespace, size: Size, count: int) -> Array:
    """`count` moments spread evenly over where the sampling lies, for a comparison that does not depend on luck."""
    normal = NormalDist()
    even = np.array([normal.inv_cdf((place + 0.5) / count) for place in range(count)])
    return shifted(_sigmoid(args.sigmoid_scale * even), args.discrete_flow_shift)


def mixed(pictures: Array, noise: Array, t: Array) -> Array:
    """Pictures (batch x ...) with noise at moments t (batch,)."""
    wide = t.reshape(-1, *[1] * (pictures.ndim - 1)).astype(pictures.dtype)
    return (1 - wide) * pictures + wide * noise


def weights(scheme: str, t: Array) -> Array:
    """How much each moment counts in the loss (--weighting_scheme)."""
    if scheme == "sigma_sqrt":
        return np.maximum(t, 1e-3) ** -2.0
    if scheme == "cosmap":
        return 2 / (math.pi * (1 - 2 * t + 2 * t**2))
    return np.ones_like(t)
