"""What a model family is: its options, weights, scripts and limits. Must not know any family; they are found by scanning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tagtrainer.core.registry import Registry
from tagtrainer.core.text import catalogue, language

SlotKind = Literal["dit", "vae", "text_encoder", "clip"]


@dataclass(frozen=True)
class PathSlot:
    """One weights file a family needs. `option` is the engine's option that gets the path.

    A slot that is `shared` is one file for every family of the series and is typed once. English texts stand here, others in
    the locales under slot.<text>.
    """

    name: str
    option: str
    kind: SlotKind
    label_en: str
    help_en: str = ""
    shared: bool = False
    text: str = ""

    @property
    def label(self) -> str:
        """In the current language."""
        return catalogue(language()).get(f"slot.{self.text}.label", self.label_en)

    @property
    def help(self) -> str:
        """Which file to take, in the current language."""
        return catalogue(language()).get(f"slot.{self.text}.help", self.help_en)


@dataclass(frozen=True)
class Family:
    """A model that can be trained. Everything else about it is computed from this record.

    scripts               role (cache_latents, cache_text, train) -> the engine's script
    cache_suffix          end of cache file names, or a function of the variant
    bucket_step           sides of training sizes are multiples of this
    max_blocks_to_swap    the engine asserts beyond it
    lora_params_per_rank  trained numbers for each rank, for the size of checkpoints
    vram_gb               GB of graphics memory at 1024 x 1024, batch 1, with checkpointing: (16-bit model, scaled FP8 model,
                          FP8 with 45 blocks swapped), from the engine's documentation; None: not known
    hub_repos             tokenizers that the engine fetches from the hub at run time
    not_offered           options of its scripts that are deliberately not declared -> why
    """

    id: str
    name: str
    series: str
    options: type[Any]
    slots: tuple[PathSlot, ...]
    scripts: Mapping[str, str]
    network_module: str
    cache_suffix: str | Callable[[str], str]
    dataset_kinds: tuple[str, ...] = ("image",)
    bucket_step: int = 16
    latent_scale: int = 8
    variant_option: str = ""
    max_blocks_to_swap: int | None = None
    lora_params_per_rank: int = 7_000_000
    caption_token_limit: int | None = None
    vram_gb: tuple[float, float, float] | None = None
    hub_repos: tuple[str, ...] = ()
    not_offered: Mapping[str, str] = field(default_factory=dict)

    def slot_key(self, slot: PathSlot) -> str:
        """Where the settings keep its path: `qwen_image.dit_path`."""
        return f"{self.id}.{slot.name}"


FAMILIES: Registry[Family] = Registry("tagtrainer.training.families", "FAMILY", key=lambda family: family.id)
