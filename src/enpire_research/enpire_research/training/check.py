"""The program that looks into an artifact: `python -m enpire_research.training.check FILE`.

Confined as the script itself: a file that a script wrote may bring down whoever loads it, or do more. It says one line
through the pipe: `{"op": "checked", "inputs": ..., "outputs": ...}` or `{"op": "bad", "text": ...}`.
"""

import sys

import numpy as np

from enpire_policy import training
from enpire_policy.artifact import Artifact, ArtifactError, shape_text
from enpire_research.training import host, onnx_file


def check(data):
    """Return the Artifact in ``data`` (bytes) after one run with zeros; ArtifactError where it is no good one."""
    try:
        bad = onnx_file.bad_numbers(data)
    except onnx_file.OnnxError as error:
        raise ArtifactError(str(error)) from error
    artifact = Artifact(data)
    if bad:
        raise ArtifactError(f'expected finite weights, got NaN or infinity in {", ".join(map(repr, bad[:5]))}'
                            + (f' and {len(bad) - 5} more' if len(bad) > 5 else ''))
    if not artifact.outputs:
        raise ArtifactError('expected at least one output, got none')
    zeros = {name: np.zeros([1 if size is None else size for size in shape], dtype)
             for name, (shape, dtype) in artifact.inputs.items()}
    for name, value in artifact.run(**zeros).items():
        shape, dtype = artifact.outputs[name]
        fits = len(shape) == value.ndim and all(size in (None, got) for size, got in zip(shape, value.shape))
        if not fits or value.dtype != dtype:
            raise ArtifactError(f'output {name!r}: expected {np.dtype(dtype)} of the shape {shape_text(shape)}, as the '
                                f'file declares, got {value.dtype} of {value.shape}')
    return artifact


def main():
    """Check the file and say what came of it."""
    host.step_back(training.nice)
    with open(sys.argv[1], 'rb') as handle:
        data = handle.read()
    try:
        artifact = check(data)
    except ArtifactError as error:
        host.say(op='bad', text=str(error))
        return 0
    host.say(op='checked', **{
        what: {name: f'{np.dtype(dtype)} {shape_text(shape)}' for name, (shape, dtype) in ones.items()}
        for what, ones in (('inputs', artifact.inputs), ('outputs', artifact.outputs))})
    return 0


if __name__ == '__main__':
    sys.exit(main())
