"""Which noise levels are trained, and how they are weighted."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option

SAMPLINGS = (
    "sigma", "uniform", "sigmoid", "shift", "flux_shift", "flux2_shift", "ideogram4_shift", "qwen_shift", "krea2_shift",
    "logsnr", "qinglong_flux", "qinglong_qwen",
)  # fmt: skip


@dataclass(frozen=True)
class TimestepOptions:
    """The defaults of each model come from its documentation; change them with a reason."""

    timestep_sampling: str = option(
        "shift", "Timestep sampling", "How noise levels are chosen. shift with the model's flow shift is the usual way.",
        group="advanced", choices=SAMPLINGS, optional=False,
    )  # fmt: skip
    discrete_flow_shift: float = option(
        1.0, "Flow shift", "Moves training towards noisier levels; each model has its own.", group="advanced", lo=0
    )
    weighting_scheme: str = option(
        "none", "Loss weighting", "none is right for shifted sampling.", group="advanced",
        choices=("logit_normal", "mode", "cosmap", "sigma_sqrt", "none"),
    )  # fmt: skip
    sigmoid_scale: float = option(1.0, "Sigmoid scale", "Spread of sigmoid and shift sampling.", group="advanced", lo=0)
    logit_mean: float = option(0.0, "Logit mean", "For logit_normal weighting.", group="advanced")
    logit_std: float = option(1.0, "Logit spread", "For logit_normal weighting.", group="advanced", lo=0)
    mode_scale: float = option(1.29, "Mode scale", "For mode weighting.", group="advanced")
    min_timestep: int = option(
        None, "Lowest timestep", "0 to 1000; empty: 0.", kind="int", group="advanced", lo=0, hi=1000
    )
    max_timestep: int = option(
        None, "Highest timestep", "0 to 1000; empty: 1000.", kind="int", group="advanced", lo=0, hi=1000
    )
    preserve_distribution_shape: bool = option(
        False,
        "Keep the distribution's shape",
        "Draws again instead of squeezing when a timestep range is set.",
        group="advanced",
    )
    num_timestep_buckets: int = option(
        None,
        "Timestep buckets",
        "Spreads noise levels evenly over an epoch; for small datasets.",
        kind="int",
        group="advanced",
        lo=2,
    )
    guidance_scale: float = option(
        1.0, "Guidance while training", "Only for guidance-distilled models.", group="advanced", lo=0
    )
    show_timesteps: str = option(
        "", "Show timesteps", "Shows the distribution and ends without training.", group="advanced",
        choices=("image", "console"), ui_hidden=True,
    )  # fmt: skip
