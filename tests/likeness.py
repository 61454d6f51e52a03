"""What two engines must have in common: kinds of console lines, curve tags, file names, header keys. Compares nothing.

`measure` looks at one finished run; the tests compare a rehearsal's with the real engine's, recorded or fresh.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagtrainer.training.results import patterns
from tagtrainer.training.results.checkpoints import list_checkpoints, read_header
from tagtrainer.training.results.curves import read_curves
from tagtrainer.training.results.samples import list_samples

REHEARSAL_ONLY = frozenset({"tagtrainer.rehearsal"})


@dataclass(frozen=True)
class Likeness:
    """Sorted facts of a run; everything that differs from run to run (names, numbers, times) is taken out."""

    patterns: list[str]
    tags: list[str]
    metadata: list[str]
    files: list[str]
    samples: list[str]
    caches: list[str]
    cache_metadata: list[str]
    tensors: list[str]


def measure(log: Path, tensorboard: Path, output: Path, caches: Path) -> Likeness:
    """The facts of one run."""
    final = [row for row in list_checkpoints(output) if row.kind == "final"]
    headers = [read_header(path) for path in sorted(caches.glob("*.safetensors"))]
    return Likeness(
        patterns=kinds(log.read_text("utf-8", "replace")),
        tags=sorted(read_curves(tensorboard)),
        metadata=sorted({key for row in final for key in row.metadata} - REHEARSAL_ONLY),
        files=forms(output, {row.name for row in list_checkpoints(output)}),
        samples=sorted({form(sample.file) for sample in list_samples(output / "sample")}),
        caches=sorted({form(path.name, stem=True) for path in caches.glob("*.safetensors")}),
        cache_metadata=sorted({f"{_kind(header)}: {key}" for header in headers for key in header.metadata}),
        tensors=sorted({_tensor(key) for header in headers for key in header.tensors}),
    )


def _tensor(key: str) -> str:
    """`latents_1x16x16_bfloat16` -> `latents_1xHxW_DTYPE`: the rehearsal has no bfloat16, and nothing reads the type."""
    return re.sub(r"_(bfloat16|float16|float32)$", "_DTYPE", re.sub(r"\d+x\d+(?=_)", "HxW", key))


def _kind(header: Any) -> str:
    return "text" if "caption1" in header.metadata else "latents"


def kinds(log: str) -> list[str]:
    """Names of the patterns that match somewhere in a log; what follows a progress frame in its chunk is a line of its own,
    as it is in the worker's log."""
    found: set[str] = set()
    for chunk in patterns.chunks(log):
        frame = patterns.search("tqdm", chunk) or patterns.search("tqdm_count", chunk)
        rest = chunk[frame.end() :].strip() if frame else ""
        found |= {*patterns.matches(chunk), *(patterns.matches(rest) if rest else ())}
    return sorted(found)


def forms(output: Path, names: set[str]) -> list[str]:
    """Forms of the checkpoints and states in a folder: NAME-######.safetensors, NAME-step########-state."""
    found = set()
    for path in output.iterdir():
        if path.suffix == ".safetensors" or path.name.endswith("-state"):
            name = max((name for name in names if path.name.startswith(name)), key=len, default="")
            found.add("NAME" + re.sub(r"\d", "#", path.name[len(name) :]))
    return sorted(found)


def form(file: str, *, stem: bool = False) -> str:
    """A sample's or cache's name with its name as NAME and digits as #; a seed of any length is SEED."""
    if stem:
        return re.sub(r"\d", "#", re.sub(r"^.+?(?=(_\d{4}x\d{4})?_[a-z]+(_te)?\.safetensors$)", "NAME", file))
    found = re.match(r"^(.+?)_(e\d{6}|\d{6})_(\d\d)_(\d{14})(_\d+)?(_\d{3})\.png$", file)
    if found is None:
        return file
    moment = re.sub(r"\d", "#", found[2])
    return f"NAME_{moment}_##_{'#' * 14}{'_SEED' if found[5] else ''}_###.png"


def main() -> None:
    """Print the facts of a run, for recording: LOG TENSORBOARD OUTPUT CACHES."""
    import json
    from dataclasses import asdict

    print(json.dumps(asdict(measure(*(Path(word) for word in sys.argv[1:5]))), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
