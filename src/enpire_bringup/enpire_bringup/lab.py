"""The lab file: which stations there are and what they do. Pure: reads no file, starts nothing.

`load_text` turns the text of a lab file, and the options of a command that go before it, into a `Lab`,
or raises `LabError` with every mistake at once, each with file, line and key.
Not covered: whether task, policy, limits and the programs of COMMANDS exist; `enpire_bringup.run` looks there.
"""

import dataclasses
import os
import re
import typing

import pydantic
import yaml

from enpire_bringup import lab_campaign, yaml_lines
from enpire_core.words import nearest
from enpire_drivers.sim.cameras import parse_profile

NAME = re.compile(r'[A-Za-z][A-Za-z0-9_.-]{0,63}')
UNIT = re.compile(r'[a-z][a-z0-9_]{0,31}')
MOST_UNITS = 64
# A smaller real-time factor would look like silence to the station.
SLOWEST = 0.01
CAMERAS = ('top_camera', 'left_wrist_camera', 'right_wrist_camera')
# Path-like keys that are relative to the lab file (`folder` is relative to where the command is called).
# So are the programs of COMMANDS, where they are paths: else they are looked up on PATH.
FILES = ('policy', 'artifact', 'limits')
COMMANDS = ('operator_hook', 'power_relay')
# Options of the command that are no keys of their own: where their values belong.
PLACES = {'budget': ('campaign', 'trials'), 'secret_file': ('campaign', 'secret_file')}


class LabError(ValueError):
    """A lab file or an option is wrong; one line a mistake."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where the values of a lab were given, for errors; two labs are the same wherever they come from."""

    file: str = dataclasses.field(default='', compare=False)
    lines: typing.Dict[tuple, int] = dataclasses.field(default_factory=dict, compare=False)
    # Path of a value -> the option that gave it.
    options: typing.Dict[tuple, str] = dataclasses.field(default_factory=dict, compare=False)

    def of(self, *path):
        """Return 'my.yaml, line 3: task', 'option task', or 'my.yaml: task' where it is the default."""
        key = '.'.join(str(part) for part in path)
        option = self.option(path)
        if option:
            return f'option {option}: {key}'
        line = f', line {yaml_lines.line_of(self.lines, path)}' if path[:1] in self.lines else ''
        return f'{self.file}{line}: {key}' if self.file else key

    def option(self, path):
        """Return the option that gave the value at ``path``, or one that it lies in; '' for none."""
        return next((self.options[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.options), '')


class Camera(pydantic.BaseModel):
    """Profile of one camera: 'WIDTHxHEIGHTxFRAMES', for example 640x480x15 (pixels, frames a second)."""

    model_config = pydantic.ConfigDict(extra='forbid', frozen=True, strict=True)
    color_profile: str

    @pydantic.field_validator('color_profile')
    @classmethod
    def _shape(cls, value):
        parse_profile(value)
        return value


class Lab(pydantic.BaseModel):
    """A lab as it is started. ``units`` is always a tuple of names here; None: what the task says.

    ``trials`` of one policy, with the ``artifact`` that it loads; or a ``campaign`` that improves it: then ``trials``
    is 0.
    """

    model_config = pydantic.ConfigDict(extra='forbid', frozen=True, strict=True)

    name: str = 'lab'
    folder: str = 'enpire_runs'
    units: typing.Tuple[str, ...] = ('unit0', 'unit1')
    backend: typing.Literal['sim'] = 'sim'
    task: str = 'push_t'
    policy: typing.Optional[str] = None
    artifact: typing.Optional[str] = None
    campaign: typing.Optional[lab_campaign.Campaign] = None
    trials: int = pydantic.Field(20, ge=0, le=1_000_000)
    seed: int = pydantic.Field(1, ge=0, le=2**63 - 1)
    real_time_factor: float = pydantic.Field(0.0, ge=0, le=100, allow_inf_nan=False)
    cameras: typing.Dict[typing.Literal[CAMERAS], Camera] = {}
    limits: typing.Optional[str] = None
    operator_hook: typing.Optional[typing.Tuple[str, ...]] = None
    power_relay: typing.Optional[typing.Tuple[str, ...]] = None
    log_level: typing.Literal['debug', 'info', 'warn', 'error'] = 'info'

    _origin: Origin = pydantic.PrivateAttr(default_factory=Origin)

    def where(self, *path):
        """Return where the key at ``path`` was given, as errors begin: 'my.yaml, line 3: task'."""
        return self._origin.of(*path)

    @property
    def config(self):
        """The CampaignConfig of a campaign, None for plain trials."""
        return None if self.campaign is None else self.campaign.config(self.task, self.seed)

    @property
    def wanted(self):
        """The budget of trials, of whichever kind; 0 without an end."""
        return self.trials if self.campaign is None else self.config.trials

    @pydantic.model_validator(mode='before')
    @classmethod
    def _either(cls, values):
        if isinstance(values, dict) and values.get('campaign') is not None:
            return {'trials': 0, **values}
        return values

    @pydantic.field_validator('campaign', mode='before')
    @classmethod
    def _section(cls, value):
        if not isinstance(value, (dict, lab_campaign.Campaign)):
            raise ValueError('expected keys and values below it, as `trials: 364`, or nothing for a campaign as it '
                             'comes')
        return value

    @pydantic.field_validator('folder', *FILES, *COMMANDS, mode='after')
    @classmethod
    def _printable(cls, value):
        for text in (value,) if isinstance(value, str) else value or ():
            if not text or not text.isprintable():
                raise ValueError('expected text without control characters, and not an empty one')
        return value

    @pydantic.field_validator('name', mode='after')
    @classmethod
    def _name(cls, value):
        if not NAME.fullmatch(value):
            raise ValueError('expected a letter, then letters, digits, _ . or -, 64 at most')
        return value

    @pydantic.field_validator('real_time_factor', mode='after')
    @classmethod
    def _factor(cls, value):
        if not (value == 0 or value >= SLOWEST):
            raise ValueError(f'expected 0 (as fast as it goes) or {SLOWEST} to 100')
        return value

    @pydantic.field_validator('units', mode='before')
    @classmethod
    def _units(cls, value):
        if type(value) is int and 1 <= value <= MOST_UNITS:
            return tuple(f'unit{i}' for i in range(value))
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MOST_UNITS:
            raise ValueError(
                f'expected a number from 1 to {MOST_UNITS}, or a list of as many names'
            )
        for name in value:
            if (
                not isinstance(name, str)
                or not UNIT.fullmatch(name)
                or name == 'lab'
                or '__' in name
            ):
                raise ValueError(
                    f'expected names of small letters, digits and single _ that begin with a '
                    f'letter (not "lab"), got {name!r}'
                )
        twice = [name for name in value if list(value).count(name) > 1]
        if twice:
            raise ValueError(f'expected different names, got {twice[0]!r} twice')
        return tuple(value)

    @pydantic.field_validator(*COMMANDS, mode='before')
    @classmethod
    def _command(cls, value):
        if value is None:
            return None
        if (
            not isinstance(value, (list, tuple))
            or not value
            or not all(isinstance(w, str) for w in value)
        ):
            raise ValueError(
                'expected a command as a list of words, for example [./ask.sh, --loud]'
            )
        return tuple(value)


def load_text(text, file, options=None):
    """Return the `Lab` of a lab file's ``text``.

    ``file``: its path; policy, artifact, limits and programs in it are relative to its folder.
    ``options``: key -> value from the command line; they go before the file, None is "not given".
    """
    try:
        values, lines = yaml_lines.parse(text, file)
    except yaml_lines.YamlError as error:
        raise LabError(str(error)) from error
    _resolve(values, os.path.dirname(os.path.abspath(file)))
    given = {PLACES.get(name, (name,)): (name, value) for name, value in (options or {}).items() if value is not None}
    origin = Origin(file, lines, {path: name for path, (name, _) in given.items()})
    try:
        lab_campaign.settle(values, {path: value for path, (_, value) in given.items()}, lambda path: origin.of(*path))
        lab = Lab.model_validate(values)
    except lab_campaign.Clash as error:
        raise LabError(str(error)) from error
    except pydantic.ValidationError as error:
        problems = sorted(
            error.errors(),
            key=lambda p: (bool(origin.option(_path(p))), yaml_lines.line_of(lines, _path(p))),
        )
        raise LabError('\n'.join(_explain(problem, origin) for problem in problems)) from error
    lab._origin = origin
    wrong = lab.campaign and lab_campaign.problem(lab.campaign, lab.task, lab.seed)
    if wrong:
        name, text = wrong
        raise LabError(f'{lab.where(*(("campaign", name) if name in lab_campaign.FIGURES else (name,)))}: {text}')
    return lab


def _resolve(values, folder):
    """Make paths in ``values`` of a lab file absolute: they are relative to its ``folder``."""
    if 'campaign' in values and values['campaign'] is None:
        values['campaign'] = {}  # `campaign:` and nothing below it
    campaign = values.get('campaign')
    for section, keys in ((values, FILES), (campaign if isinstance(campaign, dict) else {}, ('secret_file',))):
        for key in keys:
            if isinstance(section.get(key), str) and section[key]:
                section[key] = os.path.join(folder, os.path.expanduser(section[key]))
    for key in COMMANDS:
        words = values.get(key)
        if isinstance(words, list) and words and isinstance(words[0], str) and '/' in words[0]:
            values[key] = [os.path.join(folder, os.path.expanduser(words[0])), *words[1:]]


def _path(problem):
    return tuple(part for part in problem['loc'] if part != '[key]')


def _explain(problem, origin):
    path = _path(problem)
    key = '.'.join(str(part) for part in path)
    option = origin.option(path)
    where = f'option {option}' if option else f'{origin.file}, line {yaml_lines.line_of(origin.lines, path)}'
    if problem['type'] == 'extra_forbidden':
        return f'{where}: unknown key {key!r}; {_nearest(path)}'
    if '[key]' in problem['loc']:
        return f'{where}: unknown camera {path[-1]!r}; {nearest(str(path[-1]), CAMERAS)}'
    text = problem['msg']
    if text.startswith('Value error, '):
        text = text[len('Value error, ') :]
    else:
        text = 'expected ' + text[0].lower() + text[1:].replace('Input should be ', '')
        text = text.replace('expected input should be', 'expected')
    got = '' if ', got ' in text else f', got {problem["input"]!r}'
    return f'{where}: {key}: {text}{got}'


def _nearest(path):
    known = (Lab if len(path) == 1 else lab_campaign.Campaign if path[0] == 'campaign' else Camera).model_fields
    return nearest(str(path[-1]), known)


def dump(lab):
    """Return a `Lab` as the text of a lab file that gives it again."""
    values = lab.model_dump(mode='json', exclude_none=True)
    if lab.campaign is not None:
        del values['trials']
    return yaml.safe_dump(
        {key: value for key, value in values.items() if value != {}}, sort_keys=False
    )
