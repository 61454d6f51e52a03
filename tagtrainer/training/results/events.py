"""TensorBoard's event files, read from where the last reading ended. Must not know what the numbers mean.

A record is: length (8 bytes), its checksum (4), the protobuf `Event`, its checksum (4). The reader keeps a byte offset and
believes a record only when all of it is there, so a file that is being written can be read at any moment.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_HEAD, _FOOT = 12, 4
_LARGEST = 16 << 20
"""A scalar's record has about 60 bytes. A length beyond this means that what follows is not a record."""
_BLOCK = 8 << 20


class Scalar(NamedTuple):
    """One measured value. A tuple, because a long run has hundreds of thousands of them."""

    tag: str
    step: int
    value: float
    at: float


class EventFile:
    """One event file. Not thread-safe: whoever holds it serializes the calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.damaged = False

    def new_scalars(self) -> Iterator[Scalar]:
        """What was appended since the last call. Damage ends the reading of this file for good; the rest is kept."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return
        if size < self.offset:  # replaced by a shorter one: it is another file now
            self.offset, self.damaged = 0, False
        while not self.damaged and size - self.offset > _HEAD + _FOOT:
            before = self.offset
            yield from self._block(size)
            if self.offset == before:
                return

    def _block(self, size: int) -> Iterator[Scalar]:
        with self.path.open("rb") as handle:
            handle.seek(self.offset)
            data = handle.read(min(_BLOCK, size - self.offset))
            if len(data) >= _HEAD:
                (length,) = struct.unpack_from("<Q", data)
                if _BLOCK < length + _HEAD + _FOOT <= size - self.offset and length <= _LARGEST:
                    data += handle.read(length + _HEAD + _FOOT - len(data))
        parse = _parser()
        for start, end in self._records(data):
            event = parse(data[start:end])
            if event is None:
                continue
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    yield Scalar(value.tag, event.step, number, event.wall_time)

    def _records(self, data: bytes) -> Iterator[tuple[int, int]]:
        """(start, end) of each whole record's body in `data`; moves the offset past it."""
        at, begin = 0, self.offset
        while at + _HEAD + _FOOT <= len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            if not 0 < length <= _LARGEST:
                self.damaged = length != 0  # zeros: the system has made room that is not written yet
                return
            end = at + _HEAD + length
            if end + _FOOT > len(data):
                return
            self.offset = begin + end + _FOOT
            yield at + _HEAD, end
            at = end + _FOOT


def _parser() -> Callable[[bytes], Any]:
    """A function from a record's body to TensorBoard's Event; None for bytes that are none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorboard.compat.proto.event_pb2 import Event

    def parse(body: bytes) -> Any:
        try:
            return Event.FromString(body)
        except DecodeError:
            return None

    return parse


def _number(value: Any) -> float | None:
    """The number in a summary value, in either of the two forms that writers use."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind == "tensor" and len(value.tensor.float_val) == 1:
        return float(value.tensor.float_val[0])
    return None
