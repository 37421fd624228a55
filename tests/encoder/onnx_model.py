"""Tiny ONNX models, written as protobuf by hand so that tests need no `onnx` package.

Field numbers: onnx.proto3 of ONNX 1.14.
"""

from __future__ import annotations

from collections.abc import Sequence


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    body = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, d) if isinstance(d, int) else _bytes(2, d)) for d in shape)
    tensor = _number(1, 1) + _bytes(2, dims)  # float32
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def _node(kind: str, source: str, target: str) -> bytes:
    return _bytes(1, source) + _bytes(2, target) + _bytes(4, kind)


def model(
    operations: Sequence[str], shape: Sequence[int | str], output: Sequence[int | str]
) -> bytes:
    """A chain of attribute-free operations from input `x` to output `y`."""
    names = ["x", *(f"h{i}" for i in range(len(operations) - 1)), "y"]
    graph = b"".join(
        _bytes(1, _node(kind, a, b))
        for kind, a, b in zip(operations, names[:-1], names[1:], strict=True)
    )
    graph += _bytes(2, "chain") + _bytes(11, _value("x", shape)) + _bytes(12, _value("y", output))
    opset = _bytes(1, "") + _number(2, 13)
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, opset)
