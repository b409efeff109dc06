"""Writes an ONNX file of a few bytes that takes terabytes to run."""

from enpire_policy.training import artifact_path

GIVEN = {}  # the bytes of such a file: filled in by the test

with open(artifact_path, 'wb') as handle:
    handle.write(GIVEN['huge'])
