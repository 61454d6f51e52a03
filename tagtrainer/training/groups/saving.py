"""Checkpoints and states: when, how many, how exact, and going on from one."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class SavingOptions:
    """Where to save is the app's business; every run has its own folder."""

    save_every_n_epochs: int = option(
        1, "Save every … epochs", "A checkpoint after so many epochs; empty: only the last.", group="saving", lo=1, basic=True,
        optional=True,
    )  # fmt: skip
    save_every_n_steps: int = option(
        None, "Save every … steps", "A checkpoint after so many steps.", kind="int", group="saving", lo=1
    )
    save_last_n_epochs: int = option(
        None,
        "Keep the last … epochs",
        "Older epoch checkpoints are deleted. Empty: all are kept.",
        kind="int",
        group="saving",
        lo=1,
    )
    save_last_n_steps: int = option(
        None,
        "Keep checkpoints of the last … steps",
        "A span of steps, not a number of files.",
        kind="int",
        group="saving",
        lo=1,
    )
    save_precision: str = option(
        "bf16", "Precision of the files", "bf16 halves the size; the engine's own default is fp32.", group="saving",
        choices=("float", "fp32", "fp16", "bf16"),
    )  # fmt: skip
    save_state: bool = option(
        False,
        "Save states too",
        "Everything needed to go on after a stop; about three times a checkpoint each.",
        group="saving",
    )
    save_state_on_train_end: bool = option(
        False, "Save a state at the end", "So that the run can be made longer.", group="saving"
    )
    save_last_n_epochs_state: int = option(
        None, "Keep states of the last … epochs", "Older states are deleted.", kind="int", group="saving", lo=1
    )
    save_last_n_steps_state: int = option(
        None, "Keep states of the last … steps", "A span of steps.", kind="int", group="saving", lo=1
    )
    resume: str = option(
        "", "Go on from a state", "Folder of a saved state of the same network.", group="saving", path="folder"
    )
    output_dir: str = option("", "Output folder", group="path", ui_hidden=True, persist=False)
    output_name: str = option("", "Output name", group="path", ui_hidden=True, persist=False)
