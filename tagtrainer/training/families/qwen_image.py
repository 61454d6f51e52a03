"""Qwen-Image: text to picture. Recommendations: the engine's documentation of Qwen-Image (docs/qwen_image.md)."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option, variant
from tagtrainer.training import groups
from tagtrainer.training.family import Family, PathSlot

EVERY = ("cache_latents", "cache_text", "train")


@dataclass(frozen=True)
class QwenImageOptions(
    groups.CompileOptions, groups.PublishOptions, groups.MetadataOptions, groups.LoggingOptions, groups.CachingOptions,
    groups.SavingOptions, groups.SamplingOptions, groups.TimestepOptions, groups.HardwareOptions, groups.AttentionOptions,
    groups.PrecisionOptions, groups.ScheduleOptions, groups.OptimizerOptions, groups.NetworkOptions, groups.DatasetOptions,
):  # fmt: skip
    """The shared groups with this model's defaults, and what only its scripts know."""

    learning_rate: float = variant(groups.OptimizerOptions, "learning_rate", 5e-5)
    discrete_flow_shift: float = variant(groups.TimestepOptions, "discrete_flow_shift", 2.2)
    blocks_to_swap: int = variant(groups.PrecisionOptions, "blocks_to_swap", None, hi=59)
    sample_cfg_scale: float = variant(groups.SamplingOptions, "sample_cfg_scale", 4.0)
    dit: str = option("", "Model (DiT)", group="path", ui_hidden=True, persist=False)
    vae: str = option("", "VAE", group="path", roles=("cache_latents", "train"), ui_hidden=True, persist=False)
    text_encoder: str = option(
        "", "Text encoder", group="path", roles=("cache_text", "train"), ui_hidden=True, persist=False
    )
    model_version: str = option(
        "original", "Model version", group="path", roles=EVERY, choices=("original",), ui_hidden=True
    )
    fp8_vl: bool = option(
        False, "FP8 text encoder", "Holds the text encoder in 8 bits; for GPUs under 16 GB.", group="precision",
        roles=("cache_text", "train"),
    )  # fmt: skip
    vae_tiling: bool = option(
        False,
        "VAE in tiles",
        "Encodes large pictures in pieces: less memory.",
        group="advanced",
        roles=("cache_latents",),
    )
    vae_chunk_size: int = option(
        None,
        "VAE chunk size",
        "Smaller pieces need less memory.",
        kind="int",
        group="advanced",
        roles=("cache_latents",),
        lo=1,
    )
    vae_spatial_tile_sample_min_size: int = option(
        None,
        "VAE tile size",
        "Pixels of a tile; switches tiling on.",
        kind="int",
        group="advanced",
        roles=("cache_latents",),
        lo=64,
    )
    vae_dtype: str = option("", "VAE precision", group="advanced", roles=EVERY[::2], ui_hidden=True)


FAMILY = Family(
    id="qwen_image",
    name="Qwen-Image",
    series="Qwen",
    options=QwenImageOptions,
    slots=(
        PathSlot(
            "dit_path",
            "dit",
            "dit",
            "Qwen-Image model (DiT)",
            "qwen_image_bf16.safetensors; never an fp8_scaled file",
            text="qwen_image_dit",
        ),
        PathSlot(
            "vae_path", "vae", "vae", "Qwen-Image VAE", "qwen_image_vae.safetensors", shared=True, text="qwen_vae"
        ),
        PathSlot(
            "text_encoder_path",
            "text_encoder",
            "text_encoder",
            "Qwen2.5-VL text encoder",
            "qwen_2.5_vl_7b.safetensors",
            shared=True,
            text="qwen_text_encoder",
        ),
    ),
    scripts={
        "cache_latents": "qwen_image_cache_latents",
        "cache_text": "qwen_image_cache_text_encoder_outputs",
        "train": "qwen_image_train_network",
    },
    network_module="networks.lora_qwen_image",
    cache_suffix="qi",
    variant_option="model_version",
    max_blocks_to_swap=59,
    # 60 blocks; 8 projections 3072 x 3072 and 4 of 3072 x 12288 each; a LoRA has (in + out) numbers a rank
    lora_params_per_rank=60 * (8 * (3072 + 3072) + 4 * (3072 + 12288)),
    caption_token_limit=1024,
    vram_gb=(42, 30, 12),
    hub_repos=("Qwen/Qwen-Image",),
    not_offered={
        "config_file": "options are given as arguments; config.toml is our own record",
        "edit": "old form of model_version; editing is another family",
        "edit_plus": "old form of model_version; editing is another family",
        "num_layers": "layered pictures are another family",
        "remove_first_image_from_target": "layered pictures are another family",
        "wandb_api_key": "a key must not stand in a process list; the engine reads WANDB_API_KEY",
        "huggingface_token": "a token must not stand in a process list; the engine reads HF_TOKEN",
        "console_width": "only for showing pictures instead of caching",
        "console_back": "only for showing pictures instead of caching",
        "console_num_images": "only for showing pictures instead of caching",
    },
)
