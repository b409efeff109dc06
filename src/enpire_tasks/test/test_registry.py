"""Tasks are found by name, and what is no task says what it lacks."""

import sys
import types

import pytest
from enpire_tasks import registry
from enpire_tasks.types import Judgement, frames_digest


def test_push_t_is_found_and_is_a_task():
    task = registry.get('push_t')
    assert task.name == 'push_t' and 'push_t' in registry.names()


@pytest.mark.parametrize('name', ['push', 'Push_T', 'pusht'])
def test_an_unknown_task_is_refused_with_the_nearest_name(name):
    with pytest.raises(registry.UnknownTask, match="'push_t'"):
        registry.get(name)


def test_a_task_that_lacks_something_is_refused_with_what_it_lacks(monkeypatch):
    module = types.ModuleType('enpire_tasks.half.task')
    module.TASK = types.SimpleNamespace(name='half', scene=lambda: None)
    monkeypatch.setitem(sys.modules, 'enpire_tasks.half', types.ModuleType('enpire_tasks.half'))
    monkeypatch.setitem(sys.modules, 'enpire_tasks.half.task', module)
    monkeypatch.setattr(registry, 'names', lambda: ['half'])
    with pytest.raises(TypeError, match='verify'):
        registry.get('half')


@pytest.mark.parametrize('answer, score', [
    ('yes', 1.0), ('success', 1.5), ('success', float('nan')), ('failure', -0.1), ('failure', float('inf'))])
def test_a_judgement_out_of_its_range_is_refused(answer, score):
    with pytest.raises(ValueError, match='expected'):
        Judgement(answer, score, '')


def test_the_digest_of_frames_depends_on_camera_stamp_and_every_pixel():
    import numpy as np
    from enpire_core.types import Frame
    color = np.zeros((2, 2, 3), np.uint8)
    one = color.copy()
    one[1, 1, 2] = 1
    frames = [Frame('a', 0, color), Frame('b', 0, color), Frame('a', 1, color), Frame('a', 0, one)]
    assert len({frames_digest([frame]) for frame in frames}) == 4
    assert frames_digest(frames[:2]) != frames_digest(frames[1::-1])
