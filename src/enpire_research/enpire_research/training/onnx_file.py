"""Reads as much of an ONNX file as it takes to find the numbers in it. Pure; no package but numpy.

onnxruntime runs a model but does not show its weights, and the package `onnx` would be one more that every lab
needs. A file is a protobuf message; the field numbers below are those of onnx.proto3, which never change.
Not covered: whether the model is a good one; onnxruntime says that.
"""

import numpy as np

# ModelProto.graph; GraphProto.node, initializer, sparse_initializer; NodeProto.attribute; AttributeProto.t, g,
# tensors, graphs, sparse_tensor, floats; SparseTensorProto.values; TensorProto.
_GRAPH, _FUNCTIONS, _FUNCTION_NODE = 7, 25, 7
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_ATTRIBUTE, _F, _FLOATS, _T, _G, _TENSORS, _GRAPHS, _SPARSE_T = 5, 2, 7, 5, 6, 10, 11, 22
_SPARSE_VALUES = 1
_DATA_TYPE, _FLOAT_DATA, _INT32_DATA, _NAME, _RAW, _DOUBLE_DATA, _LOCATION = 2, 4, 5, 8, 9, 10, 14
_FLOAT, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16
_DEEPEST = 32


class OnnxError(ValueError):
    """The bytes are no ONNX model, or it keeps numbers elsewhere."""


def bad_numbers(data):
    """Return the names of the tensors in the model ``data`` (bytes) that hold NaN, or as weights infinity, in order.

    A constant of a node may be infinite: a mask is.

    OnnxError for bytes that are no model, and for one whose tensors lie in other files.
    """
    found = []
    for field, value in _fields(memoryview(data)):
        if field == _GRAPH:
            _graph(value, found, 0)
        elif field == _FUNCTIONS:
            for inner, node in _fields(value):
                if inner == _FUNCTION_NODE:
                    _node(node, found, 0)
    return found


def _graph(data, found, depth):
    if depth > _DEEPEST:
        raise OnnxError(f'expected at most {_DEEPEST} graphs inside each other, got more')
    for field, value in _fields(data):
        if field == _INITIALIZER:
            _tensor(value, found, np.isfinite)
        elif field == _SPARSE:
            _sparse(value, found, np.isfinite)
        elif field == _NODE:
            _node(value, found, depth)


def _node(data, found, depth):
    for field, attribute in _fields(data):
        if field != _ATTRIBUTE:
            continue
        for inner, value in _fields(attribute):
            if inner in (_T, _TENSORS):
                _tensor(value, found, _is_number)
            elif inner in (_G, _GRAPHS):
                _graph(value, found, depth + 1)
            elif inner == _SPARSE_T:
                _sparse(value, found, _is_number)
            elif inner in (_F, _FLOATS) and isinstance(value, memoryview):
                _check(value, '<f4', 'a number of a node', found, _is_number)


def _is_number(values):
    return ~np.isnan(values)


def _sparse(data, found, good):
    for field, value in _fields(data):
        if field == _SPARSE_VALUES:
            _tensor(value, found, good)


def _tensor(data, found, good):
    kind, name, pieces = 0, '', []
    for field, value in _fields(data):
        if field == _DATA_TYPE:
            kind = value
        elif field == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode('utf-8', 'replace')
        elif field == _LOCATION and value:
            raise OnnxError('expected a model with all its numbers in one file, got one with external data: export it '
                            'with external_data=False')
        elif field in (_FLOAT_DATA, _INT32_DATA, _RAW, _DOUBLE_DATA):
            pieces.append((field, value))
    for field, value in pieces:
        if not isinstance(value, memoryview):
            continue  # one number, unpacked: an integer
        if field == _FLOAT_DATA or (field == _RAW and kind == _FLOAT):
            _check(value, '<f4', name, found, good)
        elif field == _DOUBLE_DATA or (field == _RAW and kind == _DOUBLE):
            _check(value, '<f8', name, found, good)
        elif field == _RAW and kind == _FLOAT16:
            _check(value, '<f2', name, found, good)
        elif field == _RAW and kind == _BFLOAT16:
            _check(value, '<u2', name, found, good, widen=True)
        elif field == _INT32_DATA and kind in (_FLOAT16, _BFLOAT16):
            bits = np.array(list(_varints(value)), np.uint16).tobytes()
            _check(memoryview(bits), '<f2' if kind == _FLOAT16 else '<u2', name, found, good,
                   widen=kind == _BFLOAT16)


def _check(data, dtype, name, found, good, widen=False):
    if len(data) % np.dtype(dtype).itemsize:
        raise OnnxError(f'tensor {name!r}: expected whole numbers of {dtype}, got {len(data)} bytes')
    values = np.frombuffer(data, dtype)
    if widen:
        values = (values.astype('<u4') << 16).view('<f4')
    if not good(values).all() and name not in found:
        found.append(name)


def _fields(data):
    """Yield (field number, value) of a message: an int, or a memoryview of what has a length or is 32 or 64 bits."""
    if not isinstance(data, memoryview):
        raise OnnxError('expected an ONNX model, got other bytes')
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 2, 5):
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                size, at = _varint(data, at)
            if not size <= len(data) - at:
                raise OnnxError('expected an ONNX model, got one that was cut off')
            value, at = data[at:at + size], at + size
        else:
            raise OnnxError('expected an ONNX model, got other bytes')
        yield key >> 3, value


def _varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise OnnxError('expected an ONNX model, got one that was cut off')
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise OnnxError('expected an ONNX model, got other bytes')


def _varints(data):
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value & 0xFFFF
