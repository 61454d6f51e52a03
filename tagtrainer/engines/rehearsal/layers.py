"""Layers with their derivatives written out: a frozen linear map with a low-rank adapter, norm, attention. Knows no model.

Every layer keeps what its last `forward` needs for the `backward` that follows; gradients of adapters add up until taken.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class Adapter:
    """A low-rank change of a linear map: y += scale * (x @ down.T) @ up.T. down: rank x in, up: out x rank."""

    down: Array
    up: Array
    scale: float
    down_grad: Array = field(init=False)
    up_grad: Array = field(init=False)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the gradients collected so far."""
        self.down_grad, self.up_grad = np.zeros_like(self.down), np.zeros_like(self.up)


@dataclass
class Dropout:
    """Switches parts of adapters off for one step: single values, whole ranks, whole adapters; the rest weighs more."""

    rng: np.random.Generator
    value: float = 0.0
    rank: float = 0.0
    module: float = 0.0

    def factors(self, low: Array) -> Array | None:
        """Factors for what an adapter has after its first half (... x rank); None when nothing is ever switched off."""
        if not (self.value or self.rank or self.module):
            return None
        if self.rng.random() < self.module:
            return np.zeros_like(low)
        kept = (self.rng.random(low.shape) >= self.value) / (1 - self.value)
        ranks = (self.rng.random(low.shape[-1]) >= self.rank) / (1 - self.rank)
        return (kept * ranks).astype(low.dtype)


class Linear:
    """y = x @ weight, with x (..., in); the weight never changes, the adapter (if any) is what is trained."""

    def __init__(self, weight: Array) -> None:
        self.weight = weight
        self.adapter: Adapter | None = None
        self._x: Array = np.empty(0)
        self._low: Array = np.empty(0)
        self._keep: Array | None = None

    def forward(self, x: Array, dropout: Dropout | None = None) -> Array:
        self._x = x
        if self.adapter is None:
            return x @ self.weight
        self._low = x @ self.adapter.down.T
        self._keep = dropout.factors(self._low) if dropout else None
        if self._keep is not None:
            self._low = self._low * self._keep
        return x @ self.weight + (self._low @ self.adapter.up.T) * self.adapter.scale

    def backward(self, grad: Array) -> Array:
        """Gradient with respect to x; the adapter's own gradients are added up."""
        back = grad @ self.weight.T
        adapter = self.adapter
        if adapter is None:
            return back
        through = (grad @ adapter.up) * adapter.scale
        if self._keep is not None:
            through = through * self._keep
        adapter.up_grad += adapter.scale * flat(grad).T @ flat(self._low)
        adapter.down_grad += flat(through).T @ flat(self._x)
        return back + through @ adapter.down


def flat(x: Array) -> Array:
    """All leading axes as one."""
    return x.reshape(-1, x.shape[-1])


class Norm:
    """Root-mean-square norm over the last axis, without weights."""

    def forward(self, x: Array) -> Array:
        self._inverse = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
        self._y = x * self._inverse
        return self._y

    def backward(self, grad: Array) -> Array:
        return self._inverse * (grad - self._y * (grad * self._y).mean(-1, keepdims=True))


class Silu:
    """x * sigmoid(x)."""

    def forward(self, x: Array) -> Array:
        self._x, self._gate = x, 1 / (1 + np.exp(-x))
        return x * self._gate

    def backward(self, grad: Array) -> Array:
        return grad * (self._gate * (1 + self._x * (1 - self._gate)))


class Attention:
    """Scaled dot-product attention over `heads` heads. q: batch x tokens x width; k, v may have other token counts."""

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def forward(self, q: Array, k: Array, v: Array, hidden: Array | None = None) -> Array:
        """`hidden` (batch x tokens of k) is True where a key is padding and must not be seen."""
        self._q, self._k, self._v = self._apart(q), self._apart(k), self._apart(v)
        self._factor = 1 / np.sqrt(self._q.shape[-1]).astype(q.dtype)
        scores = self._q @ self._k.swapaxes(-1, -2) * self._factor
        if hidden is not None:
            scores = np.where(hidden[:, None, None, :], np.asarray(-1e9, q.dtype), scores)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        self._weights = scores / scores.sum(-1, keepdims=True)
        return self._together(self._weights @ self._v)

    def backward(self, grad: Array) -> tuple[Array, Array, Array]:
        """Gradients with respect to q, k and v."""
        split = self._apart(grad)
        v_grad = self._weights.swapaxes(-1, -2) @ split
        seen = split @ self._v.swapaxes(-1, -2)
        scores = self._weights * (seen - (seen * self._weights).sum(-1, keepdims=True)) * self._factor
        return (
            self._together(scores @ self._k),
            self._together(scores.swapaxes(-1, -2) @ self._q),
            self._together(v_grad),
        )

    def _apart(self, x: Array) -> Array:
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(0, 2, 1, 3)

    def _together(self, x: Array) -> Array:
        batch, heads, tokens, width = x.shape
        return x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width)
