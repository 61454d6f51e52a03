"""Why a run failed, in one sentence, from its exit code and the end of its log. Must not try to mend anything."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagtrainer.core.text import has_text, t
from tagtrainer.training.results.job import JobState, JobTask
from tagtrainer.training.results.log import last_lines
from tagtrainer.training.results.patterns import search
from tagtrainer.training.results.places import places
from tagtrainer.workspace import Workspace

LINES = 400
_SHOWN = 40


@dataclass(frozen=True)
class Failure:
    """The reason as key and values; `str()` is the sentence in the current language. `log` are the last lines."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    stage: str = ""
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        return t(self.key, **self.values)


@dataclass(frozen=True)
class Rule:
    """A kind of failure: `pattern` is searched in the line of the error; named groups fill the sentence's places."""

    key: str
    pattern: re.Pattern[str]


def _rules(*rows: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(f"results.fail.{key}", re.compile(pattern)) for key, pattern in rows)


RULES = _rules(
    (
        "gpu_memory",
        r"OutOfMemoryError|CUDA out of memory|HIP out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC",
    ),
    ("memory", r"^MemoryError|can't allocate memory|Cannot allocate memory|paging file is too small|_ArrayMemoryError"),
    ("disk_full", r"No space left on device|Disk quota exceeded|not enough space on the disk|\[Errno 28\]"),
    ("no_items", r"No training items found"),
    ("encoding", r"^UnicodeEncodeError"),
    ("tokenizer", r"^TypeError: expected str, bytes or os\.PathLike object, not NoneType"),
    (
        "offline",
        r"We couldn't connect to|LocalEntryNotFoundError|OfflineModeIsEnabled|Temporary failure in name resolution",
    ),
    ("bitsandbytes", r"No bitsandbytes|No module named 'bitsandbytes'"),
    ("module", r"No module named '(?P<name>[^']+)'"),
    ("no_lora_modules", r"No LoRA modules found"),
    ("optimizer_changed", r"different number of parameter groups|doesn't match the size of optimizer's group"),
    ("weights", r"Error\(s\) in loading state_dict|[Mm]issing key|size mismatch for"),
    (
        "weights_damaged",
        r"SafetensorError|HeaderTooLarge|InvalidHeader|MetadataIncompleteBuffer|PytorchStreamReader|is invalid for input of size",
    ),
    ("fp8_weights", r"fp8_scaled|already (?:quantized|in fp8)"),
    (
        "picture",
        r"(?P<line>image file is truncated|cannot identify image file.*|broken data stream when reading image)",
    ),
    ("mixed_caches", r"stack expects each tensor to be equal size"),
    ("no_cuda", r"Torch not compiled with CUDA|No CUDA GPUs are available|Found no NVIDIA driver"),
    (
        "gpu_unfit",
        r"no kernel image is available|CUDA driver version is insufficient|not compatible with the current PyTorch",
    ),
    ("gpu_broken", r"CUDA error: (?P<line>.+)|CUBLAS_STATUS_|cuDNN error"),
    ("config", r"MultipleInvalid: (?P<line>.+)"),
    ("permission", r"^PermissionError: .*?'(?P<path>[^']+)'"),
    (
        "file_missing",
        r"^(?:FileNotFoundError|NotADirectoryError|OSError): .*?No such file or directory: '(?P<path>[^']+)'",
    ),
    ("nan", r"(?:loss|[Gg]radient|weights?) (?:is|are|became|contains?) (?:NaN|nan)|[Nn]on-finite"),
)


def failure(ws: Workspace, task: JobTask, state: JobState) -> Failure:
    """Why the run failed. Only for a state that is `failed`."""
    lines = last_lines(places(ws, task.id).log, LINES)
    step = task.steps[state.step] if state.step is not None and 0 <= state.step < len(task.steps) else None
    own = step is not None and "tagtrainer" in step.argv
    found = explain(lines, state.exit_code, state.reason, own=own)
    return Failure(found.key, found.values, step.name if step else "", tuple(lines[-_SHOWN:]))


def explain(lines: Sequence[str], exit_code: int | None, reason: str = "", *, own: bool = False) -> Failure:
    """The reason from the newest lines of a log, a program's exit code and the worker's own word (a text key, or a line).

    `own`: the program was one of ours, whose last line is a sentence already.
    """
    if reason and has_text(reason, "en"):
        return Failure(reason)
    killed = _killed(exit_code)
    if killed is not None:
        return killed
    error = _error_line(lines)
    if own and not error and lines:
        return Failure("results.fail.own", {"line": lines[-1][:500]})
    return _known(lines, error) or _other(error or reason, exit_code)


def _killed(exit_code: int | None) -> Failure | None:
    """Ended from outside: a negative code or 128 + n is a signal. KILL is what a system short of memory sends."""
    number = -exit_code if exit_code is not None and exit_code < 0 else (exit_code or 0) - 128
    if not 0 < number < 65:
        return None
    if number == 9:
        return Failure("results.fail.killed")
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = str(number)
    return Failure("results.fail.signal", {"name": name})


def _error_line(lines: Sequence[str]) -> str:
    """The last line that names an error. A launcher's own complaint that its child failed is not the cause."""
    for line in reversed(lines):
        if "CalledProcessError" in line:
            continue
        found = search("exception", line)
        if (found is not None and not found["type"].endswith("Warning")) or search("argparse_error", line):
            return line
        if search("oom", line):
            return line
    return ""


def _known(lines: Sequence[str], error: str) -> Failure | None:
    argument = search("argparse_error", error)
    if argument is not None:
        return Failure("results.fail.argument", {"line": argument["msg"]})
    for text in (error, _after(lines, error)):
        for rule in RULES:
            found = rule.pattern.search(text) if text else None
            if found is not None:
                values = {key: value or error for key, value in found.groupdict().items()}
                return Failure(rule.key, values)
    return None


def _after(lines: Sequence[str], error: str) -> str:
    """What an error of several lines says below its first one."""
    if not error:
        return ""
    start = len(lines) - 1 - list(reversed(lines)).index(error)
    return "\n".join(lines[start + 1 : start + 12])


def _other(line: str, exit_code: int | None) -> Failure:
    if line:
        return Failure("results.fail.other", {"line": line[:300]})
    return Failure("results.fail.silent", {"code": "?" if exit_code is None else exit_code})
