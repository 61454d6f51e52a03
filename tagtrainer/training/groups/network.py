"""The LoRA itself: its size, what it attaches to, what it starts from."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class NetworkOptions:
    """Rank and alpha first; the rest is for experiments."""

    network_dim: int = option(
        16, "Rank", "Size of the LoRA. Higher learns more detail, makes larger files and overfits sooner.", group="basic",
        lo=1, hi=1024, basic=True, optional=False,
    )  # fmt: skip
    network_alpha: float = option(
        16.0, "Alpha", "Strength of what is learnt: effect = alpha / rank. Equal to the rank is a safe choice.", group="basic",
        lo=0.001, hi=4096, basic=True, optional=False,
    )  # fmt: skip
    network_module: str = option(
        "",
        "Network module",
        "The engine's module that builds the LoRA. Empty: the right one for this model.",
        group="advanced",
    )
    network_dropout: float = option(
        None, "Network dropout", "Share of the LoRA's inputs dropped in each step, against overfitting.", kind="float",
        group="advanced", lo=0, hi=1,
    )  # fmt: skip
    network_args: tuple[str, ...] = option(
        (), "Network arguments",
        "One key=value a line: loraplus_lr_ratio=4, rank_dropout=0.1, module_dropout=0.1, exclude_patterns, include_patterns.",
        group="advanced",
    )  # fmt: skip
    network_weights: str = option(
        "",
        "Start from a LoRA",
        "Weights of an earlier LoRA to go on from, without its optimizer.",
        group="advanced",
        path="file",
    )
    base_weights: tuple[str, ...] = option(
        (),
        "Merge LoRAs first",
        "LoRA files that are merged into the model before training, one a line.",
        group="advanced",
        path="file",
    )
    base_weights_multiplier: tuple[str, ...] = option(
        (), "Their strengths", "One number for each merged LoRA, one a line.", group="advanced", when="base_weights"
    )
    scale_weight_norms: float = option(
        None, "Limit weight norms", "Scales weights down when their norm grows beyond this (1 is usual).", kind="float",
        group="advanced", lo=0,
    )  # fmt: skip
    dim_from_weights: bool = option(
        False, "Rank from the weights", "Does not work in this version of the engine.", group="advanced", ui_hidden=True
    )
