"""Writes a pickle in place of an ONNX file: it runs a program where it is loaded."""

import pickle

from enpire_policy.training import artifact_path


class Runs:
    def __reduce__(self):
        return print, ('CHEATED: ran',)


with open(artifact_path, 'wb') as handle:
    pickle.dump(Runs(), handle)
