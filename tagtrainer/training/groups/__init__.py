"""Options that families share, declared once by noun. A family joins the groups it has and changes a few defaults.

Names, types and choices are the engine's (tests compare them with its own option list); defaults are its documentation's
recommendations where those differ from its parser's.
"""

from tagtrainer.training.groups.attention import AttentionOptions, CompileOptions
from tagtrainer.training.groups.caching import CachingOptions
from tagtrainer.training.groups.dataset import DatasetOptions
from tagtrainer.training.groups.network import NetworkOptions
from tagtrainer.training.groups.optimizer import OptimizerOptions, ScheduleOptions
from tagtrainer.training.groups.precision import HardwareOptions, PrecisionOptions
from tagtrainer.training.groups.record import LoggingOptions, MetadataOptions, PublishOptions
from tagtrainer.training.groups.sampling import SamplingOptions
from tagtrainer.training.groups.saving import SavingOptions
from tagtrainer.training.groups.timesteps import TimestepOptions

GROUPS = ("path", "dataset", "basic", "optimizer", "precision", "sampling", "saving", "advanced")
"""Headings of the form, in this order."""

__all__ = [
    "GROUPS",
    "AttentionOptions",
    "CachingOptions",
    "CompileOptions",
    "DatasetOptions",
    "HardwareOptions",
    "LoggingOptions",
    "MetadataOptions",
    "NetworkOptions",
    "OptimizerOptions",
    "PrecisionOptions",
    "PublishOptions",
    "SamplingOptions",
    "SavingOptions",
    "ScheduleOptions",
    "TimestepOptions",
]
