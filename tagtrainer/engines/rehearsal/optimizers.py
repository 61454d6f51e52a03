"""Optimizers by the engine's names, in NumPy. Must not know what the numbers mean.

Those of other libraries are rehearsed by AdamW, and the log says so.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tagtrainer.engines.rehearsal.layers import Array

State = dict[str, NDArray[Any]]


class Optimizer(Protocol):
    """Changes parameters in place."""

    name: str

    def step(self, grads: list[Array], rate: float) -> None:
        """One step with these gradients at this learning rate."""
        ...

    def shown(self, rate: float) -> float:
        """The learning rate that curves show."""
        ...

    def state(self) -> State:
        """Everything it remembers."""
        ...

    def restore(self, state: State) -> None:
        """Back to what `state` returned."""
        ...


class _Base:
    """`reach` holds a factor on the learning rate for every parameter; weight decay knows nothing of it."""

    slots: tuple[str, ...] = ()

    def __init__(self, name: str, parameters: list[Array], reach: list[float], **settings: Any) -> None:
        self.name, self.parameters, self.reach = name, parameters, reach
        self.settings = settings
        self.count = 0
        self.memory: dict[str, list[Array]] = {
            slot: [np.zeros_like(parameter) for parameter in parameters] for slot in self.slots
        }

    def shown(self, rate: float) -> float:
        """The learning rate that curves show."""
        return rate

    def state(self) -> State:
        found: State = {"count": np.asarray(self.count), "groups": np.asarray(len(set(self.reach)))}
        for slot, arrays in self.memory.items():
            found.update({f"{slot}.{place}": array for place, array in enumerate(arrays)})
        return found

    def restore(self, state: State) -> None:
        expected = 2 + sum(len(arrays) for arrays in self.memory.values())
        if len(state) != expected or int(state.get("groups", 0)) != len(set(self.reach)):
            raise ValueError("loaded state dict has a different number of parameter groups")
        self.count = int(state["count"])
        for slot, arrays in self.memory.items():
            for place, array in enumerate(arrays):
                array[...] = state[f"{slot}.{place}"]


class Adam(_Base):
    """Adam, and with `decoupled` AdamW."""

    slots = ("first", "second")
    decoupled = False

    def step(self, grads: list[Array], rate: float) -> None:
        self.count += 1
        beta1, beta2 = self.settings.get("betas", (0.9, 0.999))
        decay = self.settings.get("weight_decay", 0.01 if self.decoupled else 0.0)
        eps = self.settings.get("eps", 1e-8)
        for parameter, grad, reach, first, second in zip(
            self.parameters, grads, self.reach, self.memory["first"], self.memory["second"], strict=True
        ):
            if self.decoupled:
                parameter *= 1 - rate * decay
            elif decay:
                grad = grad + decay * parameter
            first += (1 - beta1) * (grad - first)
            second += (1 - beta2) * (grad * grad - second)
            wide = np.sqrt(second / (1 - beta2**self.count)) + eps
            parameter -= rate * reach * (first / (1 - beta1**self.count)) / wide


class AdamW(Adam):
    """Adam with its weight decay apart from the gradient."""

    decoupled = True


class Sgd(_Base):
    """Plain steps down the gradient, with momentum if asked for."""

    slots = ("speed",)

    def step(self, grads: list[Array], rate: float) -> None:
        momentum = self.settings.get("momentum", 0.0)
        for parameter, grad, reach, speed in zip(self.parameters, grads, self.reach, self.memory["speed"], strict=True):
            speed *= momentum
            speed += grad + self.settings.get("weight_decay", 0.0) * parameter
            parameter -= rate * reach * speed
        self.count += 1


class RmsProp(_Base):
    """Steps scaled by the running size of the gradient."""

    slots = ("square",)

    def step(self, grads: list[Array], rate: float) -> None:
        alpha, eps = self.settings.get("alpha", 0.99), self.settings.get("eps", 1e-8)
        for parameter, grad, reach, square in zip(
            self.parameters, grads, self.reach, self.memory["square"], strict=True
        ):
            square *= alpha
            square += (1 - alpha) * grad * grad
            parameter -= rate * reach * grad / (np.sqrt(square) + eps)
        self.count += 1


class Adafactor(_Base):
    """Second moments kept as row and column means; steps clipped to a root mean square of 1."""

    slots = ("second",)

    def step(self, grads: list[Array], rate: float) -> None:
        self.count += 1
        beta = 1 - self.count**-0.8
        limit = self.settings.get("clip_threshold", 1.0)
        for parameter, grad, reach, second in zip(
            self.parameters, grads, self.reach, self.memory["second"], strict=True
        ):
            second *= beta
            second += (1 - beta) * (grad * grad + 1e-30)
            rows, columns = second.mean(1, keepdims=True), second.mean(0, keepdims=True)
            change = grad / (np.sqrt(rows / rows.mean()) * np.sqrt(columns))
            change /= max(1.0, float(np.sqrt((change * change).mean())) / limit)
            parameter -= self._rate(rate, parameter, reach) * change

    def shown(self, rate: float) -> float:
        """That of the first parameter: each has its own."""
        return self._rate(rate, self.parameters[0], 1.0)

    def _rate(self, rate: float, parameter: Array, reach: float) -> float:
        """A relative step is a share of the parameter's own size, so it fits a network of any width without `reach`."""
        if not self.settings.get("relative_step", True):
            return rate * reach
        own = min(1e-2, max(1, self.count) ** -0.5)
        return own * max(1e-3, float(np.sqrt((parameter * parameter).mean())))


_KNOWN: dict[str, type[_Base]] = {"adamw": AdamW, "adafactor": Adafactor}
_TORCH: dict[str, type[_Base]] = {"AdamW": AdamW, "Adam": Adam, "SGD": Sgd, "RMSprop": RmsProp, "Adafactor": Adafactor}
_ADAM_LIKE = ("NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "ASGD", "Rprop", "Muon")
_CLASS_NAMES = {
    "adamw": "torch.optim.adamw.AdamW",
    "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit",
    "adafactor": "transformers.optimization.Adafactor",
}


def make(name: str, settings: dict[str, Any], parameters: list[Array], reach: list[float]) -> tuple[Optimizer, bool]:
    """(optimizer, whether it is really the one named). Raises AttributeError for a name the engine would not find."""
    lower = name.lower()
    if lower in _KNOWN:
        return _KNOWN[lower](_CLASS_NAMES[lower], parameters, reach, **settings), True  # type: ignore[return-value]
    if lower == "adamw8bit":
        return AdamW(_CLASS_NAMES[lower], parameters, reach, **settings), False
    if "." in name:
        return AdamW(name, parameters, reach, **_common(settings)), False
    if name in _TORCH:
        return _TORCH[name](f"torch.optim.{name.lower()}.{name}", parameters, reach, **settings), True  # type: ignore[return-value]
    if name in _ADAM_LIKE:
        return AdamW(f"torch.optim.{name.lower()}.{name}", parameters, reach, **_common(settings)), False
    raise AttributeError(f"module 'torch.optim' has no attribute '{name}'")


def _common(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in ("betas", "eps", "weight_decay")}


def clip(grads: list[Array], limit: float) -> float:
    """Scale gradients down so that their common norm is at most `limit` (0: leave them); returns the norm before."""
    norm = float(np.sqrt(sum(float((grad.astype(np.float64) ** 2).sum()) for grad in grads)))
    if limit and norm > limit:
        for grad in grads:
            grad *= limit / (norm + 1e-6)
    return norm
