"""What a machine is, as far as figures depend on it. No names of hosts or users."""

import os
import platform

import mujoco
import psutil


def describe():
    """Return {what: text} of this machine and of the software that its figures depend on."""
    return {'cpu': cpu_model(), 'cores': str(psutil.cpu_count()),
            'memory': f'{psutil.virtual_memory().total / 2**30:.0f} GiB',
            'python': '.'.join(platform.python_version_tuple()[:2]), 'mujoco': mujoco.__version__,
            'rendering': os.environ.get('MUJOCO_GL', 'default')}


def cpu_model(path='/proc/cpuinfo'):
    """Return the CPU's model name, or the architecture where the machine does not say."""
    try:
        with open(path, encoding='utf-8') as handle:
            for line in handle:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        return platform.machine()
    return platform.machine()


def priority():
    """Return how this process, and what it starts, goes before others: '' where it does not."""
    if os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO):
        return 'real-time priority'
    nice = os.nice(0)
    return f'priority {nice} (nice)' if nice else ''


def load():
    """Return how many processes ran or waited for a core over the last minute, on average."""
    return round(os.getloadavg()[0], 2)
