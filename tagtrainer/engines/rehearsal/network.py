"""The miniature network: a small transformer with random frozen weights that low-rank adapters bend. Knows no files.

It predicts the velocity noise - picture of a rectified flow. What it starts from is the best that can be said without having
seen one of the pictures (tokens.spread, each frequency on its own); everything it learns about pictures sits in the adapters.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tagtrainer.engines.rehearsal.layers import Adapter, Array, Attention, Dropout, Linear, Norm, Silu
from tagtrainer.engines.rehearsal.tokens import NUMBERS, Grid, filtered, spread

WIDTH, HIDDEN, HEADS, BLOCKS, TEXT = 128, 256, 4, 3, 64
_SEED = 20_240_814


class Block:
    """Attention over picture and text tokens, then a small MLP, each added to what came in."""

    NAMES = (
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.add_k_proj", "attn.add_v_proj", "attn.to_out.0",
        "img_mlp.net.0.proj", "img_mlp.net.2",
    )  # fmt: skip

    def __init__(self, rng: np.random.Generator, dtype: type) -> None:
        shapes = [(WIDTH, WIDTH)] * 3 + [(TEXT, WIDTH)] * 2 + [(WIDTH, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH)]
        self.parts = {
            name: Linear((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(dtype))
            for name, shape in zip(self.NAMES, shapes, strict=True)
        }
        self.q, self.k, self.v, self.text_k, self.text_v, self.out, self.wide, self.narrow = self.parts.values()
        self.attention, self.silu = Attention(HEADS), Silu()
        self.before_attention, self.before_mlp = Norm(), Norm()

    def forward(self, x: Array, text: Array, hidden: Array | None, dropout: Dropout | None) -> Array:
        inner = self.before_attention.forward(x)
        q, k, v = (part.forward(inner, dropout) for part in (self.q, self.k, self.v))
        text_k, text_v = (part.forward(text, dropout) for part in (self.text_k, self.text_v))
        self._tokens = k.shape[1]
        mixed = self.attention.forward(q, np.concatenate([k, text_k], 1), np.concatenate([v, text_v], 1), hidden)
        x = x + self.out.forward(mixed, dropout)
        inner = self.silu.forward(self.wide.forward(self.before_mlp.forward(x), dropout))
        return x + self.narrow.forward(inner, dropout)

    def backward(self, grad: Array) -> Array:
        inner = self.wide.backward(self.silu.backward(self.narrow.backward(grad)))
        grad = grad + self.before_mlp.backward(inner)
        q, k, v = self.attention.backward(self.out.backward(grad))
        count = self._tokens
        inner = self.q.backward(q) + self.k.backward(k[:, :count]) + self.v.backward(v[:, :count])
        self.text_k.backward(k[:, count:])
        self.text_v.backward(v[:, count:])
        return grad + self.before_attention.backward(inner)


class Network:
    """Batches of tokens in, velocities out. The frozen part is the same for every run."""

    def __init__(self, dtype: type = np.float32) -> None:
        rng = np.random.default_rng(_SEED)
        self.dtype = dtype
        self._enter: Array = (rng.standard_normal((NUMBERS, WIDTH)) / np.sqrt(NUMBERS)).astype(dtype)
        self._moment: Array = (rng.standard_normal((32, WIDTH)) / 4).astype(dtype)
        self._caption: Array = (rng.standard_normal((TEXT, WIDTH)) / np.sqrt(4 * TEXT)).astype(dtype)
        self.blocks = [Block(rng, dtype) for _ in range(BLOCKS)]
        self._norm = Norm()
        self._leave: Array = (rng.standard_normal((WIDTH, NUMBERS)) / np.sqrt(WIDTH)).astype(dtype)

    def modules(self) -> Iterator[tuple[str, Linear]]:
        """Every map an adapter can bend, by its dotted name."""
        for number, block in enumerate(self.blocks):
            for name, linear in block.parts.items():
                yield f"transformer_blocks.{number}.{name}", linear

    def adapters(self) -> dict[str, Adapter]:
        """The adapters that were put in."""
        return {name: linear.adapter for name, linear in self.modules() if linear.adapter is not None}

    def forward(
        self,
        noisy: Array,
        moment: Array,
        grid: Grid,
        text: Array,
        padding: Array | None = None,
        dropout: Dropout | None = None,
    ) -> Array:
        """Velocity of `noisy` (batch x tokens x 48) at `moment` (batch, 0 = picture, 1 = noise).

        `grid` is (rows, columns) of the tokens, `text` batch x words x 64, `padding` True where a word is none.
        """
        first, size, unsure = before(moment, grid)
        x = filtered(noisy, grid, 1 / size) @ self._enter + places(grid).astype(self.dtype)
        x = x + (waves(moment, 32).astype(self.dtype) @ self._moment)[:, None]
        padding = np.zeros(text.shape[:2], bool) if padding is None else padding
        x = x + (pooled(text, padding) @ self._caption)[:, None]
        hidden = np.concatenate([np.zeros(noisy.shape[:2], bool), padding], 1)
        for block in self.blocks:
            x = block.forward(x, text, hidden, dropout)
        self._grid, self._unsure = grid, unsure
        return filtered(noisy, grid, first) + filtered(self._norm.forward(x) @ self._leave, grid, unsure)

    def backward(self, grad: Array) -> None:
        """Add up the adapters' gradients for the gradient of the loss with respect to the velocity."""
        inner = self._norm.backward(filtered(grad, self._grid, self._unsure) @ self._leave.T)
        for block in reversed(self.blocks):
            inner = block.backward(inner)


def before(moment: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """What is known of the velocity before any training, for each frequency of a picture, at moments (batch,).

    With x = (1-t) p + t n, p of standard deviation `spread` and n of 1, both normal: the best guess of n - p is the first
    result times x; the second is the size of x, the third the size of what the guess misses.
    """
    t = moment[:, None, None, None]
    known = spread(grid)
    size = np.sqrt(t**2 + ((1 - t) * known) ** 2)
    return (t - (1 - t) * known**2) / size**2, size, known / size


def pooled(text: Array, padding: Array) -> Array:
    """All words of each caption as one vector of about the size of one word: batch x 64."""
    words = ~padding[..., None]
    return (text * words).sum(1) / np.sqrt(words.sum(1)).astype(text.dtype)


def waves(values: Array, width: int) -> Array:
    """Sines and cosines of values in 0..1, `width` numbers each."""
    speeds = np.exp(np.linspace(0, np.log(64), width // 2)) * np.pi / 2
    angles = np.asarray(values, np.float64)[..., None] * speeds
    return np.concatenate([np.sin(angles), np.cos(angles)], -1)


def places(grid: Grid) -> Array:
    """One vector a token that says where it is: 1 x tokens x WIDTH."""
    rows, columns = (waves((np.arange(count) + 0.5) / count, WIDTH // 2) for count in grid)
    both = np.concatenate(
        [np.repeat(rows[:, None], grid[1], 1), np.repeat(columns[None], grid[0], 0)], -1
    )  # fmt: skip
    return both.reshape(1, grid[0] * grid[1], WIDTH)
