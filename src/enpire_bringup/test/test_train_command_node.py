"""`enpire train` with a real train server: metrics, artifact, exit codes."""

import os
import pathlib
import subprocess
import sys

import pytest
from bringup_waiting import until

pytest.importorskip('rclpy')
pytest.importorskip('enpire_interfaces.msg')

from test_commands_node import call, ctrl_c, environment, meanwhile, own_domain, station  # noqa: E402, F401

RESEARCH = pathlib.Path(__file__).resolve().parents[2] / 'enpire_research' / 'test'
SCRIPT = """
from enpire_policy.training import artifact_path, report, seed
import time
for step in range(3):
    report(step, loss=seed / (1 + step))
    time.sleep(0.3)
open(artifact_path, 'wb').write({model!r})
"""


@pytest.fixture
def server(tmp_path, own_domain, station):  # noqa: F811
    station()
    process = subprocess.Popen(
        [sys.executable, '-c', 'import sys; from enpire_research.train_server import main; sys.exit(main())',
         '--ros-args', '-r', '__ns:=/lab', '-p', f'run_dir:={tmp_path}/run', '--disable-external-lib-logs'],
        env=environment())
    yield process
    process.terminate()
    process.wait(30)


def script(tmp_path, text):
    path = tmp_path / 'train.py'
    path.write_text(text)
    return str(path)


def test_a_training_shows_its_metrics_and_its_artifact(tmp_path, server):
    sys.path.insert(0, str(RESEARCH))
    try:
        import onnx_models
    finally:
        sys.path.remove(str(RESEARCH))
    code, text = call('train', script(tmp_path, SCRIPT.format(model=onnx_models.linear())), '--seed', '6',
                      '--training-id', 'one')
    assert code == 0, text
    for step, value in enumerate((6, 3, 2)):
        assert f'step {step}  loss {value}' in text
    artifact = text.split('artifact ')[1].split()[0]
    assert pathlib.Path(artifact).read_bytes() == onnx_models.linear() and os.path.basename(artifact)[:64] in text


@pytest.mark.parametrize('words, code, said', [
    ([], 1, 'error 306'), (['--query', 'stauts=failed'], 2, "the nearest known one is 'status'"),
    (['--minutes', '0'], 2, 'time_budget_s'), (['--memory', 'nan'], 2, 'expected numbers'),
    (['--minutes', 'inf'], 2, 'expected numbers')])
def test_what_goes_wrong_is_told_with_an_exit_code(tmp_path, server, words, code, said):
    found, text = call('train', script(tmp_path, 'pass'), *words)
    assert found == code and said in text, text


def test_ctrl_c_cancels_a_training(tmp_path, server):
    def interrupt():
        logs = (tmp_path / 'run' / 'training').glob
        until(lambda: any(log.read_text() for log in logs('*/output.log')), 'the script')
        ctrl_c()
    with meanwhile(interrupt):
        code, text = call('train', script(tmp_path, "import time\nprint('begun')\ntime.sleep(1000)"))
    assert code == 2 and 'error 308' in text


def test_without_a_lab_or_its_train_server_it_says_so(tmp_path, station):  # noqa: F811
    code, text = call('train', script(tmp_path, 'pass'))
    assert code == 2 and 'no station in ROS domain' in text
    station()
    code, text = call('train', script(tmp_path, 'pass'))
    assert code == 2 and 'its train server is only just starting' in text
