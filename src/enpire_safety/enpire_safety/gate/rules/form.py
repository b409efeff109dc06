"""Form: 14 numbers in each array, each of them finite."""

import numpy as np

from enpire_core.joints import JOINT_COUNT, JOINT_NAMES
from enpire_safety.gate.rule import HOLDS, LATCHES, Finding, Rule, Unreadable
from enpire_safety.gate.truth import first_false

STATE_ARRAYS = ('positions', 'velocities', 'efforts')
REQUEST_ARRAYS = ('positions', 'efforts')


def _wrong_shape(thing, names):
    for name in names:
        values = getattr(thing, name)
        if not (isinstance(values, np.ndarray) and values.shape == (JOINT_COUNT,) and values.dtype == np.float64):
            came = f'{values.dtype} {values.shape}' if isinstance(values, np.ndarray) else repr(values)[:60]
            return Finding(f'{name}: expected {JOINT_COUNT} numbers (float64), got {came}')
    return None


def _request_shape(view):
    if isinstance(view.request, Unreadable):
        return Finding(view.request.text)
    return _wrong_shape(view.request, REQUEST_ARRAYS)


def _not_finite(thing, names):
    for name in names:
        values = getattr(thing, name)
        i = first_false(np.isfinite(values))
        if i is not None:
            return Finding(f'{name} of {JOINT_NAMES[i]}: expected a finite number, got {values[i]}',
                           JOINT_NAMES[i], value=float(values[i]))
    return None


REQUEST_SHAPE = Rule(
    'request_shape', 901, HOLDS, '14 joints, 1 to 60 points', '',
    'joint names known, complete and each once; points a tick apart; as many numbers as joints',
    _request_shape)
REQUEST_FINITE = Rule(
    'request_finite', 902, HOLDS, 'finite', '', 'no NaN and no infinity in positions or feed-forward',
    lambda view: _not_finite(view.request, REQUEST_ARRAYS))
STATE_SHAPE = Rule(
    'state_shape', 951, LATCHES, '14 joints', '', 'a joint state names all joints and has three whole arrays',
    lambda view: _wrong_shape(view.state, STATE_ARRAYS))
STATE_FINITE = Rule(
    'state_finite', 952, LATCHES, 'finite', '', 'no NaN and no infinity in what is measured',
    lambda view: _not_finite(view.state, STATE_ARRAYS))
