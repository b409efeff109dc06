"""The artifact of a rollout: one ONNX file with what was trained, and how a policy uses it.

    from enpire_policy import load_artifact

    net = load_artifact()                       # at module level, or in run(robot)
    answer = net.run(pose=np.zeros((1, 3)))     # {'push': array}, by the names in the file

It runs on one thread of the CPU, so that a replay has the same bits on the same kind of CPU. Whatever is
wrong with the file or with what goes through it is an ArtifactError, which says what was expected and what
came; where the policy lets it pass, the trial has failed with ERROR_POLICY_ARTIFACT.
Not covered: GPUs, custom operators, tensors in files of their own (`external data`), and outputs that are no
tensors.
"""

import numpy as np

MAX_ARTIFACT_BYTES = 64 << 20
_TYPES = {'tensor(float)': np.float32, 'tensor(double)': np.float64, 'tensor(float16)': np.float16,
          'tensor(int64)': np.int64, 'tensor(int32)': np.int32, 'tensor(int16)': np.int16, 'tensor(int8)': np.int8,
          'tensor(uint8)': np.uint8, 'tensor(bool)': np.bool_}
_given = {'artifact': None}


class ArtifactError(ValueError):
    """An artifact can't be used, or not so; the text says what was expected and what came."""


class Artifact:
    """An ONNX model. ``inputs``, ``outputs``: {name: (shape, dtype)}; a shape has None where any size goes.

    ``data``: the bytes of the file. ArtifactError where they are none.
    """

    def __init__(self, data):
        import onnxruntime  # only here: it takes a second, and most policies have no artifact

        onnxruntime.set_default_logger_severity(4)
        try:
            self._session = onnxruntime.InferenceSession(bytes(data), _options(onnxruntime),
                                                         providers=['CPUExecutionProvider'])
        except Exception as error:  # whatever that library raises about a file: it has a dozen classes for it
            raise ArtifactError(f'expected an ONNX model that onnxruntime {onnxruntime.__version__} loads, got one '
                                f'that it refuses: {_line(error)}') from error
        self.inputs = {one.name: _described(one, 'input') for one in self._session.get_inputs()}
        self.outputs = {one.name: _described(one, 'output') for one in self._session.get_outputs()}

    def run(self, **inputs):
        """Return {name: array} of all outputs for arrays by input name; numbers of another type are converted.

        ArtifactError: a name is missing or unknown, a shape doesn't fit, a value in or out is NaN or infinite.
        """
        if set(inputs) != set(self.inputs):
            raise ArtifactError(f'expected the inputs {_names(self.inputs)}, got {_names(inputs)}')
        arrays = {name: _fitting(name, inputs[name], *self.inputs[name]) for name in self.inputs}
        try:
            values = self._session.run(None, arrays)
        except Exception as error:  # see above
            raise ArtifactError(f'expected the artifact to run, got {_line(error)}') from error
        answer = dict(zip(self.outputs, values))
        for name, value in answer.items():
            _check_finite(f'output {name!r}', value)
        return answer


def load_artifact():
    """Return the Artifact of this rollout; ArtifactError where its goal named none."""
    if _given['artifact'] is None:
        raise ArtifactError('expected an artifact, got a rollout without one: name its file in the goal '
                            '(artifact_file; enpire trial --artifact FILE)')
    return _given['artifact']


def give(data):
    """For the policy's host: make ``data`` this process's artifact. ArtifactError where it is none."""
    _given['artifact'] = Artifact(data)


def _options(onnxruntime):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    return options


def _described(one, kind):
    if one.type not in _TYPES:
        raise ArtifactError(f'{kind} {one.name!r}: expected one of {", ".join(_TYPES)}, got {one.type}')
    return tuple(size if isinstance(size, int) else None for size in one.shape), _TYPES[one.type]


def _fitting(name, value, shape, dtype):
    try:
        array = np.asarray(value)
        if array.dtype.kind not in 'fiub' or (array.dtype.kind == 'f' and np.dtype(dtype).kind != 'f'):
            raise ValueError(f'numbers of type {array.dtype}')
        with np.errstate(over='ignore'):
            found = np.ascontiguousarray(array, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f'input {name!r}: expected an array of {np.dtype(dtype)}, got {error}') from error
    fits = len(found.shape) == len(shape) and all(size in (None, got) for size, got in zip(shape, found.shape))
    if array.ndim != found.ndim or not fits:  # numpy makes one dimension of none
        raise ArtifactError(f'input {name!r}: expected the shape {shape_text(shape)}, got {array.shape}')
    _check_finite(f'input {name!r}', found)
    return found


def _check_finite(what, value):
    if not isinstance(value, np.ndarray):
        raise ArtifactError(f'{what}: expected an array, got {type(value).__name__}')
    if value.dtype.kind == 'f' and not np.isfinite(value).all():
        raise ArtifactError(f'{what}: expected finite numbers, got NaN or infinity')


def shape_text(shape):
    """Return a shape for people: (any, 3)."""
    inner = ', '.join('any' if size is None else str(size) for size in shape)
    return f'({inner},)' if len(shape) == 1 else f'({inner})'


def _names(names):
    return ', '.join(map(repr, sorted(names))) or 'none'


def _line(error):
    text = ' '.join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + ' ...'
