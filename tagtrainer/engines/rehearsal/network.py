"""The miniature network: a small transformer with random frozen weights that low-rank adapters bend. Knows no files.

It predicts the velocity noise - picture of a rectified flow. What it starts from is the best that can be said without having
seen any picture (each value on its own); everything it learns about pictures sits in the adapters.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tagtrainer.engines.rehearsal.layers import Adapter, Array, Attention, Linear, Norm, Silu

PATCH = 4 * 4 * 3
"""Numbers of one token: a patch of 4x4 RGB values."""
WIDTH, HIDDEN, HEADS, BLOCKS, TEXT = 64, 128, 4, 3, 64
SPREAD = 0.5
"""Standard deviation of picture values, for the starting point of the prediction."""
_SEED = 20_240_814


class Block:
    """Attention over picture and text tokens, then a small MLP, each added to what came in."""

    NAMES = (
        "attn_to_q", "attn_to_k", "attn_to_v", "attn_add_k_proj", "attn_add_v_proj", "attn_to_out_0",
        "img_mlp_net_0_proj", "img_mlp_net_2",
    )  # fmt: skip

    def __init__(self, rng: np.random.Generator, dtype: type) -> None:
        shapes = [(WIDTH, WIDTH)] * 3 + [(TEXT, WIDTH)] * 2 + [(WIDTH, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH)]
        self.parts = {
            name: Linear((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(dtype))
            for name, shape in zip(self.NAMES, shapes, strict=True)
        }
        self.attention, self.silu = Attention(HEADS), Silu()
        self.norms = Norm(), Norm()

    def forward(self, x: Array, text: Array, hidden: Array | None, drop: Dropout) -> Array:
        part = {name: linear.forward for name, linear in self.parts.items()}
        inner = self.norms[0].forward(x)
        q, k, v = (part[name](inner, drop.rank(self.parts[name])) for name in self.NAMES[:3])
        text_k, text_v = (part[name](text, drop.rank(self.parts[name])) for name in self.NAMES[3:5])
        self._tokens = k.shape[1]
        mixed = self.attention.forward(q, np.concatenate([k, text_k], 1), np.concatenate([v, text_v], 1), hidden)
        x = x + part["attn_to_out_0"](mixed, drop.rank(self.parts["attn_to_out_0"]))
        first, last = self.NAMES[6:]
        inner = part[first](self.norms[1].forward(x), drop.rank(self.parts[first]))
        return x + part[last](self.silu.forward(inner), drop.rank(self.parts[last]))

    def backward(self, grad: Array) -> Array:
        back = {name: linear.backward for name, linear in self.parts.items()}
        first, last = self.NAMES[6:]
        grad = grad + self.norms[1].backward(back[first](self.silu.backward(back[last](grad))))
        q, k, v = self.attention.backward(back["attn_to_out_0"](grad))
        count = self._tokens
        inner = back["attn_to_q"](q) + back["attn_to_k"](k[:, :count]) + back["attn_to_v"](v[:, :count])
        back["attn_add_k_proj"](k[:, count:])
        back["attn_add_v_proj"](v[:, count:])
        return grad + self.norms[0].backward(inner)


class Dropout:
    """Which parts of the adapters rest in this step; without a generator none does."""

    def __init__(self, rng: np.random.Generator | None = None, rank: float = 0.0, module: float = 0.0) -> None:
        self._rng, self._rank, self._module = rng, rank, module

    def rank(self, linear: Linear) -> Array | None:
        """Factors for the ranks of one adapter, or None."""
        if self._rng is None or linear.adapter is None or not (self._rank or self._module):
            return None
        count = len(linear.adapter.down)
        if self._rng.random() < self._module:
            return np.zeros(count, linear.weight.dtype)
        kept = self._rng.random(count) >= self._rank
        return (kept / (1 - self._rank)).astype(linear.weight.dtype)


class Network:
    """Batches of tokens in, velocities out. The frozen part is the same for every run."""

    def __init__(self, dtype: type = np.float32) -> None:
        rng = np.random.default_rng(_SEED)
        self.dtype = dtype
        self._enter: Array = (rng.standard_normal((PATCH, WIDTH)) / np.sqrt(PATCH)).astype(dtype)
        self._moment: Array = (rng.standard_normal((32, WIDTH)) / 4).astype(dtype)
        self.blocks = [Block(rng, dtype) for _ in range(BLOCKS)]
        self._norm = Norm()
        self._leave: Array = (rng.standard_normal((WIDTH, PATCH)) / np.sqrt(WIDTH) * 0.3).astype(dtype)

    def modules(self) -> Iterator[tuple[str, Linear]]:
        """Every map an adapter can bend, by the name that stands in LoRA files (without prefix)."""
        for number, block in enumerate(self.blocks):
            for name, linear in block.parts.items():
                yield f"transformer_blocks_{number}_{name}", linear

    def adapters(self) -> dict[str, Adapter]:
        """The adapters that were put in."""
        return {name: linear.adapter for name, linear in self.modules() if linear.adapter is not None}

    def forward(
        self,
        noisy: Array,
        moment: Array,
        grid: tuple[int, int],
        text: Array,
        padding: Array | None = None,
        drop: Dropout | None = None,
    ) -> Array:
        """Velocity of `noisy` (batch x tokens x 48) at `moment` (batch, 0 = picture, 1 = noise).

        `grid` is (rows, columns) of the tokens, `text` batch x words x 64, `padding` True where a word is none.
        """
        x = noisy @ self._enter + places(grid).astype(self.dtype)
        x = x + (waves(moment, 32).astype(self.dtype) @ self._moment)[:, None]
        hidden = None
        if padding is not None:
            hidden = np.concatenate([np.zeros(noisy.shape[:2], bool), padding], 1)
        for block in self.blocks:
            x = block.forward(x, text, hidden, drop or Dropout())
        return start(noisy, moment) + self._norm.forward(x) @ self._leave

    def backward(self, grad: Array) -> None:
        """Add up the adapters' gradients for the gradient of the loss with respect to the velocity."""
        inner = self._norm.backward(grad @ self._leave.T)
        for block in reversed(self.blocks):
            inner = block.backward(inner)


def start(noisy: Array, moment: Array) -> Array:
    """The best linear guess of noise - picture when all values are independent with standard deviation SPREAD."""
    t = moment[:, None, None]
    clean = (1 - t) * SPREAD**2
    return (noisy * ((t - clean) / (t**2 + (1 - t) * clean))).astype(noisy.dtype)


def waves(values: Array, width: int) -> Array:
    """Sines and cosines of values in 0..1, `width` numbers each."""
    speeds = np.exp(np.linspace(0, np.log(64), width // 2)) * np.pi / 2
    angles = np.asarray(values, np.float64)[..., None] * speeds
    return np.concatenate([np.sin(angles), np.cos(angles)], -1)


def places(grid: tuple[int, int]) -> Array:
    """One vector a token that says where it is: 1 x tokens x WIDTH."""
    rows, columns = (waves((np.arange(count) + 0.5) / count, WIDTH // 2) for count in grid)
    both = np.concatenate(
        [np.repeat(rows[:, None], grid[1], 1), np.repeat(columns[None], grid[0], 0)], -1
    )  # fmt: skip
    return both.reshape(1, grid[0] * grid[1], WIDTH)
