"""Small ONNX files written by hand, so that no test needs the package `onnx`."""

import numpy as np

FLOAT, FLOAT16, DOUBLE = 1, 10, 11


def _varint(value):
    data = b''
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def number(field, value):
    """Return the protobuf field ``field`` with a whole number."""
    return _varint(field << 3) + _varint(value)


def piece(field, value):
    """Return the protobuf field ``field`` with a text or bytes."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def tensor(name, values, kind=FLOAT, raw=True):
    """Return a TensorProto of ``values``."""
    array = np.asarray(values, {FLOAT: '<f4', FLOAT16: '<f2', DOUBLE: '<f8'}[kind])
    dims = b''.join(number(1, size) for size in array.shape)
    # 4 is float_data, packed.
    return dims + number(2, kind) + piece(8, name) + piece(9 if raw else 4, array.tobytes())


def value_info(name, shape, kind=FLOAT):
    """Return a ValueInfoProto; a text in ``shape`` is a size that may be anything."""
    dims = b''.join(piece(1, piece(2, size) if isinstance(size, str) else number(1, size)) for size in shape)
    return piece(1, name) + piece(2, piece(1, number(1, kind) + piece(2, dims)))


def node(kind, inputs, outputs, attributes=b''):
    """Return a NodeProto."""
    return (b''.join(piece(1, name) for name in inputs) + b''.join(piece(2, name) for name in outputs)
            + piece(4, kind) + attributes)


def model(nodes, tensors, inputs, outputs):
    """Return the bytes of a ModelProto."""
    graph = (b''.join(piece(1, one) for one in nodes) + piece(2, 'graph') + b''.join(piece(5, one) for one in tensors)
             + b''.join(piece(11, one) for one in inputs) + b''.join(piece(12, one) for one in outputs))
    return number(1, 8) + piece(7, graph) + piece(8, piece(1, '') + number(2, 13))


def linear(weights=((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)), bias=(0.0, 0.0), raw=True):
    """Return the file of push = pose @ weights + bias, for any number of rows."""
    weights, bias = np.asarray(weights, float), np.asarray(bias, float)
    rows, columns = weights.shape
    return model(
        [node('MatMul', ['pose', 'weights'], ['product']), node('Add', ['product', 'bias'], ['push'])],
        [tensor('weights', weights, raw=raw), tensor('bias', bias, raw=raw)],
        [value_info('pose', ('n', rows))], [value_info('push', ('n', columns))])
