"""What the engine prints, as facts: one pattern a kind of line. Must not decide what a line means for the user.

Source: musubi-tuner 0.3.4, every pattern checked against console lines recorded from it (tests/data/log_samples.jsonl).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

LONGEST = 4_000
"""A chunk is cut to so many characters before it is searched: longer ones are data, and searching them would take long."""

_CLOCK = r"(?:\d+:)?\d{1,4}:\d{2}|\?"
_RATE = r"(?P<rate>\?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"

PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(text)
    for name, text in {
        "tqdm": (
            r"(?:(?P<desc>[^\r\n|]*?):\s+)?(?P<pct>\d{1,3})%\|[^|]*\|\s*(?P<n>\d+)/(?P<total>\d+)\s+"
            rf"\[(?P<elapsed>{_CLOCK})<(?P<eta>{_CLOCK}),\s*{_RATE}(?P<unit>it/s|s/it)(?:,\s*(?P<postfix>[^\]\r\n]*))?\]"
        ),
        "tqdm_count": rf"(?:^|\s)(?P<n>\d+)it\s+\[(?P<elapsed>{_CLOCK}),\s*{_RATE}\s?(?P<unit>it/s|s/it)\]",
        "avr_loss": r"avr_loss=(?P<loss>nan|-?inf|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)",
        "epoch": r"^epoch (?P<epoch>\d+)/(?P<epochs>\d+)\s*$",
        "saving_checkpoint": r"^saving checkpoint: (?P<path>.+\.safetensors)\s*$",
        "removing_checkpoint": r"^removing old checkpoint: (?P<path>.+)$",
        "saving_state": r"saving state at (?P<kind>epoch|step) (?P<at>\d+)|(?P<last>saving last state\.)",
        "state_dir": r"Saving current state to (?P<path>.+)$",
        "removing_state": r"removing old state: (?P<path>.+)$",
        "resume": r"resume training from (?P<where>local|huggingface) state: (?P<path>.+)$",
        "sampling": r"generating sample images at step [^\d]*(?P<step>\d+)\s*$",
        "total_steps": r"total optimization steps / [^:]*: (?P<total>\d+)\s*$",
        "num_epochs": r"num epochs / [^:]*: (?P<epochs>\d+)\s*$",
        "num_items": r"num train items / [^:]*: (?P<items>\d+)\s*$",
        "num_batches": r"num batches per epoch / [^:]*: (?P<batches>\d+)\s*$",
        "encoding_dataset": r"Encoding dataset \[(?P<dataset>\d+)\]",
        "saving_cache": r"^Saving cache for item (?P<item>.+?) at (?P<cache>.+?\.safetensors)[,.]",
        "found_files": r"found (?P<n>\d+) (?P<kind>images|videos)\s*$",
        "bucket": r"bucket: \((?P<bucket>.+)\), count: (?P<count>\d+)\s*$",
        "total_batches": r"total batches: (?P<n>\d+)\s*$",
        "cache_removed": r"Removed old cache file: (?P<path>.+)$",
        "te_cache_missing": r"Text encoder output cache file not found: (?P<path>.+)$",
        "caption_mismatch": r"caption mismatch: existing=",
        "model_saved": r"model saved\.\s*$",
        "log": r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[\w.]+):(?P<msg>.*)$",
        "exception": (
            r"^(?P<type>(?:[A-Za-z_][\w]*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Invalid|Warning)): ?(?P<msg>.*)$"
        ),
        "argparse_error": r"^(?P<prog>[\w.]+): error: (?P<msg>.+)$",
        "oom": r"(?:torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory|HIP out of memory)",
    }.items()
}

_HINTS: Mapping[str, str] = {
    "tqdm": "%|",
    "tqdm_count": "it [",
    "avr_loss": "avr_loss=",
    "epoch": "epoch ",
    "saving_checkpoint": "saving checkpoint",
    "removing_checkpoint": "removing old checkpoint",
    "saving_state": "saving ",
    "state_dir": "Saving current state",
    "removing_state": "removing old state",
    "resume": "resume training",
    "sampling": "generating sample",
    "total_steps": "total optimization",
    "num_epochs": "num epochs",
    "num_items": "num train items",
    "num_batches": "num batches",
    "encoding_dataset": "Encoding dataset",
    "saving_cache": "Saving cache",
    "found_files": "found ",
    "bucket": "bucket: ",
    "total_batches": "total batches",
    "cache_removed": "Removed old cache",
    "te_cache_missing": "Text encoder output",
    "caption_mismatch": "caption mismatch",
    "model_saved": "model saved",
    "argparse_error": ": error: ",
}
"""A text that every match of a pattern holds: looking for it first makes reading a long log cheap."""

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")
_BREAKS = re.compile(r"[\r\n]+")


def chunks(text: str) -> Iterator[str]:
    """The lines and progress redraws in `text`, without terminal colours, trimmed and cut; empty ones left out."""
    for piece in _BREAKS.split(_ANSI.sub("", text)):
        piece = piece[:LONGEST].strip()
        if piece:
            yield piece


def search(name: str, chunk: str) -> re.Match[str] | None:
    """The first match of one pattern in a chunk."""
    hint = _HINTS.get(name, "")
    return PATTERNS[name].search(chunk) if hint in chunk else None


def matches(chunk: str) -> dict[str, dict[str, str]]:
    """Every pattern that matches: its name -> what it caught. One chunk can hold a frame and a log record together."""
    found = {name: search(name, chunk) for name in PATTERNS}
    return {name: {k: v for k, v in m.groupdict().items() if v is not None} for name, m in found.items() if m}


def number(text: str) -> float:
    """A number as the engine prints it: `2.46`, `6.42e-5`, `nan`, `-inf`."""
    return float(text)
