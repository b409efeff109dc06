"""The numeric environment is one and the same, wherever a process is started from."""

import pytest
from enpire_core import numerics


def test_one_thread_and_no_choice_of_kernels_is_left():
    environ = {'PATH': '/bin', 'OMP_NUM_THREADS': '8', 'OPENBLAS_CORETYPE': 'Nehalem', 'OPENCV_IPP': 'disabled'}
    numerics.settle(environ, loaded={})
    assert environ == {'PATH': '/bin', **dict.fromkeys(numerics.THREADS, '1')}


def test_settling_again_after_numpy_came_is_fine():
    environ = {}
    numerics.settle(environ, loaded={})
    numerics.settle(environ, loaded={'numpy': None})


def test_settling_too_late_says_what_would_have_to_change():
    environ = dict.fromkeys(numerics.THREADS, '1')
    environ['OPENBLAS_CORETYPE'] = 'Nehalem'
    with pytest.raises(RuntimeError, match='before numpy is imported, and OPENBLAS_CORETYPE would'):
        numerics.settle(environ, loaded={'numpy': None})
    assert environ['OPENBLAS_CORETYPE'] == 'Nehalem'
