"""A little of the fuzzer that speaks DDS with a live gate; it is run longer by hand, on an idle machine."""

import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('domain_coordinator', reason='needs ROS 2')

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / 'scripts' / 'fuzz_gate_live.py'


def test_a_live_gate_lets_nothing_unsafe_out_and_lives():
    done = subprocess.run([sys.executable, str(SCRIPT), '--judged', '400', '--alone', '100'], capture_output=True,
                          text=True, timeout=170, check=False)
    told = r'(\d+) requests judged .*: (\d+) unsafe; the gate (\w+)(.*); (\d+) good ones refused'
    said = re.search(told, done.stdout)
    assert said, done.stdout + done.stderr
    # Not how long it took: other tests run beside this one.
    assert int(said[1]) >= 400 and said.groups()[1:] == ('0', 'lives', '', '0'), done.stdout
    assert done.stdout.count('\n  ') >= 8, 'too few rules were met'
