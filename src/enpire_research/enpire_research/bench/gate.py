"""What the safety gate adds to a command, over a bare rclpy relay between the same two processes.

A process that plays the arm driver sends joint states; one that plays the trial server answers each
with a request, as soon as a policy could (`gate_partner.THINKS_S`); in the middle stands a relay, or the real
executable `safety_gate`, in turns of a block. What is measured is from the request's publication to the command's
arrival. All of it several times, with processes started anew: how they come to lie on cores and in memory moves the
ratio of one start by a quarter either way.
"""

import json
import os
import subprocess
import sys
import tempfile

from ament_index_python.packages import get_package_prefix

from enpire_research.bench.gate_partner import THINKS_S
from enpire_research.bench.statistics import matched, summarise
from enpire_research.trials.trial_setup import robot_limits_file

BLOCK, WARM_UP = 250, 50
LIMIT_S = 300.0


class BenchError(RuntimeError):
    """Something could not be measured; the text says what happened."""


def measure(domain_id, commands, starts):
    """Return the figures of ``commands`` through each middle, in each of ``starts`` starts, in microseconds."""
    return figures([_started(domain_id, commands) for _ in range(starts)])


def _started(domain_id, commands):
    """Return what driver and requester noted of ``commands`` through each middle."""
    with tempfile.TemporaryDirectory(prefix='enpire_bench_') as folder:
        partners = _Partners(folder, dict(os.environ, ROS_DOMAIN_ID=str(domain_id)))
        try:
            partners.start('relay')
            partners.gate()
            partners.start('requester')
            driver = partners.start('driver', commands + WARM_UP, BLOCK)
            try:
                code = driver.wait(timeout=LIMIT_S)
            except subprocess.TimeoutExpired as error:
                raise BenchError(f'gate: expected to be done within {LIMIT_S:g} s') from error
            if code:
                raise BenchError(f'gate: the driver ended with {code}; see what it printed')
        finally:
            partners.stop()
        return partners.found('driver'), partners.found('requester')


def figures(starts):
    """Return the figures out of what the two partners noted in each start: [(driver, requester)], times in ns by stamp.

    Medians and percentiles are of all starts together; 'ratios': of the medians of each.
    """
    found, every = {'resent_states': 0, 'ratios': [], 'thinks_us': 1e6 * THINKS_S}, {}
    for driver, requester in starts:
        sent, received = requester['sent'], driver['received']
        each = {**{middle: _us(sent[middle], received[middle]) for middle in received},
                'decided': _us(sent['gate'], requester['decided'])}
        found['resent_states'] += driver['resent']
        found['ratios'].append(summarise(each['gate']).median / summarise(each['relay']).median)
        for name, durations in each.items():
            every.setdefault(name, []).extend(durations)
    found.update({name: summarise(durations).to_dict() for name, durations in every.items()})
    found['ratio_median'] = found['gate']['median'] / found['relay']['median']
    found['ratio_p99'] = found['gate']['p99'] / found['relay']['p99']
    return found


def _us(sent, received):
    # Stamps are keys of JSON: text that would sort wrongly.
    sent, received = ({int(key): value for key, value in times.items()} for times in (sent, received))
    return [ns / 1000.0 for ns in matched(sent, received, WARM_UP)]


class _Partners:
    def __init__(self, folder, environment):
        self._folder, self._environment = folder, environment
        self._started = []

    def _file(self, role):
        return os.path.join(self._folder, f'{role}.json')

    def start(self, role, *words):
        return self._run([sys.executable, '-m', 'enpire_research.bench.gate_partner', role, self._file(role),
                          *map(str, words)])

    def gate(self):
        program = os.path.join(get_package_prefix('enpire_safety'), 'lib', 'enpire_safety', 'safety_gate')
        # One set of limits, the robot's own: nothing has to be selected.
        values = {'robot_limits': robot_limits_file(), 'run_dir': self._folder, 'simulated': 'true'}
        words = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
        return self._run([program, '--ros-args', '-r', '__ns:=/gate', '--disable-external-lib-logs',
                          '--log-level', 'warn', *words])

    def _run(self, words):
        process = subprocess.Popen(words, env=self._environment)
        self._started.append(process)
        return process

    def stop(self):
        for process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
        for process in self._started:
            try:
                process.wait(timeout=10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def found(self, role):
        with open(self._file(role), encoding='utf-8') as handle:
            return json.load(handle)
