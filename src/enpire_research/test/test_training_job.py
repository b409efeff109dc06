"""A training as one call: what a script gets, and every way in which it can end."""

import json
import math
import os
import re
import subprocess
import sys
import time

import numpy as np
import onnx_models
import pytest
from enpire_core.processes import every_stat
from enpire_research.training import data, job, onnx_file
from enpire_safety.sandbox import family

MIB = 1 << 20
GOOD = onnx_models.linear()
ACTION = os.path.join(os.path.dirname(__file__), '..', '..', 'enpire_interfaces', 'action', 'Train.action')
# Folders of the test that runs: what its trainings are told of lies in one of them.
OWN = []
WRITE = f"""
from enpire_policy import training
from enpire_policy.training import artifact_path, report, seed, threads, trials
def write(data):
    with open(artifact_path, 'wb') as handle:
        handle.write(data)
GOOD = {GOOD!r}
"""


def train(folder, script, feedback=job.never, cancelled=job.never, trials=(), **goal):
    """Run a script (WRITE goes before it) and return its Outcome."""
    os.makedirs(folder / 'training', exist_ok=True)
    values = {'seed': 5, 'time_budget_s': 60.0, 'memory_budget_bytes': 500 * MIB, 'threads': 1, 'nice': 19, **goal}
    hooks = job.Hooks(time.monotonic, feedback, 0.1, cancelled, print, dict(os.environ))
    return job.run(job.Job(WRITE + script, trials=trials, folder=str(folder / 'training'),
                           artifacts=str(folder / 'artifacts'), **values), hooks)


def nothing_is_left(mark='enpire_policy_'):
    """Return whether no process of a training lives, and no home is left."""
    import tempfile

    homes = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(mark)]
    return not homes and not [pid for pid in every_stat() if is_training(pid)]


def is_training(pid):
    try:
        with open(f'/proc/{pid}/environ', 'rb') as handle:
            found = handle.read()
        return family.MARK.encode() + b'=' in found and any(str(folder).encode() in found for folder in OWN)
    except OSError:
        return False


@pytest.fixture(autouse=True)
def own_tmpdir(tmp_path, open_folder, monkeypatch):
    """Homes of this test's trainings lie in a folder of its own, which another user may enter; their data elsewhere."""
    (open_folder / 'homes').mkdir()
    OWN[:] = tmp_path, open_folder
    monkeypatch.setenv('TMPDIR', str(open_folder / 'homes'))
    monkeypatch.setattr('tempfile.tempdir', None)


def test_the_codes_are_those_of_the_action():
    with open(ACTION, encoding='utf-8') as handle:
        known = {name: int(value) for name, value in re.findall(r'ERROR_(\w+)=(\d+)', handle.read())}
    ours = {'NONE': job.NONE, 'INVALID_GOAL': job.INVALID_GOAL, 'BUSY': job.BUSY,
            'SCRIPT_UNREADABLE': job.UNREADABLE, 'SCRIPT_FAILED': job.FAILED, 'TIME_BUDGET': job.TIME,
            'MEMORY_BUDGET': job.MEMORY, 'NO_ARTIFACT': job.NO_ARTIFACT, 'BAD_ARTIFACT': job.BAD_ARTIFACT,
            'CANCELED': job.CANCELED, 'INTERNAL': job.INTERNAL}
    assert ours == known


def test_a_script_reports_writes_an_artifact_and_succeeds(tmp_path):
    heard = []
    outcome = train(tmp_path, """
import os, random, numpy
assert (seed, threads, os.environ['OMP_NUM_THREADS']) == (5, 1, '1') and training.time_left() < 60
assert os.getcwd() == os.environ['HOME'] and os.nice(0) == 19 and list(trials()) == []
assert not [name for name in os.environ if name.startswith(('ROS_DOMAIN', 'SSH', 'PS'))]
for step in range(3):
    report(step, loss=1.0 / (step + 1), draw=random.random())
report(3, nan=float('nan'), draw=numpy.random.random())
print('almost there')
write(GOOD)
""", lambda *what: heard.append(what))
    assert outcome.code == 0, outcome.text
    assert open(outcome.artifact_file, 'rb').read() == GOOD
    assert outcome.artifact_file.endswith(f'artifacts/{outcome.artifact_hash}.onnx')
    assert (outcome.inputs, outcome.outputs) == ({'pose': 'float32 (any, 3)'}, {'push': 'float32 (any, 2)'})
    assert outcome.metrics['loss'] == pytest.approx(1 / 3) and math.isnan(outcome.metrics['nan'])
    assert 0 < outcome.cpu_s <= outcome.wall_s + 1
    lines = [json.loads(line) for line in open(tmp_path / 'training' / 'metrics.jsonl')]
    assert [line['step'] for line in lines] == [0, 1, 2, 3] and lines[3]['metrics']['nan'] is None
    assert heard[-1][0] == 3 and 'almost there' in (tmp_path / 'training' / 'output.log').read_text()
    kept = json.loads((tmp_path / 'training' / 'result.json').read_text())
    assert kept['artifact_hash'] == outcome.artifact_hash and kept['metrics']['nan'] is None
    assert nothing_is_left()


@pytest.mark.parametrize('script, code, words', [
    ('def f(:\n    pass', job.UNREADABLE, 'train.py does not compile, line 8: def f(: (SyntaxError: invalid syntax)'),
    ('raise ValueError("no data")', job.FAILED, 'ValueError: no data'),
    ('import sys; sys.exit(3)', job.FAILED, 'it exited with status 3'),
    ('raise SystemExit("no trials: choose others")', job.FAILED, 'Its last line: no trials: choose others'),
    (r'raise ValueError("\udc80 is half")', job.FAILED, r'ValueError: \udc80 is half'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)', job.FAILED, 'SIGSEGV'),
    ('import os; os._exit(0)', job.NO_ARTIFACT, 'write its artifact to'),
    ('pass', job.NO_ARTIFACT, 'write its artifact to'),
    ('import os; os.mkfifo(artifact_path)', job.BAD_ARTIFACT, 'something that is no file'),
    ('import os; os.symlink("/etc/passwd", artifact_path)', job.BAD_ARTIFACT, 'cannot be read'),
    ('write(b"")', job.BAD_ARTIFACT, 'expected an ONNX model'),
    ('write(b"no model")', job.BAD_ARTIFACT, 'expected an ONNX model'),
    ('write(GOOD[:-30])', job.BAD_ARTIFACT, 'expected an ONNX model'),
    (f'write({onnx_models.linear(bias=(np.nan, 1))!r})', job.BAD_ARTIFACT, "NaN or infinity in 'bias'"),
    (f'write({onnx_models.linear(bias=(np.inf, 1), raw=False)!r})', job.BAD_ARTIFACT, "NaN or infinity in 'bias'"),
    (f'write({onnx_models.linear(bias=(3e38, 1), weights=((1, 1),) * 3)!r})', 0, ''),
    ('write(b"x" * (64 * 1024 * 1024 + 1))', job.BAD_ARTIFACT, 'at most 67108864 bytes'),
    ('import enpire_policy.training as t; t.report(-1, x=1)', job.FAILED, 'step: expected a whole number from 0'),
    ('report(1)', job.FAILED, 'expected 1 to 64 metrics'),
    ('import os; os.mkdir(artifact_path)', job.BAD_ARTIFACT, 'a folder'),
    ('bytearray(10 ** 13)', job.MEMORY, 'asked for more memory')])
def test_each_way_to_end_has_its_code_and_its_text(tmp_path, script, code, words):
    outcome = train(tmp_path, script)
    assert outcome.code == code and words in outcome.text, outcome.text
    assert nothing_is_left() and (tmp_path / 'training' / 'result.json').exists()
    assert bool(outcome.artifact_file) is (code == 0)


def test_a_script_that_hangs_is_ended_with_all_that_it_started_when_its_time_is_over(tmp_path):
    outcome = train(tmp_path, """
import subprocess, time
subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True)
import os; os.close(int(__import__('json').loads(os.environ['ENPIRE_TRAINING'])['pipe']))
time.sleep(1000)
""", time_budget_s=2.0)
    assert outcome.code == job.TIME and 'expected the end within 2 s' in outcome.text
    assert outcome.wall_s < 20 and nothing_is_left()


@pytest.mark.parametrize('script', [
    'held = []\nwhile True:\n    held.append(b"x" * (1 << 20))',
    'import subprocess, sys, time\ncode = "import time; x = b\'x\' * (150 << 20); time.sleep(100)"\n'
    'for _ in range(4):\n    subprocess.Popen([sys.executable, "-c", code])\ntime.sleep(100)'])
def test_memory_is_counted_with_that_of_children(tmp_path, script):
    outcome = train(tmp_path, script, memory_budget_bytes=400 * MIB)
    assert outcome.code == job.MEMORY and 'expected at most 400 MiB of memory' in outcome.text
    assert nothing_is_left()


def test_memory_that_is_shared_counts_once(tmp_path):
    outcome = train(tmp_path, """
import os, time
held = b'x' * (200 << 20)
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        time.sleep(1.5)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
write(GOOD)
""", memory_budget_bytes=450 * MIB)
    assert outcome.code == 0, outcome.text


def test_no_file_in_memory_is_larger_than_the_budget(tmp_path):
    outcome = train(tmp_path, """
import os
file = os.memfd_create('x')
try:
    os.posix_fallocate(file, 0, 401 << 20)
except OSError as error:
    print(error)
    write(GOOD)
""", memory_budget_bytes=400 * MIB)
    assert outcome.code == 0 and 'File too large' in (tmp_path / 'training' / 'output.log').read_text()


def test_modules_that_a_script_leaves_behind_do_not_look_into_its_artifact(tmp_path):
    outcome = train(tmp_path, f"""
import os
os.makedirs('enpire_research/training')
for path in ('enpire_research/__init__.py', 'enpire_research/training/__init__.py'):
    open(path, 'w').close()
with open('enpire_research/training/check.py', 'w') as handle:
    handle.write('from enpire_policy import training; training.send(dict(op="checked", inputs=dict(), outputs=dict()))')
write({onnx_models.linear(bias=(np.nan, 1))!r})
""")
    assert outcome.code == job.BAD_ARTIFACT and "NaN or infinity in 'bias'" in outcome.text


def test_half_a_surrogate_pair_in_the_name_of_a_metric_can_be_published(tmp_path):
    outcome = train(tmp_path, r'report(0, **{"\udc80": 1.0}); write(GOOD)')
    assert outcome.code == 0 and outcome.metrics == {r'\udc80': 1.0}


def test_a_cancel_ends_it_and_says_so(tmp_path):
    steps = []
    outcome = train(tmp_path, 'report(7, x=1)\nimport time; time.sleep(1000)',
                    lambda step, *_: steps.append(step), lambda: 7 in steps)
    assert outcome.code == job.CANCELED and nothing_is_left()


def test_what_a_script_writes_into_the_pipe_itself_harms_nobody(tmp_path):
    outcome = train(tmp_path, """
import json, os
pipe = json.loads(os.environ['ENPIRE_TRAINING'])['pipe']
for line in (b'{', b'[1]', b'{"op": "checked", "inputs": 5}', b'{"step": true, "metrics": {"a": 1}}', b'\\xff' * 200000,
             b'{"step": 1, "metrics": {"a": "b"}}', b'{"step": 1e3, "metrics": {"a": 1}}', b'[' * 100000,
             b'{"step": 3, "metrics": {"a": 1' + b'0' * 400 + b'}}'):
    os.write(pipe, line + b'\\n')
report(2, fine=1)
""")
    assert outcome.code == job.NO_ARTIFACT and outcome.metrics == {'fine': 1.0}


def test_a_killed_server_leaves_no_process_and_no_home(tmp_path):
    program = f"""
import os, sys, time
sys.path[:0] = {sys.path!r}
import test_training_job as this
import pathlib
this.train(pathlib.Path({str(tmp_path)!r}), '''
import subprocess, sys, time
subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True)
report(1, x=1)
time.sleep(1000)
''', lambda step, *_: step and print('runs', flush=True))
"""
    server = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b'runs\n'
    assert [pid for pid in every_stat() if is_training(pid)]
    server.kill()
    server.wait()
    end = time.monotonic() + 20
    while not nothing_is_left():
        assert time.monotonic() < end, (os.listdir(os.environ['TMPDIR']), [
            pid for pid in every_stat() if is_training(pid)])
        time.sleep(0.05)


def test_threads_are_told_to_numeric_libraries(tmp_path):
    outcome = train(tmp_path, "import os; assert os.environ['OMP_NUM_THREADS'] == '3'; write(GOOD)", threads=3)
    assert outcome.code == 0, outcome.text


def test_the_environment_of_the_nominal_task_runs_in_a_training(tmp_path):
    """It needs robot, limits, scene and renderer, all of which a script may see."""
    outcome = train(tmp_path, """
import gymnasium
from enpire_research.training.environment import ENVIRONMENT
env = gymnasium.make(ENVIRONMENT, render_mode='rgb_array')
env.reset(seed=seed)
_, reward, *_ = env.step(env.action_space.sample())
report(0, reward=reward, pixels=env.render().size)
write(GOOD)
""", memory_budget_bytes=2000 * MIB)
    assert outcome.code == 0, outcome.text
    assert outcome.metrics['pixels'] > 0


# ---- the file ------------------------------------------------------------------------------
@pytest.mark.parametrize('kind', [onnx_models.FLOAT, onnx_models.FLOAT16, onnx_models.DOUBLE])
def test_numbers_that_are_not_finite_are_found_by_name_in_every_type(kind):
    bad = onnx_models.tensor('w', [1.0, math.inf], kind)
    good = onnx_models.tensor('v', [1.0, 2.0], kind)
    assert onnx_file.bad_numbers(onnx_models.model([], [good, bad], [], [])) == ['w']


def test_numbers_of_nodes_and_of_graphs_in_nodes_are_looked_at_too():
    constant = onnx_models.node('Constant', [], ['c'], onnx_models.piece(5, onnx_models.piece(1, 'value')
                                + onnx_models.piece(5, onnx_models.tensor('inside', [math.nan]))))
    graph = onnx_models.piece(5, onnx_models.tensor('deep', [math.nan]))
    loop = onnx_models.node('If', ['c'], ['d'], onnx_models.piece(5, onnx_models.piece(6, graph)))
    assert onnx_file.bad_numbers(onnx_models.model([constant, loop], [], [], [])) == ['inside', 'deep']


def test_a_constant_of_a_node_may_be_infinite_and_a_weight_may_not():
    mask = onnx_models.node('Constant', [], ['c'], onnx_models.piece(5, onnx_models.piece(1, 'value')
                            + onnx_models.piece(5, onnx_models.tensor('mask', [-math.inf]))))
    weight = onnx_models.tensor('w', [math.inf])
    assert onnx_file.bad_numbers(onnx_models.model([mask], [weight], [], [])) == ['w']


def test_numbers_in_other_files_are_refused():
    elsewhere = onnx_models.piece(8, 'w') + onnx_models.number(14, 1)
    with pytest.raises(onnx_file.OnnxError, match='external_data=False'):
        onnx_file.bad_numbers(onnx_models.model([], [elsewhere], [], []))


def test_cut_off_or_random_bytes_raise_nothing_else():
    draw = np.random.default_rng(3)
    for size in range(0, len(GOOD)):
        bytes_of = [GOOD[:size], bytes(draw.integers(0, 256, size, dtype=np.uint8))]
        for data_of in bytes_of:
            try:
                onnx_file.bad_numbers(data_of)
            except onnx_file.OnnxError:
                continue


def test_trials_are_laid_out_in_order(tmp_path):
    (tmp_path / 'a.npz').write_bytes(b'x')
    data.lay_out([data.Chosen(str(tmp_path / 'a.npz'), 'unit0', 'a', 'screen', 3)], str(tmp_path / 'data'))
    assert (tmp_path / 'data' / '000000.npz').read_bytes() == b'x'
    assert json.loads((tmp_path / 'data' / 'trials.json').read_text()) == [
        {'file': '000000.npz', 'purpose': 'screen', 'candidate': 3}]
