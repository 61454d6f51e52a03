"""Checkpoints and states: when they are due, how they are called, which old ones go. Must not train."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tagtrainer.core.files import write_bytes, write_text
from tagtrainer.engines.rehearsal import adapters, metadata, tensors
from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.layers import Dropout
from tagtrainer.engines.rehearsal.metadata import Facts
from tagtrainer.engines.rehearsal.network import Network
from tagtrainer.engines.rehearsal.optimizers import Optimizer

LOG = logger("train_utils")
ACCELERATOR = logger("accelerator")
PRECISIONS = {None: "float32", "float": "float32", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class Saver:
    """Writes the files of one run into --output_dir, over files of the same name, as the engine does."""

    def __init__(self, args: argparse.Namespace, facts: Facts, network: Network) -> None:
        self.args, self.facts, self.network = args, facts, network

    def after_step(self, step: int, epoch: int, memory: Memory) -> None:
        """What is due after optimizer step `step` in epoch `epoch` (from 0)."""
        every = self.args.save_every_n_steps
        if not every or step % every:
            return
        self._write(f"{self.args.output_name}-step{step:08d}", step, epoch)
        if self.args.save_state:
            LOG.info("")
            LOG.info(f"saving state at step {step}")
            memory.save(self._path(f"{self.args.output_name}-step{step:08d}-state"))
        self._forget_steps(step, every)

    def _forget_steps(self, step: int, every: int) -> None:
        span, state_span = self.args.save_last_n_steps, self.args.save_last_n_steps_state
        for kind, wanted in (("", span), ("-state", state_span or span)):
            if wanted is None:
                continue
            old = step - wanted - 1
            old -= old % every
            if old > 0:
                self._remove(f"{self.args.output_name}-step{old:08d}{kind}")

    def after_epoch(self, step: int, epoch: int, memory: Memory) -> None:
        """What is due after epoch `epoch` (from 1); the last one is the final file's."""
        every = self.args.save_every_n_epochs
        if not every or epoch % every or epoch >= self.facts.epochs:
            return
        self._write(f"{self.args.output_name}-{epoch:06d}", step, epoch)
        self._forget_epochs(epoch, every, "", self.args.save_last_n_epochs)
        if self.args.save_state:
            LOG.info("")
            LOG.info(f"saving state at epoch {epoch}")
            memory.save(self._path(f"{self.args.output_name}-{epoch:06d}-state"))
            count = self.args.save_last_n_epochs_state
            self._forget_epochs(epoch, every, "-state", count or self.args.save_last_n_epochs)

    def _forget_epochs(self, epoch: int, every: int, kind: str, count: int | None) -> None:
        old = epoch - every * count if count is not None else 0
        if old > 0:
            self._remove(f"{self.args.output_name}-{old:06d}{kind}")

    def at_end(self, step: int, memory: Memory) -> None:
        """The final state and file."""
        if self.args.save_state or self.args.save_state_on_train_end:
            LOG.info("")
            LOG.info("saving last state.")
            memory.save(self._path(f"{self.args.output_name}-state"))
        self._write(self.args.output_name, step, self.facts.epochs)
        logger("trainer_base").info("model saved.")

    def _path(self, name: str) -> Path:
        return Path(self.args.output_dir) / name

    def _write(self, name: str, step: int, epoch: int) -> None:
        path = self._path(f"{name}.safetensors")
        print(f"\nsaving checkpoint: {path}")
        entries = tensors.packed(adapters.tensors(self.network), PRECISIONS[self.args.save_precision])
        told = metadata.header(self.args, self.facts, step, epoch, metadata.digest(entries))
        tensors.write_packed(path, entries, told)

    def _remove(self, name: str) -> None:
        if name.endswith("-state"):
            if self._path(name).is_dir():
                LOG.info(f"removing old state: {self._path(name)}")
                shutil.rmtree(self._path(name))
            return
        path = self._path(f"{name}.safetensors")
        if path.exists():
            print(f"removing old checkpoint: {path}")
            path.unlink()


class Memory:
    """What a run needs to go on: adapters, optimizer, place in the schedule, random numbers.

    The files are called as the engine calls them; their content is ours (npz and JSON, nothing is unpickled).
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        rng: np.random.Generator,
        resting: tuple[float, float, float] = (0, 0, 0),
    ) -> None:
        self.network, self.optimizer, self.rng = network, optimizer, rng
        self.dropout = Dropout(rng, *resting)
        self.scheduled = 0

    def save(self, folder: Path) -> None:
        """Write a state folder; the random numbers come last, so a folder with them is whole."""
        ACCELERATOR.info(f"Saving current state to {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "random_states_0.pkl").unlink(missing_ok=True)
        tensors.write(
            folder / "model.safetensors", adapters.tensors(self.network), {"format": "np", metadata.MARK: "1"}
        )
        packed = io.BytesIO()
        np.savez(packed, **self.optimizer.state())  # type: ignore[arg-type]
        write_bytes(folder / "optimizer.bin", packed.getvalue())
        write_text(folder / "scheduler.bin", json.dumps({"last_epoch": self.scheduled}))
        write_text(folder / "random_states_0.pkl", json.dumps(self.rng.bit_generator.state))
        ACCELERATOR.info(f"Random states saved in {folder / 'random_states_0.pkl'}")

    def load(self, folder: Path) -> None:
        """Go on from a state folder. Raises ValueError, FileNotFoundError, RuntimeError when it is not there or does not fit."""
        if not folder.is_dir():
            raise ValueError(f"Tried to find {folder} but folder does not exist")
        adapters.load(self.network, tensors.read(folder / "model.safetensors"))
        with np.load(folder / "optimizer.bin", allow_pickle=False) as told:
            self.optimizer.restore({name: told[name] for name in told.files})
        self.scheduled = _json(folder / "scheduler.bin")["last_epoch"]
        self.rng.bit_generator.state = _json(folder / "random_states_0.pkl")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
