"""Sample pictures drawn during the training. The prompts become the engine's JSON file; typed ones are options of ours."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class SamplingOptions:
    """What to draw and when. Needs the VAE and the text encoder while training."""

    sample_prompts_text: str = option(
        "", "Sample prompts",
        "One prompt a line; each is drawn at the moments chosen below. Lines with # are left out. Empty: two of the captions.",
        group="sampling", roles=(), emit="never", multiline=True, basic=True,
    )  # fmt: skip
    sample_every_n_epochs: int = option(
        4, "Sample every … epochs", "Empty: not by epochs.", group="sampling", lo=1, basic=True, optional=True
    )
    sample_every_n_steps: int = option(
        None, "Sample every … steps", "Empty: not by steps.", kind="int", group="sampling", lo=1
    )
    sample_at_first: bool = option(
        False, "Sample before the first step", "Shows the model without the LoRA, to compare with.", group="sampling"
    )
    sample_width: int = option(
        1024, "Sample width", "Pixels, multiple of 16.", group="sampling", roles=(), emit="never", lo=64, hi=4096
    )
    sample_height: int = option(
        1024, "Sample height", "Pixels, multiple of 16.", group="sampling", roles=(), emit="never", lo=64, hi=4096
    )
    sample_steps: int = option(
        20, "Sampling steps", "Denoising steps of each sample.", group="sampling", roles=(), emit="never", lo=1, hi=1000
    )
    sample_seed: int = option(
        42, "Sample seed", "The same noise each time, so that samples compare. Empty: random.", group="sampling", roles=(),
        emit="never", lo=0, hi=2**32 - 1, optional=True,
    )  # fmt: skip
    sample_cfg_scale: float = option(
        None, "Sample CFG scale", "How closely samples follow the prompt. Empty: the engine's.", kind="float", group="sampling",
        roles=(), emit="never", lo=0, hi=100,
    )  # fmt: skip
    sample_guidance_scale: float = option(
        None, "Sample guidance", "Embedded guidance, for distilled models. Empty: the engine's own.", kind="float",
        group="sampling", roles=(), emit="never", lo=0, hi=100,
    )  # fmt: skip
    sample_negative: str = option(
        "", "Negative prompt", "What samples should not show.", group="sampling", roles=(), emit="never"
    )
    sample_flow_shift: float = option(
        None, "Sample flow shift", "Empty: the training's flow shift. Always written, because the engine's default is wrong.",
        kind="float", group="sampling", roles=(), emit="never", lo=0,
    )  # fmt: skip
    sample_prompts: str = option("", "Prompt file", group="path", ui_hidden=True, persist=False)
