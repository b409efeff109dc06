"""A Station on the graph: requests to the safety gate, states from the arm driver, frames on demand.

It has a node of its own (`trial_link`) with nothing but the topics of a tick, and spins it itself in the
thread that runs the trial: no hand-over between threads, and a wait set that is quick to build.

After each request it waits for BOTH the next joint state and the gate's word about the request, in
whatever order they come. StationFault: nothing heard from the driver or the gate for `Silence`
seconds of wall time, stamps that advance by themselves, a service that fails. Latched: the gate says so.
"""

import time
from dataclasses import dataclass

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rcl_interfaces.srv import GetParameters
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMessage
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from enpire_core import executors, qos
from enpire_core.conversions import (ConversionError, command_to_message, joint_state_from_message,
                                     pixels_from_image, stamp_to_ns)
from enpire_core.ticks import NANOSECONDS, ns_to_tick, tick_to_ns
from enpire_core.types import EpisodeEnd, EpisodeStart, Frame
from enpire_drivers.sim.cameras import CAMERAS, parse_profile
from enpire_interfaces.msg import SafetyState, TrialReport
from enpire_interfaces.srv import BeginEpisode, EndEpisode, SelectLimits
from enpire_research.trials.episode import MEASURED_RULES
from enpire_research.trials.station import Cancelled, Latched, Refused, StationFault, never

# rclpy's default QoS events cost time in every tick, and the partner logs the same.
_QUIET_OUT = {'event_callbacks': PublisherEventCallbacks(use_default_callbacks=False)}
_QUIET_IN = {'event_callbacks': SubscriptionEventCallbacks(use_default_callbacks=False)}
DRIVER, GATE = 'driver', 'gate'
_PHASES = {'reset': TrialReport.PHASE_RESET, 'rollout': TrialReport.PHASE_ROLLOUT}
# Longer than from one frame of the slowest camera to the next: who takes every frame stays subscribed. Each frame that
# nobody takes is rendered all the same.
CAMERA_KEPT_NS = NANOSECONDS // 5
# Age beyond which a real camera's frame is none of the present.
CAMERA_FRESH_NS = NANOSECONDS // 2
LATCHED_ANSWER_S = 1.0
_SPIN_S = 0.1
# Between two looks while the policy thinks: half a second, and some for a busy machine.
_THINKING_S = 1.0
_AGAIN_S = 0.5
_RESEND_S = 2.0


@dataclass(frozen=True)
class Silence:
    """Wall seconds after which a partner that says nothing counts as dead."""

    driver_s: float = 3.0
    gate_s: float = 3.0
    camera_s: float = 5.0
    service_s: float = 10.0


class GraphStation:
    """One station in ``namespace`` ('/unit0').

    ``camera_info``: called with a camera's name and its size, returns the nominal CameraInfo;
    ``context``: rclpy's; ``wall``: steady seconds.
    """

    def __init__(self, unit, namespace, camera_info, *, simulated=True, silence=Silence(), context=None,
                 wall=time.monotonic):
        self.unit, self.simulated = unit, simulated
        self._camera_info, self._silence, self._wall = camera_info, silence, wall
        self._node = rclpy.create_node(
            'trial_link', namespace=namespace, context=context, start_parameter_services=False, enable_rosout=False,
            use_global_arguments=False)
        self._executor = executors.quick(context)
        self._executor.add_node(self._node)
        node = self._node
        self._requests = node.create_publisher(JointTrajectory, 'joint_trajectory_request', qos.COMMAND, **_QUIET_OUT)
        self._alive = node.create_publisher(Empty, 'sim/keep_alive', qos.SENSOR, **_QUIET_OUT)
        node.create_subscription(JointStateMessage, 'joint_states', self._on_state, qos.SENSOR, **_QUIET_IN)
        node.create_subscription(SafetyState, 'safety_state', self._on_safety, qos.STATE, **_QUIET_IN)
        self._clients = {
            'begin': node.create_client(BeginEpisode, 'arm_driver/begin_episode'),
            'end': node.create_client(EndEpisode, 'arm_driver/end_episode'),
            'put_back': node.create_client(Trigger, 'arm_driver/put_back'),
            'select': node.create_client(SelectLimits, 'safety_gate/select_limits'),
            'profiles': node.create_client(GetParameters, 'camera_driver/get_parameters')}
        self._state = self._safety = None
        self._driver_heard = self._gate_heard = self._looked = 0.0
        self._trial_id, self._in_episode = '', False
        self._cancelled = never
        self._looks, self._profiles = {}, None
        self._malformed = ''

    def close(self):
        """Take the node off the graph; may be called twice."""
        if self._node is not None:
            self._executor.remove_node(self._node)
            self._executor.shutdown()
            self._node.destroy_node()
            self._node = None

    # ---- what comes in ---------------------------------------------------------------------
    def _on_state(self, message):
        self._driver_heard = self._wall()
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._state is not None and stamp_ns == self._state.stamp_ns:
            return
        try:
            self._state = joint_state_from_message(message)
        except ConversionError as error:
            self._malformed = f'joint_states: {error}'

    def _on_safety(self, message):
        self._gate_heard = self._wall()
        self._safety = message

    # ---- waiting ---------------------------------------------------------------------------
    def _wait(self, done, what, seconds=None, cancelled=never, busy=()):
        """Spin until ``done()``; StationFault where a partner dies, or after ``seconds`` (None: no end).

        ``what``: it in words, or who returns them.
        ``busy``: of DRIVER and GATE, who does what it was asked for and may say nothing meanwhile (a record
        on a slow disk, the first picture); ``seconds`` alone bounds that.
        """
        # Nobody was listening before: silence counts from now.
        began = self._looked = self._driver_heard = self._gate_heard = self._wall()
        while not done():
            self._executor.spin_once(timeout_sec=_SPIN_S)
            if self._malformed:
                raise StationFault(self._malformed)
            if cancelled():
                raise Cancelled
            now = self._wall()
            self._check_alive(now, 2 * _SPIN_S, busy)
            if seconds is not None and not now - began <= seconds:
                raise StationFault(f'{what() if callable(what) else what} did not happen within {seconds:g} s')

    def _check_alive(self, now, pace_s, busy=()):
        """StationFault where a partner is silent; ``pace_s``: how far apart two looks are at most."""
        # If it was this process that stood still, what the others said meanwhile waits to be read.
        deaf_s = max(0.0, now - self._looked - pace_s)
        self._driver_heard = min(now, self._driver_heard + deaf_s)
        self._gate_heard = min(now, self._gate_heard + deaf_s)
        self._looked = now
        limit = self._silence
        if DRIVER not in busy and not now - self._driver_heard <= limit.driver_s:
            raise StationFault(f'the arm driver is silent: no joint_states for {limit.driver_s:g} s (is sim_station '
                               'alive?)')
        if GATE not in busy and not now - self._gate_heard <= limit.gate_s:
            raise StationFault(f'the safety gate is silent: no safety_state for {limit.gate_s:g} s (is safety_gate '
                               'alive?)')

    def _check_latched(self):
        safety = self._safety
        if safety is not None and safety.mode == SafetyState.MODE_LATCHED:
            raise Latched(safety.reason, safety.rule)

    def _call(self, name, request):
        client = self._clients[name]
        limit = self._silence.service_s
        self._wait(client.service_is_ready, f'the service {client.srv_name} appearing', limit)
        futures = []
        sent = float('-inf')

        def answered():
            nonlocal sent
            if any(future.done() for future in futures):
                return True
            # A killed server stays in the graph for a while and takes requests with it: ask again. Who hears
            # it twice answers the first one first, and that answer counts; the second one changes nothing.
            if self._wall() - sent >= _RESEND_S:
                sent = self._wall()
                futures.append(client.call_async(request))
            return False
        try:
            self._wait(answered, f'an answer of {client.srv_name}', limit,
                       busy=(GATE,) if name == 'select' else (DRIVER,))
        finally:
            for future in futures:
                if not future.done():
                    client.remove_pending_request(future)
        return next(future.result() for future in futures if future.done())

    # ---- Station ---------------------------------------------------------------------------
    def wait_ready(self, cancelled):
        """See Station."""
        self._cancelled = cancelled  # until the episode has begun: once it has, it must be ended, too
        # Who was never heard is not dead yet: to find each other takes a while on a busy machine.
        unheard = [partner for partner, said in ((DRIVER, self._state), (GATE, self._safety)) if said is None]
        self._wait(lambda: self._state is not None and self._safety is not None
                   and self._requests.get_subscription_count() > 0, 'hearing from the arm driver and the gate',
                   self._silence.service_s, cancelled, unheard)
        for client in self._clients.values():
            self._wait(client.service_is_ready, f'the service {client.srv_name} appearing', self._silence.service_s,
                       cancelled)

    def begin(self, trial_id, phase):
        """See Station."""
        self._check_latched()
        if self._profiles is None:
            self._profiles = self._ask_profiles()
        answer = self._begin(BeginEpisode.Request(trial_id=trial_id, phase=_PHASES[phase]))
        self._trial_id, self._in_episode = trial_id, True
        stamp_ns = stamp_to_ns(answer.stamp)
        self._wait(lambda: self._state.stamp_ns == stamp_ns, f'a joint state of {stamp_ns} ns')
        return EpisodeStart(stamp_ns, answer.record, answer.digest)

    def _begin(self, request):
        """Begin, again and again for a while: an episode whose server died has to break and run out first."""
        end = self._wall() + self._silence.service_s
        while True:
            answer = self._call('begin', request)
            if answer.success:
                return answer
            if self._wall() >= end:
                raise StationFault(f'the arm driver did not begin the episode: {answer.message}')
            again = self._wall() + _AGAIN_S
            self._wait(lambda until=again: self._wall() >= until, 'a pause', cancelled=self._cancelled)

    def observe(self):
        """See Station."""
        return self._state

    def step(self, command):
        """See Station."""
        stamp_ns = command.stamp_ns
        next_ns = tick_to_ns(ns_to_tick(stamp_ns) + 1) if self.simulated else None
        sec, nanosec = divmod(stamp_ns, NANOSECONDS)
        about = Time(sec=sec, nanosec=nanosec)
        # An older word may be about the same stamp: that of a fresh gate is about 0, and replays go back.
        before = _decided(self._safety)
        message = command_to_message(command)
        self._requests.publish(message)
        sent = self._wall()
        answer = _Answer(self._wall)

        def decided_and_moved():
            nonlocal sent
            safety = self._safety
            answer.decided, answer.moved = _decided(safety) != before, self._state.stamp_ns != stamp_ns
            # A gate that was started a moment ago may not have been found yet: it is heard, and knows of nothing.
            # One that was only slow hears it twice, and decides it once.
            if self.simulated and not (answer.decided or answer.moved) and self._wall() - sent >= _RESEND_S:
                self._requests.publish(message)
                sent = self._wall()
            answer.came = answer.decided and answer.moved and safety.request_stamp == about
            return answer.came or answer.hopeless(safety.mode == SafetyState.MODE_LATCHED)
        self._wait(decided_and_moved, lambda: f'the answer to a request ({answer})', self._silence.service_s)
        # A request that passed was decided before the latch, which is then about the state after it: the
        # next request meets it. So a trial ends in the same tick whether or not that word is here already.
        if not (answer.came and self._safety.decision == SafetyState.DECISION_PASSED):
            self._check_latched()
        state = self._state
        if next_ns is not None and state.stamp_ns != next_ns:
            raise StationFault(f'lockstep is lost: expected the joint state of {next_ns} ns, got {state.stamp_ns} ns')
        self._drop_unused_cameras(state.stamp_ns)
        if self._safety.decision != SafetyState.DECISION_PASSED:
            raise self._refused(state)
        return state

    def _refused(self, state):
        safety = self._safety
        return Refused(safety.reason, state, safety.rule, safety.joint, safety.limit, safety.value,
                       safety.quantity_unit)

    def select_limits(self, profile):
        """See Station."""
        # The steady time names the call: no other one has it, nor one of a server that was started anew.
        answer = self._call('select', SelectLimits.Request(profile=profile, call_id=repr(self._wall())))
        if not answer.success:
            raise StationFault(f'the gate did not select its limits: {answer.message}')

    def waiting(self):
        """See Station. Also looks whether the world still stands still and its nodes still live."""
        self._alive.publish(Empty())
        before = self._state
        for _ in range(20):  # what has queued up since the last look
            self._executor.spin_once(timeout_sec=0.0)
        if not self._in_episode:
            return
        if self._safety.rule not in MEASURED_RULES:  # the next request meets such a latch, however long this takes
            self._check_latched()
        if self.simulated and self._state.stamp_ns != before.stamp_ns:
            raise StationFault('lockstep is lost: the clock advances without a request of ours')
        self._check_alive(self._wall(), _THINKING_S)

    def put_back(self):
        """See Station. A real station's driver has no hand: an operator comes, or nobody does."""
        if not self.simulated:
            return False
        answer = self._call('put_back', Trigger.Request())
        if not answer.success:
            raise StationFault(f'the objects could not be put back: {answer.message}')
        return True

    def end(self, cut_off=''):
        """See Station."""
        self._in_episode = False
        self._drop_cameras(list(self._looks))
        answer = self._call('end', EndEpisode.Request(trial_id=self._trial_id, fault=cut_off))
        if not answer.success and not answer.digest and self.simulated:
            raise StationFault(f'the arm driver did not end the episode: {answer.message}')
        return EpisodeEnd(stamp_to_ns(answer.stamp), answer.digest, answer.message)

    # ---- cameras ---------------------------------------------------------------------------
    def _ask_profiles(self):
        """Return {camera: Profile} as the camera driver has them."""
        names = [f'{camera}.color_profile' for camera in CAMERAS]
        answer = self._call('profiles', GetParameters.Request(names=names))
        try:
            return {camera: parse_profile(value.string_value, name)
                    for camera, name, value in zip(CAMERAS, names, answer.values)}
        except ValueError as error:
            raise StationFault(f'camera_driver: {error}') from error

    def cameras(self):
        """See Station."""
        return CAMERAS

    def camera_period(self, camera):
        """See Station."""
        return self._profiles[camera].period_ticks if self.simulated else 0

    def camera_info(self, camera):
        """See Station."""
        if camera not in self._profiles:
            raise ValueError(f'camera: expected one of {", ".join(CAMERAS)}, got {camera!r}')
        profile = self._profiles[camera]
        return self._camera_info(camera, profile.width, profile.height)

    def capture(self, camera):
        """See Station. Subscribes at the first call; a fifth of a second of the unit's clock later it lets go."""
        if camera not in CAMERAS:
            raise ValueError(f'camera: expected one of {", ".join(CAMERAS)}, got {camera!r}')
        look = self._looks.get(camera)
        if look is None:
            look = self._looks[camera] = _Look(self._node, camera)
        now_ns = self._state.stamp_ns
        look.used_ns = now_ns
        if self.simulated:
            period = self._profiles[camera].period_ticks
            newest_ns = tick_to_ns(ns_to_tick(now_ns) // period * period)
            self._wait(lambda: look.stamp_ns == newest_ns, f'{camera}: a frame of {newest_ns} ns',
                       self._silence.camera_s, busy=(DRIVER,))
        else:
            self._wait(lambda: look.stamp_ns is not None and now_ns - look.stamp_ns <= CAMERA_FRESH_NS,
                       f'{camera}: a fresh frame', self._silence.camera_s)
        try:
            return look.frame()
        except ConversionError as error:
            raise StationFault(f'{camera}: {error}') from error

    def _drop_unused_cameras(self, now_ns):
        if self._looks:
            self._drop_cameras([camera for camera, look in self._looks.items()
                                if now_ns - look.used_ns > CAMERA_KEPT_NS])

    def _drop_cameras(self, cameras):
        for camera in cameras:
            self._looks.pop(camera).close()


def _decided(safety):
    """How many requests the gate has decided, by its own word."""
    return safety.passed + safety.refused


class _Answer:
    """Whether the answer to a request came, and whether it is worth waiting for. ``wall``: steady seconds.

    A latched gate answers too, with a hold. One that was started anew has never heard of the request.
    """

    def __init__(self, wall):
        self.came = self.decided = self.moved = False
        self._wall, self._latched_s = wall, None

    def __str__(self):
        return (f'the gate {"decided it" if self.decided else "has not decided it"}, '
                f'the driver {"has moved" if self.moved else "has not moved"}')

    def hopeless(self, latched):
        """Return whether the gate has been latched for LATCHED_ANSWER_S without an answer."""
        if not latched:
            self._latched_s = None
            return False
        now = self._wall()
        self._latched_s = now if self._latched_s is None else self._latched_s
        return not now - self._latched_s <= LATCHED_ANSWER_S


class _Look:
    """The subscription to one camera's colour."""

    def __init__(self, node, camera):
        self._node, self._camera = node, camera
        self._message = None
        self.stamp_ns, self.used_ns = None, 0
        self._subscription = node.create_subscription(Image, f'{camera}/color/image_raw', self._on_image, qos.IMAGES,
                                                      **_QUIET_IN)

    def _on_image(self, message):
        self._message, self.stamp_ns = message, stamp_to_ns(message.header.stamp)

    def frame(self):
        """Return the newest image as a Frame; ConversionError where it can't be read."""
        return Frame(self._camera, self.stamp_ns, np.ascontiguousarray(pixels_from_image(self._message)))

    def close(self):
        self._node.destroy_subscription(self._subscription)


