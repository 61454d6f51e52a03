"""Numbers and memory: precision, block swap, checkpointing, data loading, several GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class PrecisionOptions:
    """What a smaller GPU needs. Sources of the figures: the engine's documentation, named in the presets."""

    mixed_precision: str = option(
        "bf16", "Mixed precision", "bf16 on every GPU since RTX 30; fp16 on older ones.", group="precision",
        choices=("no", "fp16", "bf16"), optional=False,
    )  # fmt: skip
    fp8_base: bool = option(
        False, "FP8 model", "Holds the model in 8 bits: about half the memory. Best together with scaled FP8.", group="precision",
        basic=True,
    )  # fmt: skip
    fp8_scaled: bool = option(
        False,
        "Scaled FP8",
        "Converts 16-bit weights to better 8-bit ones when loading. Needs FP8 model.",
        group="precision",
    )
    blocks_to_swap: int = option(
        None, "Blocks to swap", "Model blocks kept in main memory: less GPU memory, slower, much RAM.", kind="int",
        group="precision", lo=0, basic=True,
    )  # fmt: skip
    gradient_checkpointing: bool = option(
        True,
        "Gradient checkpointing",
        "Computes parts twice to save a lot of GPU memory. Keep it on.",
        group="precision",
    )
    gradient_checkpointing_cpu_offload: bool = option(
        False, "Checkpoints in main memory", "Moves checkpointed values to RAM: less GPU memory, slower.", group="precision",
        when="gradient_checkpointing",
    )  # fmt: skip
    disable_numpy_memmap: bool = option(
        False, "Read weights without memory map", "Needs more RAM, sometimes loads faster.", group="precision"
    )


@dataclass(frozen=True)
class HardwareOptions:
    """Block-swap details, data loading, several GPUs."""

    max_data_loader_n_workers: int = option(
        2, "Data-loader workers", "Processes that read caches; many cost memory and have locked up.", group="precision",
        lo=0, hi=64,
    )  # fmt: skip
    persistent_data_loader_workers: bool = option(
        True,
        "Keep workers between epochs",
        "Avoids a pause at each epoch. Needs at least one worker.",
        group="precision",
    )
    use_pinned_memory_for_block_swap: bool = option(
        False, "Pinned memory for swapping", "Faster swapping; on Windows it takes shared GPU memory.", group="precision",
        when="blocks_to_swap",
    )  # fmt: skip
    block_swap_h2d_only: bool = option(
        False, "One-way block swap", "Only moves blocks to the GPU: faster, for LoRA on CUDA. Needs gradient checkpointing.",
        group="precision", when="blocks_to_swap",
    )  # fmt: skip
    block_swap_ring_size: int = option(
        2, "Swap ring size", "Blocks in flight with one-way swapping: 2, or 1 for the least memory.", group="precision",
        lo=1, hi=2, when="block_swap_h2d_only",
    )  # fmt: skip
    img_in_txt_in_offloading: bool = option(
        False, "Offload input layers", "Moves the image and text input layers to RAM as well.", group="precision"
    )
    ddp_timeout: int = option(
        None, "Multi-GPU timeout", "Minutes that GPUs wait for each other.", kind="int", group="advanced", lo=1
    )
    ddp_gradient_as_bucket_view: bool = option(
        False, "Gradient bucket view", "Saves memory on several GPUs.", group="advanced"
    )
    ddp_static_graph: bool = option(
        False, "Static graph", "For several GPUs, when the graph never changes.", group="advanced"
    )
