"""The data of trials as a training gets it: a folder with a link a trial, and an index."""

import os
import shutil
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


def lay_out(trials, folder, for_others=False):
    """Make ``folder`` with the data of ``trials`` (Chosens, in this order).

    Hard links: a thousand trials with pictures are gigabytes; copies where there can be none. ``for_others``: another
    user will read it: the files are made readable to all. What keeps people out are the folders above them.
    """
    os.mkdir(folder, 0o755)
    index = []
    for number, one in enumerate(trials):
        name = f'{number:06d}.npz'
        path = os.path.join(folder, name)
        try:
            os.link(one.path, path)
        except OSError:
            shutil.copyfile(one.path, path)
        if for_others:
            os.chmod(path, 0o444)
        index.append({'file': name, 'purpose': one.purpose, 'candidate': one.candidate})
    write_json(os.path.join(folder, INDEX), index, 0o444)
