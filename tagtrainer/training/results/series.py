"""A curve in memory: points, their running average, thinning for a plot. Must not know where the points come from."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMOOTHING = 0.97
"""Weight of the past in the running average; losses of single steps scatter several times wider than they fall."""
MOST_POINTS = 400_000
"""A longer curve is thinned to half by minimum and maximum, so that memory stays below 5 MB a curve."""


@dataclass(frozen=True)
class Curve:
    """Points of one tag in order of step. `ema` is the running average at each point; values may be NaN or infinite."""

    tag: str
    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    ema: NDArray[np.float32]
    revision: int = 0
    """Grows with every change: an unchanged number means an unchanged curve."""

    def __len__(self) -> int:
        return len(self.steps)


class Series:
    """A growing curve. The running average is carried on point by point and corrected for its start, as TensorBoard does."""

    def __init__(self, tag: str, most: int = MOST_POINTS) -> None:
        self.tag = tag
        self.revision = 0
        self._most = most
        self._steps, self._values, self._ema = array("q"), array("f"), array("f")
        self._sum = self._weight = 0.0

    def append(self, step: int, value: float) -> None:
        """Add a point. A step before the last one means that the run went back: the points from there on are dropped."""
        if self._steps and step < self._steps[-1]:
            self.cut(step)
        self._steps.append(step)
        self._values.append(_single(value))
        self._ema.append(self._average(value))
        self.revision += 1
        if len(self._steps) > self._most:
            self._thin()

    def _average(self, value: float) -> float:
        if math.isfinite(value):
            self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * value
            self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        return self._sum / self._weight if self._weight else math.nan

    def cut(self, step: int) -> None:
        """Drop the points from `step` on."""
        keep = len(self._steps)
        while keep and self._steps[keep - 1] >= step:
            keep -= 1
        if keep == len(self._steps):
            return
        del self._steps[keep:], self._values[keep:], self._ema[keep:]
        self.revision += 1
        self._sum = self._weight = 0.0
        for value in self._values:
            self._average(value)

    def _thin(self) -> None:
        picked = picks(*self._arrays()[:2], columns=self._most // 4)
        for name in ("_steps", "_values", "_ema"):
            old = getattr(self, name)
            setattr(self, name, array(old.typecode, (old[i] for i in picked.tolist())))

    def _arrays(self) -> tuple[Any, Any, Any]:
        import numpy as np

        return np.array(self._steps, np.int64), np.array(self._values, np.float32), np.array(self._ema, np.float32)

    def curve(self) -> Curve:
        """A copy that no later point changes."""
        return Curve(self.tag, *self._arrays(), revision=self.revision)


def _single(value: float) -> float:
    """`value` as single precision holds it; too large ones become infinite instead of an error."""
    return value if math.isnan(value) or abs(value) < 3.4e38 else math.copysign(math.inf, value)


def picks(steps: Any, values: Any, columns: int) -> NDArray[np.intp]:
    """Indices of the points worth drawing: first, last, and in each of `columns` equal ranges of steps the lowest, the
    highest and, where there is one, a value that is no number. At most 2 * columns + 2, or 3 * columns + 2 with such values.
    """
    import numpy as np

    count = len(steps)
    if count <= 2 * columns + 2:
        return np.arange(count)
    span = max(1, int(steps[-1]) - int(steps[0]))
    column = np.minimum((steps - steps[0]) * columns // span, columns - 1)
    bad = ~np.isfinite(values)
    found = [np.array([0, count - 1])]
    for worst, reduce in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        found.append(_extreme(column, np.where(bad, worst, values), reduce, ~bad))
    where = np.flatnonzero(bad)
    found.append(where[np.unique(column[where], return_index=True)[1]])
    return np.unique(np.concatenate(found))


def _extreme(column: Any, values: Any, reduce: Any, usable: Any) -> Any:
    """The first index, in each column, of its extreme value."""
    import numpy as np

    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    best = np.repeat(reduce.reduceat(values, starts), np.diff(np.r_[starts, len(values)]))
    where = np.flatnonzero((values == best) & usable)
    return where[np.unique(column[where], return_index=True)[1]]


def decimate(x: Any, y: Any, columns: int = 999) -> tuple[NDArray[Any], NDArray[Any]]:
    """`x` (ascending) and `y` thinned to what a plot of `columns` pixels shows; spikes stay, a plain stride hides them."""
    import numpy as np

    x, y = np.asarray(x), np.asarray(y, float)
    chosen = picks(x, y, columns)
    return x[chosen], y[chosen]
