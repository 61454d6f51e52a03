"""Small ONNX files written by hand, with the inputs and outputs of YuNet and SFace: OpenCV's own classes load and run them.

The finder answers with a face of 160 pixels around each magenta cell of 32 pixels; the embedder is a fixed random projection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MARK = (255, 0, 255)
FACE = 160
SPOTS = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def _field(number: int, value: int | bytes | str) -> bytes:
    """One protobuf field: a number, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, values: np.ndarray) -> bytes:
    kind = 7 if values.dtype == np.int64 else 1
    dims = b"".join(_field(1, size) for size in values.shape)
    return dims + _field(2, kind) + _field(8, name) + _field(9, values.tobytes())


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    return _field(1, name) + b"".join(_field(8, part) for part in value) + _field(20, 7)


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    data = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(3, output) + _field(4, kind)
    return data + b"".join(_field(5, _attribute(name, value)) for name, value in attributes.items())


def _shape(name: str, sizes: Sequence[int]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in sizes)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def _model(nodes: list[bytes], tensors: list[bytes], source: bytes, outputs: list[bytes]) -> bytes:
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "g")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, source)
    graph += b"".join(_field(12, output) for output in outputs)
    return _field(1, 6) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 11))


def yunet(path: Path) -> Path:
    """A finder; cells are seen at a stride of 32, the other two strides see nothing."""
    nodes, tensors, outputs = [], [], []
    for stride in (8, 16, 32):
        cells = f"cells{stride}"
        nodes.append(_node("AveragePool", ["input"], cells, kernel_shape=[stride, stride], strides=[stride, stride]))
        side = 640 // stride
        for head, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            name = f"{head}_{stride}"
            weight, bias = _head(head, stride)
            tensors += [_tensor(f"w_{name}", weight.reshape(channels, 3, 1, 1)), _tensor(f"b_{name}", bias)]
            tensors.append(_tensor(f"s_{name}", np.array([1, -1, channels], np.int64)))
            nodes.append(
                _node("Conv", [cells, f"w_{name}", f"b_{name}"], f"c_{name}", kernel_shape=[1, 1], strides=[1, 1])
            )
            last = f"c_{name}"
            if head in ("cls", "obj"):
                nodes.append(_node("Sigmoid", [last], f"p_{name}"))
                last = f"p_{name}"
            nodes.append(_node("Transpose", [last], f"t_{name}", perm=[0, 2, 3, 1]))
            nodes.append(_node("Reshape", [f"t_{name}", f"s_{name}"], name))
            outputs.append(_shape(name, [1, side * side, channels]))
    path.write_bytes(_model(nodes, tensors, _shape("input", [1, 3, 640, 640]), outputs))
    return path


def _head(head: str, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """1 x 1 weights for blue, green, red, and the bias."""
    if head in ("cls", "obj"):
        seeing = [0.1, -0.2, 0.1] if stride == 32 else [0.0, 0.0, 0.0]
        return np.array([seeing], np.float32), np.array([-25.0], np.float32)
    if head == "bbox":
        return np.zeros((4, 3), np.float32), np.array([0.5, 0.5, *[math.log(FACE / stride)] * 2], np.float32)
    spots = [0.5 + (part - 0.5) * FACE / stride for spot in SPOTS for part in spot]
    return np.zeros((10, 3), np.float32), np.array(spots, np.float32)


def sface(path: Path) -> Path:
    """An embedder of 128 numbers; brightness alone changes nothing."""
    matrix = np.random.default_rng(9).normal(size=(588, 128))
    matrix = (matrix - matrix.mean(axis=0)).astype(np.float32)
    nodes = [
        _node("AveragePool", ["data"], "small", kernel_shape=[8, 8], strides=[8, 8]),
        _node("Reshape", ["small", "flat"], "row"),
        _node("MatMul", ["row", "matrix"], "fc1"),
    ]
    tensors = [_tensor("flat", np.array([1, 588], np.int64)), _tensor("matrix", matrix)]
    path.write_bytes(_model(nodes, tensors, _shape("data", [1, 3, 112, 112]), [_shape("fc1", [1, 128])]))
    return path


def any_size(path: Path) -> Path:
    """A network that asks for the size of its picture, as exports for any size do; OpenCV cannot read it."""
    source = _shape("input", (1, 3, 0, 0))
    path.write_bytes(_model([_node("Shape", ["input"], "size")], [], source, [_shape("size", (4,))]))
    return path
