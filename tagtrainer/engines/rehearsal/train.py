"""Step three: gradient descent on the adapters, with the engine's output, files and events. Must not know layers' insides."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np

from tagtrainer.engines.rehearsal import adapters, events, flow, optimizers, samples, setup, timesteps
from tagtrainer.engines.rehearsal.adapters import Norms
from tagtrainer.engines.rehearsal.console import bar, logger, restart_clock
from tagtrainer.engines.rehearsal.layers import Array, Dropout
from tagtrainer.engines.rehearsal.metadata import Facts
from tagtrainer.engines.rehearsal.network import Network
from tagtrainer.engines.rehearsal.saving import Saver
from tagtrainer.engines.rehearsal.setup import Run
from tagtrainer.engines.rehearsal.training_set import Batch

LOG = logger("trainer_base")
SLEEP = "TAGTRAINER_REHEARSAL_STEP_SLEEP"
"""Seconds that every optimizer step takes at least: for tests that stop or kill a training."""


def run(family: str, args: argparse.Namespace) -> None:
    """Train as the options say."""
    if args.show_timesteps:
        setup.check(args)
        timesteps.show(args)
        return
    LOG.info("Rehearsal: a miniature network on the CPU stands in for the model, no weights are read")
    Training(setup.prepare(family, args)).run()


class Training:
    """The loop and its counters."""

    def __init__(self, run: Run) -> None:
        self.work, self.args = run, run.args
        self.step = 0
        self.losses = Losses()
        self.norms: Norms | None = None
        self.facts = Facts(
            architecture=run.architecture, sets=run.sets, items=run.data.items, batches=len(run.data),
            epochs=run.epochs, optimizer=run.optimizer.name, rank=run.plan.rank, alpha=run.plan.alpha,
        )  # fmt: skip
        self.saver = Saver(self.args, self.facts, run.network)
        self.sleep = float(os.environ.get(SLEEP) or 0)

    def run(self) -> None:
        """All epochs, then the final files."""
        self._announce()
        self.events = events.open_for(self.args)
        self.bar = bar(self.args.max_train_steps, "steps", smoothing=0)
        LOG.info("network weights will be saved as torch.float32 (default)")
        self._sample(None)
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(self.facts.epochs):
                self._epoch(epoch)
                if self.step >= self.args.max_train_steps:
                    break
        self.events.close()
        self.saver.at_end(self.step, self.work.memory)
        self.bar.close()

    def _announce(self) -> None:
        args, facts = self.args, self.facts
        print("running training / 学習開始")
        print(f"  num train items / 学習画像、動画数: {facts.items}")
        print(f"  num batches per epoch / 1epochのバッチ数: {facts.batches}")
        print(f"  num epochs / epoch数: {facts.epochs}")
        print(f"  batch size per device / バッチサイズ: {', '.join(str(one.batch_size) for one in self.work.sets)}")
        print(f"  gradient accumulation steps / 勾配を合計するステップ数 = {args.gradient_accumulation_steps}")
        print(f"  total optimization steps / 学習ステップ数: {args.max_train_steps}")

    def _epoch(self, epoch: int) -> None:
        print(f"\nepoch {epoch + 1}/{self.facts.epochs}")
        count = len(self.work.data)
        together = max(1, self.args.gradient_accumulation_steps)
        for place, batch in enumerate(self.work.data.epoch(self.work.memory.rng)):
            loss = backward(self.work.network, batch, self.args, self.work.memory.dropout, 1 / together)
            self.losses.add(epoch, place, loss)
            full = (place + 1) % together == 0 or place + 1 == count
            rate = self._update(epoch) if full else self._rate()
            self._tell(loss, rate)
            if self.step >= self.args.max_train_steps:
                break
        self.events.scalars({"loss/epoch": self.losses.average}, epoch + 1)
        self.saver.after_epoch(self.step, epoch + 1, self.work.memory)
        self._sample(epoch + 1)

    def _tell(self, loss: float, rate: float) -> None:
        """The bar's postfix and one point of every curve."""
        average = self.losses.average
        values = {"loss/current": loss, "loss/average": average, "lr/unet": self.work.optimizer.shown(rate)}
        shown: dict[str, Any] = {"avr_loss": average}
        if self.norms is not None:
            values |= {
                "max_norm/keys_scaled": self.norms.cut, "max_norm/average_key_norm": self.norms.mean,
                "max_norm/max_key_norm": self.norms.largest,
            }  # fmt: skip
            shown |= {"Keys Scaled": self.norms.cut, "Average key norm": self.norms.mean}
        if self.work.loraplus is not None:
            values["lr/unet plus"] = rate * self.work.loraplus
        self.bar.set_postfix(shown)
        self.events.scalars(values, self.step)

    def _rate(self) -> float:
        return (self.args.learning_rate or 0.0) * self.work.schedule(self.work.memory.scheduled)

    def _update(self, epoch: int) -> float:
        """One optimizer step and what is due after it; returns the learning rate from now on."""
        found = list(self.work.network.adapters().values())
        grads = [grad for one in found for grad in (one.down_grad, one.up_grad)]
        optimizers.clip(grads, self.args.max_grad_norm)
        self.work.optimizer.step(grads, self._rate())
        for one in found:
            one.clear()
        if self.args.scale_weight_norms:
            self.norms = adapters.limit(self.work.network, self.args.scale_weight_norms)
        self.work.memory.scheduled += 1
        self.step += 1
        if self.sleep:
            time.sleep(self.sleep)
        self.bar.update(1)
        if self.step == 1:
            restart_clock(self.bar)
        self._sample(None)
        self.saver.after_step(self.step, epoch, self.work.memory)
        return self._rate()

    def _sample(self, epoch: int | None) -> None:
        if self.work.prompts and samples.due(self.args, self.step, epoch):
            at = 0 if self.step == 0 else epoch
            samples.draw(self.args, self.work.network, self.work.prompts, self.step, at)


class Losses:
    """The mean loss of the last epoch's worth of batches, as the engine shows it."""

    def __init__(self) -> None:
        self._known: list[float] = []

    def add(self, epoch: int, place: int, loss: float) -> None:
        """Batch `place` of epoch `epoch` replaces the same place of the epoch before."""
        if epoch == 0 or place >= len(self._known):
            self._known.append(loss)
        else:
            self._known[place] = loss

    @property
    def average(self) -> float:
        """Mean of what is known."""
        return sum(self._known) / len(self._known) if self._known else 0.0


def backward(network: Network, batch: Batch, args: Any, dropout: Dropout, share: float = 1.0) -> float:
    """Draw moments and noise, add up the gradients of `share` of the loss, return the loss."""
    rng = dropout.rng
    moments = flow.sample(args, rng, len(batch.tokens), batch.size)
    noise = rng.standard_normal(batch.tokens.shape).astype(batch.tokens.dtype)
    loss, grad = loss_of(network, batch, moments, noise, args.weighting_scheme, dropout)
    network.backward(grad * np.asarray(share, grad.dtype))
    return loss


def loss_of(
    network: Network, batch: Batch, moments: Array, noise: Array, scheme: str = "none", dropout: Dropout | None = None
) -> tuple[float, Array]:
    """(mean squared error of the velocity, its gradient with respect to the prediction)."""
    noisy = flow.mixed(batch.tokens, noise, moments)
    text: Array = batch.text.astype(network.dtype)
    predicted = network.forward(noisy, moments, batch.grid, text, batch.padding, dropout)
    error = predicted - (noise - batch.tokens)
    counts = flow.weights(scheme, moments)[:, None, None].astype(error.dtype)
    loss = float((counts * error * error).mean(dtype=np.float64))
    return loss, 2 * counts * error / np.asarray(error.size, error.dtype)
