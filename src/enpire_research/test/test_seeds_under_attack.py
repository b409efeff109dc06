"""What a policy could find out about the seeds of its trial: whether it is of the exam, and where the next ones begin.

Not covered: the run folder and other processes: the sandbox closes them (`test_sandbox_attacks.py` of enpire_safety).
"""

import os
import re

import audit_helpers
import pytest
import trial_helpers
from campaign_helpers import SECRET
from enpire_core.seeds import derive
from enpire_research.campaign import seeds

# Prints all that it was handed: environment, words, descriptors, files, and the plain values of every frame above it.
NOSY = '''
import os, re, sys

PLAIN = (dict, list, tuple, str, int, float, bytes, bool)
# Descriptors have the numbers that were free in the server.
NUMBERS = ('argv', 'read_fd', 'write_fd', 'pictures_fd')


def read(path):
    with open(path, 'rb') as handle:
        return handle.read()


def hidden(text):
    text = re.sub(' at 0x[0-9a-f]+', ' somewhere', text)
    for word, name in {os.environ['HOME']: 'HOME', os.environ['ENPIRE_POLICY_MARK']: 'MARK'}.items():
        text = text.replace(word, name)
    return text


def run(robot):
    print('environment', hidden(repr(sorted(os.environ.items()))))
    print('words', hidden(repr(sys.argv[:1])), len(sys.argv), len(os.listdir('/proc/self/fd')))
    print('files', os.listdir('.'), os.listdir(os.environ['HOME']))
    print('limits', read('/proc/self/limits'), read('/proc/self/comm'), os.nice(0))
    frame = sys._getframe().f_back
    while frame is not None:
        for name, value in sorted(frame.f_locals.items()):
            if isinstance(value, PLAIN) and name not in NUMBERS and not name.startswith('__'):
                print(frame.f_code.co_name, name, hidden(repr(value)))
        frame = frame.f_back
'''


def seen(folder, trial_id, seed):
    """Return what a policy prints in a trial of that name, on a station that has just begun."""
    folder.mkdir()
    path = folder.parent / 'nosy.py'
    path.write_text(NOSY)
    runner, _ = trial_helpers.runner(folder)
    with runner:
        report = runner.rollout(trial_id, seed, str(path))
    assert report.error_code == 0, report.error_msg
    return (folder / 'policy_logs' / f'{trial_id}.log').read_text()


def test_a_policy_sees_the_same_in_the_exam_as_in_development(tmp_path):
    seed = seeds.held_out_seed(SECRET, 3)
    exam, development = (seen(tmp_path / name, name, seed) for name in ('i0001-exam-003', 'i0001-screen-003-r1'))
    assert exam == development and 'main start {' in exam and 'main go {' in exam
    # Neither the name of the trial nor its seed, only what follows from the seed and leads nowhere else.
    assert 'i0001' not in exam and str(seed) not in exam and str(derive('policy', seed)) in exam
    keys = re.findall(r"'(\w+)':", exam.split('main start {')[1].split('\n')[0])
    assert {'artifact', 'limits', 'model', 'seed', 'source'} <= set(keys)


def test_until_the_exam_is_over_no_file_of_a_campaign_has_what_it_comes_from_but_the_secrets_own(tmp_path):
    audit_helpers.campaign(tmp_path / 'run', audit_helpers.task_in(tmp_path / 'task'), until=40)
    hidden = [SECRET.hex(), str(seeds.stations_seed(SECRET)),
              *(str(seeds.held_out_seed(SECRET, reset)) for reset in range(audit_helpers.SMALL['exam_resets']))]
    found = {os.path.relpath(os.path.join(base, name), tmp_path / 'run')
             for base, _, names in os.walk(tmp_path / 'run') for name in names
             if any(word.encode() in open(os.path.join(base, name), 'rb').read() for word in hidden)}
    assert found == {'campaign/secret'}
    assert os.stat(tmp_path / 'run' / 'campaign' / 'secret').st_mode & 0o777 == 0o600


def test_what_follows_from_the_secret_has_nothing_to_do_with_the_campaigns_seed_and_differs_by_purpose():
    derived = {seeds.stations_seed(SECRET), *(seeds.held_out_seed(SECRET, reset) for reset in range(100)),
               *(seeds.development_seed(seed, reset) for seed in range(20) for reset in range(100))}
    assert len(derived) == 1 + 100 + 2000
    assert seeds.stations_seed(SECRET) != seeds.stations_seed(SECRET[::-1]) and seeds.stations_seed(SECRET) < 2**63


def test_a_secret_of_another_length_draws_nothing():
    for draw in (seeds.stations_seed, lambda secret: seeds.held_out_seed(secret, 0)):
        with pytest.raises(seeds.SecretError, match='expected a secret of 32 bytes, got 31 bytes'):
            draw(SECRET[1:])
