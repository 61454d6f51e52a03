"""Writes TensorBoard event files record by record, so that a test can stop in the middle of one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

Point = tuple[str, int, float]


def record(tag: str, step: int, value: float, at: float = 0.0) -> bytes:
    """One scalar as the bytes that TensorBoard writes, checksums right."""
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return frame(Event(step=step, wall_time=at, summary=summary).SerializeToString())


def frame(body: bytes) -> bytes:
    head = struct.pack("<Q", len(body))
    return head + struct.pack("<I", masked_crc32c(head)) + body + struct.pack("<I", masked_crc32c(body))


def session(folder: Path, began: int = 1_763_700_000, number: int = 0) -> Path:
    """The event file of a new session below a logging folder, with the opening record that every file has."""
    path = folder / f"run{began}" / "network_train" / f"events.out.tfevents.{began}.host.1.{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frame(Event(file_version="brain.Event:2", wall_time=began).SerializeToString()))
    return path


def append(path: Path, points: Sequence[Point]) -> None:
    with path.open("ab") as handle:
        handle.write(b"".join(record(*point) for point in points))
