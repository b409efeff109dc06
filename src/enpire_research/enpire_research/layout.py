"""Where things lie in a run folder: the campaign's folder, and policies and artifacts by their hash.

Each station's folder and the campaign's keep the policies and artifacts that were given them, in the same way.
"""

import os


def campaign(run):
    """Return the folder of the campaign in the run folder ``run``: ledger, repository, secret, report."""
    return os.path.join(run, 'campaign')


def policies(folder):
    """Return where ``folder``, a station's or a campaign's, keeps policies."""
    return os.path.join(folder, 'policies')


def policy(folder, sha256):
    """Return the path in ``folder`` of the policy with that SHA-256 (hex)."""
    return os.path.join(policies(folder), f'{sha256}.py')


def artifacts(folder):
    """Return where ``folder``, a station's or a campaign's, or of trainings alone, keeps artifacts."""
    return os.path.join(folder, 'artifacts')


def artifact(folder, sha256):
    """Return the path in ``folder`` of the ONNX artifact with that SHA-256 (hex)."""
    return os.path.join(artifacts(folder), f'{sha256}.onnx')
