"""The data of trials as a training gets it: a folder with a link a trial, and an index."""

import os
from dataclasses import dataclass

from enpire_core.files import write_json
from enpire_policy.training import INDEX


@dataclass(frozen=True)
class Chosen:
    """A chosen trial: the path of its data; ``purpose``, ``candidate``: the campaign's; '' and -1 without one."""

    path: str
    unit: str
    trial_id: str
    purpose: str = ''
    candidate: int = -1


def lay_out(trials, folder):
    """Make ``folder`` with the data of ``trials`` (Chosens, in this order)."""
    os.mkdir(folder)
    index = []
    for number, one in enumerate(trials):
        name = f'{number:06d}.npz'
        # Links: a thousand trials with pictures are gigabytes.
        os.symlink(one.path, os.path.join(folder, name))
        index.append({'file': name, 'purpose': one.purpose, 'candidate': one.candidate})
    write_json(os.path.join(folder, INDEX), index)
