"""`dataset trainer`: what the trainer will make of a dataset. Must not compute anything itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """Add the verb."""
    from tagtrainer.cli.dataset import on_dataset

    verb = on_dataset(verbs, "trainer", _trainer, _show)
    numbers = {
        "batch": 1, "repeats": 1, "step": 16, "stride": 1, "sample": 1, "max-frames": 129,
    }  # fmt: skip
    verb.add_argument("--size", default="1024x1024", help=_help("size"))
    for name, default in numbers.items():
        verb.add_argument(f"--{name}", type=int, default=default, help=_help(name.replace("-", "_")))
    for name in ("no-bucket", "no-upscale", "captioned", "windows"):
        verb.add_argument(f"--{name}", action="store_true", help=_help(name.replace("-", "_")))
    verb.add_argument("--frames", type=int, nargs="+", default=[1], help=_help("frames"))
    verb.add_argument("--extraction", default="head", help=_help("extraction"))
    verb.add_argument("--source-fps", type=float, default=0.0, help=_help("source_fps"))
    verb.add_argument("--model", default="", help=_help("model"))


def _help(name: str) -> str:
    return t(f"datasets.cli.trainer_help.{name}")


def size_of(text: str) -> tuple[int, int]:
    """1024x768 or one number for a square. UserError trainer_view.bad_size."""
    parts = text.lower().replace("×", "x").split("x")
    try:
        numbers = [int(part) for part in parts]
    except ValueError as error:
        raise UserError("trainer_view.bad_size", given=text) from error
    if len(numbers) not in (1, 2):
        raise UserError("trainer_view.bad_size", given=text)
    return numbers[0], numbers[-1]


def _trainer(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import trainer_view
    from tagtrainer.datasets.clips import frames

    target = frames.MODEL_FPS.get(args.model, 0.0)
    taking = frames.Taking(
        tuple(args.frames), args.extraction, args.stride, args.sample, args.max_frames, args.source_fps, target
    )
    setup = trainer_view.Setup(
        size_of(args.size), not args.no_bucket, args.no_upscale, args.batch, args.repeats, args.step, args.captioned,
        taking, args.model,
    )  # fmt: skip
    found = trainer_view.report(ws, args.id, setup)
    listed = {
        item.name: [list(window) for window in frames.windows(item.frames, taking)]
        for item in (found.clips if args.windows else [])
    }
    return {
        "kind": found.kind, "items": found.total, "left_out": found.left_out, "samples": found.samples,
        "batches": found.batches, "buckets": [asdict(row) for row in found.buckets], "enlarged": len(found.enlarged),
        "cropped": len(found.cropped), "clips": len(found.clips), "short": len(found.short), "partly": found.partly,
        "controls": found.controls, "notes": found.notes, "windows": listed,
    }  # fmt: skip


def _show(found: dict[str, Any]) -> None:
    for row in found["buckets"]:
        length = f" × {row['frames']} {t('trainer_view.cli.frames')}" if row["frames"] else ""
        size = f"{row['width']} × {row['height']}{length}"
        print(f"{size:>28}  {row['items']:>7}  {row['samples']:>8}  {row['batches']:>8}")
    for name in ("samples", "batches", "left_out", "enlarged", "cropped", "short", "partly"):
        if found[name] or name in ("samples", "batches"):
            print(f"{t(f'trainer_view.cli.{name}')}: {found[name]}")
    for count, pictures in found["controls"].items():
        print(f"{t('trainer_view.cli.controls', count=count)}: {pictures}")
    for name, windows in found["windows"].items():
        print(f"{name}: {' '.join(f'{start}-{start + length}' for start, length in windows)}")
    for name, count in found["notes"].items():
        print(t(f"trainer_view.note.{name}", count=count))
