"""What a task adds to a station, as plain data: drivers need not import tasks."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TaskScene:
    """The objects of a task.

    ``xml``: an MJCF document whose worldbody is in frame station, added to the station's own model;
    ``assets``: the files that it names, by name; ``object_joints``: its free joints;
    ``initial_qpos``: joint name -> values where the world begins (free joint: x y z [m], qw qx qy qz).
    """

    name: str
    xml: str
    assets: dict = field(default_factory=dict)
    object_joints: tuple = ()
    initial_qpos: dict = field(default_factory=dict)
