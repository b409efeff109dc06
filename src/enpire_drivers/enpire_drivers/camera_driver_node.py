"""Node `camera_driver` of a simulated station: what its three cameras see, when somebody looks.

Publishes   <camera>/color/image_raw (rgb8), <camera>/color/camera_info,
            <camera>/depth/image_rect_raw (16UC1, millimetres), <camera>/depth/camera_info
            for top_camera, left_wrist_camera, right_wrist_camera; /diagnostics at 1 Hz
Serves      <camera>/hw_reset (std_srvs/Empty, as realsense-ros has it)
Parameters  CameraDriverParameters

A frame is published when its tick comes, if it has subscribers, and again at 20 Hz of wall time for a
second (then at 2 Hz) while the world waits: a sample that was lost, or a subscriber that came late,
gets the frame of the present. Receivers drop what they have by its stamp. Colour and depth of a
camera share one optical frame, as on a D405. camera_info is the nominal one: a station's camera is a
little off it.

On silence: there is no input. A camera that can't render says so in /diagnostics from the start and
publishes nothing until hw_reset: whoever needs its frames sees them grow old. So it is while the arm
driver, which holds the world, is put away; frames come again when it is configured again.
"""

import math
import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from enpire_core import conversions, qos
from enpire_core.node import ManagedNode
from enpire_core.params import parameter
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Empty

from enpire_drivers.conversions import camera_info_message, diagnostics_message
from enpire_drivers.sim.cameras import DEFAULT_PROFILES, parse_profile

BEAT_S = 0.05
FAST_REPEATS = 20
SLOW_REPEAT_S = 0.5
DIAGNOSTICS_S = 1.0
NO_WORLD = 'expected the arm driver to be configured: it opens the world that the cameras look at'
# Reliable, the newest only. A picture goes out in many pieces and best effort loses some of them: at
# 640x480 about a quarter, found again only with the next beat. Who subscribes with the
# sensor profile is served too. A subscriber that hangs does not stop the publisher.
FRAMES = qos.IMAGES
_PROFILE_TEXT = 'width and height in pixels and frames a second (5, 6, 10, 15 or 30) of '


@dataclass(frozen=True)
class CameraDriverParameters:
    """Parameters of `camera_driver`."""

    top: str = parameter(DEFAULT_PROFILES['top_camera'], _PROFILE_TEXT + 'the camera above the table',
                         name='top_camera.color_profile')
    left_wrist: str = parameter(DEFAULT_PROFILES['left_wrist_camera'], _PROFILE_TEXT + "the left arm's camera",
                                name='left_wrist_camera.color_profile')
    right_wrist: str = parameter(DEFAULT_PROFILES['right_wrist_camera'], _PROFILE_TEXT + "the right arm's camera",
                                 name='right_wrist_camera.color_profile')

    def __post_init__(self):
        """Refuse a profile that is none."""
        self.profiles()

    def profiles(self):
        """Return the Profile of each camera by its name."""
        texts = {'top_camera': self.top, 'left_wrist_camera': self.left_wrist,
                 'right_wrist_camera': self.right_wrist}
        return {camera: parse_profile(text, f'{camera}.color_profile') for camera, text in texts.items()}


class Stream:
    """One topic and what was last sent on it. ``make``: returns the message of the newest frame."""

    def __init__(self, publisher, make):
        self.publisher, self._make = publisher, make
        self.sent = 0
        self._stamp_ns, self._watchers, self._repeats, self._sent_s = -1, 0, 0, -math.inf

    def offer(self, stamp_ns, wall_s):
        """Publish the frame of ``stamp_ns`` if somebody looks and it is new, missing or due again."""
        watchers = self.publisher.get_subscription_count()
        if watchers == 0:
            self._watchers = 0
            return
        joined, self._watchers = watchers > self._watchers, watchers
        if stamp_ns != self._stamp_ns or joined:
            self._repeats = 0
        else:
            age_s = wall_s - self._sent_s
            if 0.0 <= age_s < (0.8 * BEAT_S if self._repeats < FAST_REPEATS else SLOW_REPEAT_S):
                return
            self._repeats += 1
        self.publisher.publish(self._make())
        self.sent += 1
        self._stamp_ns, self._sent_s = stamp_ns, wall_s


class CameraDriver(ManagedNode):
    """The node; ``bench`` holds the station. ``wall``: a steady clock in seconds."""

    def __init__(self, bench, wall=time.monotonic, **kwargs):
        super().__init__('camera_driver', CameraDriverParameters, **kwargs)
        self._bench, self._wall = bench, wall
        bench.profiles = self.parameters.profiles()
        self._streams = {}
        self._beat_timer = None
        self._station = None
        self._version = -1
        self._reported_s = -math.inf
        self._watcher = self.guard(self._on_moved, 'publishing frames')

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Offer the topics and services of each camera."""
        if self._bench.station is None:
            raise ValueError(NO_WORLD)
        self._diagnostics = self.own(self.create_publisher(DiagnosticArray, '/diagnostics', qos.EVENTS))
        self.opened.callback(self._streams.clear)
        for camera in self._bench.station.cameras:
            frame_id = f'{self._bench.unit}/{camera}_color_optical_frame'
            self._streams[camera] = [
                # Depth first: a frame with depth has the colour too, and is rendered once for both.
                self._stream(Image, f'{camera}/depth/image_rect_raw', self._depth, camera, frame_id),
                self._stream(Image, f'{camera}/color/image_raw', self._color, camera, frame_id),
                self._stream(CameraInfo, f'{camera}/color/camera_info', self._info, camera, frame_id),
                self._stream(CameraInfo, f'{camera}/depth/camera_info', self._info, camera, frame_id)]
            self.own(self.create_service(
                Empty, f'{camera}/hw_reset',
                lambda request, response, camera=camera: self._on_reset(camera, response)))

    def _stream(self, kind, topic, make, camera, frame_id):
        publisher = self.own(self.create_publisher(kind, topic, FRAMES))
        return Stream(publisher, lambda: make(camera, frame_id))

    def start(self):
        """Begin to watch the station."""
        self._look_for_station()
        self._beat_timer = self.create_steady_timer(BEAT_S, self._on_beat)
        self._bench.watch(self._watcher)

    def hold(self):
        """Publish nothing more."""
        self._bench.unwatch(self._watcher)
        if self._beat_timer is not None:
            self.destroy_timer(self._beat_timer)
            self._beat_timer = None

    def on_fault(self, text):
        """Publish no frame any more, and say so in /diagnostics until `hw_reset`."""
        self.fault = text

    def _look_for_station(self):
        """Take up the station that the bench holds now, and what is known about its cameras."""
        self._station, self._version = self._bench.station, -1
        self.fault = NO_WORLD if self._station is None else self._bench.camera_trouble
        if self.fault:
            # The arms move all the same; whoever needs a frame sees that none comes.
            self.get_logger().error(self.fault)

    # ---- frames ----------------------------------------------------------------------------
    def _on_moved(self):
        # The hot path: topics are looked at only where a camera has a new frame.
        version = self._bench.station.frames_version
        if version != self._version and not self.fault:
            self._version = version
            self._offer(self._wall())

    def _on_beat(self):
        wall_s = self._wall()
        if self._bench.station is not self._station:
            self._look_for_station()
        if not 0.0 <= wall_s - self._reported_s < DIAGNOSTICS_S:
            self._report_diagnostics(wall_s)
        if not self.fault:
            self._offer(wall_s)

    def _offer(self, wall_s):
        station = self._bench.station
        for camera, streams in self._streams.items():
            stamp_ns = station.frame_stamp(camera)
            for stream in streams:
                stream.offer(stamp_ns, wall_s)

    def _color(self, camera, frame_id):
        return conversions.color_to_image(self._bench.station.frame(camera), frame_id)

    def _depth(self, camera, frame_id):
        return conversions.depth_to_image(self._bench.station.frame(camera, depth=True), frame_id)

    def _info(self, camera, frame_id):
        station = self._bench.station
        return camera_info_message(station.camera_info(camera), station.frame_stamp(camera), frame_id)

    def _on_reset(self, camera, response):
        self.get_logger().warning(f'{camera}: hw_reset: what was rendered is dropped')
        if self._bench.station is not None:
            self._bench.station.reset_camera(camera)
            self._bench.forgive_camera()
            self.fault = ''
        return response

    # ---- diagnostics -----------------------------------------------------------------------
    def _report_diagnostics(self, wall_s):
        self._reported_s = wall_s
        station = self._bench.station
        values = {}
        for camera, streams in self._streams.items():
            values[f'{camera}.profile'] = self._bench.profiles[camera]
            values[f'{camera}.images_sent'] = streams[0].sent + streams[1].sent
            values[f'{camera}.rendered'] = 0 if station is None else station.rendered(camera)
        self._diagnostics.publish(diagnostics_message(
            self.get_clock().now().to_msg(), f'{self.get_namespace()}/camera_driver', self._bench.unit,
            DiagnosticStatus.ERROR if self.fault else DiagnosticStatus.OK,
            self.fault or 'frames are rendered when somebody looks', values))
