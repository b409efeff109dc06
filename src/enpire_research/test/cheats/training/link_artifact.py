"""Leaves a symbolic link to the artifact of somebody else in place of its own."""

import os

from enpire_policy.training import artifact_path

GIVEN = {}  # where to look: filled in by the test

os.symlink(GIVEN['artifact'], artifact_path)
