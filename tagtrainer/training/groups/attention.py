"""Which attention code runs, and compiling. Of several attention switches the first in this order wins in the engine."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class AttentionOptions:
    """sdpa is part of PyTorch; the others need their package in the engine's Python."""

    sdpa: bool = option(True, "SDPA attention", "PyTorch's own attention: nothing to install.", group="precision")
    flash_attn: bool = option(False, "FlashAttention 2", "Needs flash-attn in the engine's Python.", group="precision")
    xformers: bool = option(
        False,
        "xFormers attention",
        "Needs xformers in the engine's Python; use with split attention.",
        group="precision",
    )
    flash3: bool = option(False, "FlashAttention 3", "Needs FlashAttention 3; Hopper GPUs.", group="precision")
    sage_attn: bool = option(
        False, "SageAttention", "The engine refuses to train with it.", group="precision", ui_hidden=True
    )
    split_attn: bool = option(
        False, "Split attention", "One picture at a time: less memory; needed with xFormers.", group="precision"
    )


@dataclass(frozen=True)
class CompileOptions:
    """torch.compile and CUDA switches: faster steps after a long first one."""

    compile: bool = option(
        False, "Compile the model", "Faster steps after a slow start. Needs triton.", group="advanced"
    )
    compile_backend: str = option(
        "inductor", "Compile backend", "torch.compile's backend.", group="advanced", when="compile"
    )
    compile_mode: str = option(
        "default", "Compile mode", "What to optimise for.", group="advanced", when="compile",
        choices=("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"),
    )  # fmt: skip
    compile_dynamic: str = option(
        "", "Dynamic shapes", "Helps when there are many bucket sizes.", group="advanced", when="compile",
        choices=("true", "false", "auto"),
    )  # fmt: skip
    compile_fullgraph: bool = option(
        False,
        "Whole graph",
        "Fails instead of compiling in pieces. Not with split attention.",
        group="advanced",
        when="compile",
    )
    compile_cache_size_limit: int = option(
        None,
        "Compile cache size",
        "How many shapes are kept compiled.",
        kind="int",
        group="advanced",
        when="compile",
        lo=1,
    )
    cuda_allow_tf32: bool = option(False, "Allow TF32", "Faster 32-bit products on RTX 30 and newer.", group="advanced")
    cuda_cudnn_benchmark: bool = option(
        False, "cuDNN benchmark", "Tries kernels first; helps with few sizes.", group="advanced"
    )
    dynamo_backend: str = option(
        "NO", "Dynamo backend", "Older way to compile, by accelerate. Leave NO when compiling above.", group="advanced",
        choices=(
            "NO", "EAGER", "AOT_EAGER", "INDUCTOR", "AOT_TS_NVFUSER", "NVPRIMS_NVFUSER", "CUDAGRAPHS", "OFI", "FX2TRT",
            "ONNXRT", "TENSORRT", "AOT_TORCHXLA_TRACE_ONCE", "TORCHXLA_TRACE_ONCE", "IPEX", "TVM", "HPU_BACKEND",
        ),
    )  # fmt: skip
    dynamo_mode: str = option(
        "",
        "Dynamo mode",
        "What dynamo optimises for.",
        group="advanced",
        choices=("default", "reduce-overhead", "max-autotune"),
    )
    dynamo_fullgraph: bool = option(
        False, "Dynamo whole graph", "Fails instead of compiling in pieces.", group="advanced"
    )
    dynamo_dynamic: bool = option(False, "Dynamo dynamic shapes", "For many bucket sizes.", group="advanced")
