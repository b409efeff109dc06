#!/usr/bin/env python3
"""Send hostile messages over DDS to a gate that lives, and look whether anything unsafe comes out.

    python scripts/fuzz_gate_live.py [--judged 100000] [--alone 2000] [--seed 1] [--limits .../limits/yam.yaml]

The gate is the real executable, in a process and a ROS domain of its own. A request counts when the gate says that it
has decided it: a topic of depth 1 drops what comes too fast. About every tenth is a good one, whose way to the driver
is timed. It is sent where an honest program could send it: the request before it was answered, is no trajectory with
points still to come, and moves no faster than may be stopped in a tick. After the hostile ones come some good ones
alone, at the same pace, since who slept is slower by a waking. Ends with 1 where something unsafe came out, the gate
died or latched, a good request did not pass, or the slowest hundredth of the good ones took over three times the median
of those alone.
"""

import argparse
import collections
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import domain_coordinator
import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState as JointStateMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from enpire_core import qos
from enpire_core.conversions import command_from_message, command_to_message, joint_state_to_message
from enpire_core.joints import JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_RATE_HZ, TICK_S
from enpire_core.types import JointChunk
from enpire_interfaces.msg import SafetyState
from enpire_safety.fuzz import Hostile, Judge
from enpire_safety.gate import limits as gate_limits
from enpire_safety.gate.station_model import StationModel

LIMITS = Path(__file__).resolve().parents[2] / 'enpire_description' / 'limits' / 'yam.yaml'
GOOD_EVERY, RESTART_EVERY, FIRST_TICK = 10, 2000, 1000
PATIENCE_S, ANSWER_S, SLOWER = 20.0, 0.02, 3.0
REMEMBERED = 100  # ticks
LOOK_S = 0.05  # so often whether the gate lives
NAMES = ('', 'elbow', 'left_joint1', 'x' * 100_000, 'left_joint1\0', '\u202e')


class Messages:
    """Turns what `fuzz.Hostile` draws into messages, and spoils some of them as only a message can be spoilt."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def of(self, request):
        """Return a JointTrajectory of ``request``, or None where it has a form that no message can have."""
        points = request.points if isinstance(request, JointChunk) else (request,)
        if not (isinstance(request.stamp_ns, int) and abs(request.stamp_ns) < 2**31 * NANOSECONDS):
            return None
        try:
            message = command_to_message(points[0])
            message.points = [self._point(point, i) for i, point in enumerate(points)]
        except (TypeError, ValueError, AssertionError, OverflowError, AttributeError):
            return None
        if self._rng.random() < 0.3:
            (self._names, self._lengths, self._points, self._stamp, self._derivatives)[self._rng.integers(5)](message)
        return message

    def _point(self, point, number):
        made = command_to_message(point).points[0]
        ahead_ns = (number + 1) * NANOSECONDS // TICK_RATE_HZ
        made.time_from_start.sec, made.time_from_start.nanosec = divmod(ahead_ns, NANOSECONDS)
        return made

    def _names(self, message):
        names = list(JOINT_NAMES)
        names[self._rng.integers(JOINT_COUNT)] = NAMES[self._rng.integers(len(NAMES))]
        self._rng.shuffle(names)
        message.joint_names = names[:self._rng.integers(JOINT_COUNT + 1)] if self._rng.random() < 0.3 else names

    def _lengths(self, message):
        point = message.points[0]
        count = int(self._rng.choice([0, 1, 13, 15, 1000]))
        setattr(point, ('positions', 'effort')[self._rng.integers(2)], [0.1] * count)

    def _points(self, message):
        message.points = list(message.points) * int(self._rng.choice([0, 2, 61, 2000]))

    def _stamp(self, message):
        message.header.stamp.sec = int(self._rng.choice([-2**31, -1, 0, 2**31 - 1]))
        message.header.stamp.nanosec = int(self._rng.choice([0, 999_999_999, 10**9, 2**32 - 1]))

    def _derivatives(self, message):
        message.points = [*message.points, JointTrajectoryPoint(velocities=[1e3] * JOINT_COUNT)]


class Live:
    """A gate's process and, in this one, its driver and its trial server."""

    def __init__(self, limits_file, folder):
        words = {'robot_limits': limits_file, 'run_dir': folder, 'simulated': 'true'}
        program = os.path.join(get_package_prefix('enpire_safety'), 'lib', 'enpire_safety', 'safety_gate')
        self.gate = subprocess.Popen(
            [program, '--ros-args', '-r', '__ns:=/fuzz', '--disable-external-lib-logs', '--log-level', 'fatal',
             *(word for name, value in words.items() for word in ('-p', f'{name}:={value}'))])
        self.node = rclpy.create_node('fuzz', namespace='/fuzz')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.states = self.node.create_publisher(JointStateMessage, 'joint_states', qos.SENSOR)
        self.requests = self.node.create_publisher(JointTrajectory, 'joint_trajectory_request', qos.COMMAND)
        self.node.create_subscription(SafetyState, 'safety_state', self._on_safety, qos.STATE)
        self.node.create_subscription(JointTrajectory, 'joint_trajectory', self._on_command, qos.COMMAND)
        self.safety, self.commands, self.heard_s = None, [], 0.0

    def _on_safety(self, message):
        self.safety, self.heard_s = message, time.perf_counter()

    def _on_command(self, message):
        self.commands.append((command_from_message(message), time.perf_counter()))

    @property
    def decided(self):
        """How many requests the gate has decided, by its own word."""
        return 0 if self.safety is None else self.safety.passed + self.safety.refused

    def is_about(self, stamp):
        """Whether the gate's last word is about the request of ``stamp``."""
        return self.safety is not None and self.safety.request_stamp == stamp

    def until(self, condition, seconds):
        """Spin until ``condition()``; return whether it came true within ``seconds``."""
        end = time.monotonic() + seconds
        while not condition():
            left_s = end - time.monotonic()
            if left_s <= 0.0 or self.gate.poll() is not None:
                return condition()
            self._executor.spin_once(timeout_sec=min(left_s, LOOK_S))
        return True

    def close(self):
        """End the gate as a person would; return its exit code."""
        self.gate.send_signal(signal.SIGINT)
        code = self.gate.wait(timeout=PATIENCE_S)
        self.node.destroy_node()
        return code


class Fuzz:
    """Sends, and judges what comes out."""

    def __init__(self, live, limits, seed):
        self._live, self._judge, self._limits = live, Judge(limits), limits
        self._model, self._hostile, self._messages = StationModel(limits.body), Hostile(limits, seed), Messages(seed)
        self._tick, self._at, self._asked, self._following = FIRST_TICK, None, None, None
        self.unsafe, self.rules, self.latencies, self.judged, self.refused_good = [], collections.Counter(), [], 0, []
        self._restart_tick = FIRST_TICK
        self.is_settled = True  # whether an honest program could ask for something now
        self._is_alone = True  # whether no earlier request waits, is on its way or has points to come
        self.gaps = []  # wall seconds that the gate had nothing to do before each good one
        self._heard_s = time.perf_counter()
        self._sent = {}  # stamp: (state, the set-point that its answer may follow), of the newest ticks
        self._answers = {}  # stamp: (when its command came, whether it was a hold)

    def step(self, good, gap_s=0.0):
        """One tick: a state and a request; not before the gate has had nothing to do for ``gap_s``."""
        self._judge_commands()  # one that nobody waited for any more is judged, too
        if self._at is None or (self._tick >= self._restart_tick and good and self._following is None):
            self._at = self._asked = self._hostile.start(self._judge)
            self._restart_tick = self._tick + RESTART_EVERY
        live, still = self._live, np.zeros(JOINT_COUNT)
        self.is_settled, was_alone, self._is_alone = False, self._is_alone, False
        state = self._hostile.state(self._tick, self._at, still, self._model.resting_efforts(self._at))
        self._tick += 1
        request = self._hostile.good(state) if good else self._hostile.request(state, self._asked)
        message = command_to_message(request) if good else self._messages.of(request)
        if message is None:
            return
        self._keep(state)
        while time.perf_counter() < self._heard_s + gap_s:
            pass  # awake, as one is who judges a hostile one
        gap_s = time.perf_counter() - self._heard_s
        live.states.publish(joint_state_to_message(state))
        before, sent_s = live.decided, time.perf_counter()
        live.requests.publish(message)
        # A word about the request before this one may still be on its way.
        if not live.until(lambda: live.decided > before and (not good or live.is_about(message.header.stamp)),
                          PATIENCE_S if good else ANSWER_S):
            if good:
                self.refused_good.append(f'no word about that of {request.stamp_ns} ns')
            return  # it waits for a state that may never come: the next request takes its place
        self.judged += live.decided - before
        passed = live.safety.decision == SafetyState.DECISION_PASSED
        answered = live.until(lambda: self._is_answered(state), PATIENCE_S if good and passed else ANSWER_S)
        self.rules[live.safety.rule or 'passed'] += 1
        if good and not (passed and answered):
            self.refused_good.append(f'{live.safety.rule}: {live.safety.reason}' if answered else 'no command')
        if good and answered:
            self.latencies.append(self._answers[state.stamp_ns][0] - sent_s)
            self.gaps.append(gap_s)
        self._heard_s = live.heard_s
        self._following = self._at if passed and answered else None
        if answered and live.is_about(message.header.stamp):
            # A hold ends whatever else was there. A refusal alone doesn't: it may be of a request that came after
            # another one, on its way for longer, had taken the tick.
            held = not passed and self._answers[state.stamp_ns][1]
            self._is_alone = held or (passed and was_alone and len(message.points) == 1)
            self.is_settled = held or (self._is_alone and self._can_stop(state))

    def _can_stop(self, state):
        """Whether the set-point, reached in one step, may stand still a tick later, noise of the joints included."""
        speed = np.abs(self._at - self._sent[state.stamp_ns][1]) / TICK_S
        return (speed <= 0.8 * self._limits.acceleration * TICK_S).all()

    def _keep(self, state):
        """Remember what an answer to ``state`` is judged by."""
        self._sent[state.stamp_ns] = state, state.positions if self._following is None else self._following
        for stamp_ns in list(self._sent)[:-REMEMBERED]:
            del self._sent[stamp_ns]
            self._answers.pop(stamp_ns, None)

    def _is_answered(self, state):
        self._judge_commands()
        return state.stamp_ns in self._answers

    def _judge_commands(self):
        """Judge what came, each command by the state that it answers."""
        for command, came_s in self._live.commands:
            if command.stamp_ns not in self._sent:
                self.unsafe.append(f'a command for {command.stamp_ns} ns, of which no state was sent lately')
                continue
            state, last = self._sent[command.stamp_ns]
            is_hold = (command.positions == state.positions).all() and not command.efforts.any()
            broken = self._judge.unsafe(command, state, None if is_hold else last)
            if broken:
                self.unsafe.append(f'{command.stamp_ns} ns: {broken}')
            self._answers[command.stamp_ns] = came_s, is_hold
            self._at = self._asked = command.positions
        self._live.commands[:] = []


def main():
    """Fuzz, and say what came of it."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--judged', type=int, default=100_000)
    options.add_argument('--alone', type=int, default=2000)
    options.add_argument('--seed', type=int, default=1)
    options.add_argument('--limits', type=Path, default=LIMITS)
    chosen = options.parse_args()
    with domain_coordinator.domain_id() as domain, tempfile.TemporaryDirectory(prefix='enpire_fuzz_') as folder:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        rclpy.init()
        live = Live(str(chosen.limits), folder)
        try:
            return _fuzz(live, gate_limits.load(chosen.limits)['robot'], chosen)
        finally:
            live.gate.kill()
            live.gate.wait()
            rclpy.try_shutdown()


def _fuzz(live, limits, chosen):
    if not live.until(lambda: live.safety is not None and live.states.get_subscription_count()
                      and live.requests.get_subscription_count(), PATIENCE_S):
        print('expected a gate that says that it is there, got none')
        return 1
    fuzz, began = Fuzz(live, limits, chosen.seed), time.monotonic()
    hostile = 0
    while fuzz.judged < chosen.judged and live.gate.poll() is None and not len(fuzz.unsafe) > 20:
        good = hostile >= GOOD_EVERY - 1 and fuzz.is_settled
        fuzz.step(good)
        hostile = 0 if good else hostile + 1
    between, gaps, fuzz.latencies = fuzz.latencies, np.random.default_rng(chosen.seed).permutation(fuzz.gaps), []
    while not fuzz.is_settled and live.gate.poll() is None:
        fuzz.step(good=False)
    for gap_s in gaps[:chosen.alone]:
        fuzz.step(good=True, gap_s=gap_s)
    latched, alive = live.safety.mode == SafetyState.MODE_LATCHED, live.gate.poll() is None
    code = live.close() if alive else live.gate.returncode
    return _tell(fuzz, between, latched, alive and code == 0, time.monotonic() - began)


def _tell(fuzz, between, latched, alive, wall_s):
    median, slow = 1e6 * np.median(fuzz.latencies), 1e6 * np.percentile(between, 99)
    for text in fuzz.unsafe[:20]:
        print(f'UNSAFE {text}')
    for text in fuzz.refused_good[:20]:
        print(f'GOOD ONE REFUSED {text}')
    print(f'{fuzz.judged} requests judged by a live gate in {wall_s:.0f} s: {len(fuzz.unsafe)} unsafe; the gate '
          f'{"lives" if alive else "DIED"}{" and LATCHED" if latched else ""}; '
          f'{len(fuzz.refused_good)} good ones refused')
    print(f'good requests alone: median {median:.0f} us, 99th percentile {1e6 * np.percentile(fuzz.latencies, 99):.0f} '
          f'us; between hostile ones: median {1e6 * np.median(between):.0f} us, 99th percentile {slow:.0f} us: '
          f'{slow / median:.2f} times the median of those alone')
    for rule, count in fuzz.rules.most_common():
        print(f'  {rule}: {count}')
    sound = alive and not latched and not fuzz.unsafe and not fuzz.refused_good and slow <= SLOWER * median
    return 0 if sound else 1


if __name__ == '__main__':
    sys.exit(main())
