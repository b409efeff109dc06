"""One numeric environment for every process whose figures decide a trial.

Linear algebra libraries choose their kernels by the processor, by the number of threads, and by variables
of the environment; another choice rounds otherwise, and a replay in another shell would differ in the last
bits. So the executables that compute call `settle` before anything imports numpy: one thread, and
kernels chosen by the processor alone. (One thread is also what a lab of eight stations wants.)
"""

import os
import sys

THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMEXPR_NUM_THREADS',
           'OPENCV_FOR_THREADS_NUM')
CHOICES = ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'NPY_DISABLE_CPU_FEATURES', 'NPY_ENABLE_CPU_FEATURES',
           'OPENCV_CPU_DISABLE', 'OPENCV_IPP', 'MKL_CBWR', 'MKL_ENABLE_INSTRUCTIONS')


def settle(environ=None, loaded=None):
    """Put the numeric environment of this process, and of what it starts, in order.

    ``environ``, ``loaded``: those of this process where not given (`os.environ`, `sys.modules`). Raises
    RuntimeError where something had to change and numpy is loaded already: it no longer looks.
    """
    environ = os.environ if environ is None else environ
    loaded = sys.modules if loaded is None else loaded
    wrong = [name for name in THREADS if environ.get(name) != '1'] + [name for name in CHOICES if name in environ]
    if wrong and 'numpy' in loaded:
        raise RuntimeError(f'expected to be called before numpy is imported, and {", ".join(wrong)} would have to '
                           'change: call settle() first in the program')
    for name in CHOICES:
        environ.pop(name, None)
    environ.update(dict.fromkeys(THREADS, '1'))
