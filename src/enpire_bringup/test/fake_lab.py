"""`enpire lab` with fake programs, for tests: `python fake_lab.py FOLDER [arguments of enpire]`.

The programs wait for a signal; the runner writes three reports and then does what FAKE_RUNNER says:
'done', 'broken' (exit code 5) or 'wait'. The research node runs a synthetic campaign, goes on with it where there is
one, to its end or, with 'wait', for ten trials; with 'killed' it is killed then, once. Only what needs other packages
is replaced: task and scene.
FAKE_SCENE says what the scene does: 'slow' (it waits for a signal) or 'full' (the disk is full).
"""

import errno
import os
import pathlib
import signal
import sys
import types

from enpire_bringup import cli, processes, run

PACKAGES = {
    'enpire_drivers': ['sim_station'],
    'enpire_safety': ['safety_gate'],
    'enpire_research': ['trial_server', 'trial_runner', 'train_server', 'research'],
    'enpire_bringup': ['lab_view'],
}
WAITS = """#!{python}
import signal, sys
print('ready', flush=True)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
while True:
    signal.pause()
"""
RUNNER = """#!{python}
import os, signal, sys, time, yaml
words = sys.argv
values = yaml.safe_load(open(words[words.index('--params-file') + 1]))
values = values['/lab/trial_runner']['ros__parameters']
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.report import Report
unit = values['units'][0]
box = Outbox(os.path.join(values['run_dir'], unit, 'outbox'))
for number, (phase, status) in enumerate([
        ('reset', 'succeeded'), ('rollout', 'succeeded'), ('reset', 'succeeded'),
        ('rollout', 'failed'), ('reset', 'void')]):
    box.put(Report(unit, 'push_t', f't{{number // 2}}', phase, 1, True, status=status, tries=1,
                   started_at_ns=time.time_ns(), wall_duration_s=2.0, end_ns=10**10))
print('reports are written', flush=True)
what = os.environ['FAKE_RUNNER']
if what == 'broken':
    print('the runner has no idea', flush=True)
    sys.exit(5)
if what == 'wait':
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    signal.pause()
"""


RESEARCH = """#!{python}
import os, signal, sys, yaml
words = sys.argv
values = yaml.safe_load(open(words[words.index('--params-file') + 1]))
values = values['/lab/research']['ros__parameters']
sys.path.append({tests!r})
import synthetic_campaigns
folder = os.path.join(values['run_dir'], 'campaign')
what, there = os.environ['FAKE_RUNNER'], os.path.exists(os.path.join(folder, 'ledger.jsonl'))
stops = what == 'wait' or (what == 'killed' and not there)
synthetic_campaigns.campaign(folder, until=10 if stops else None)
print('ten trials are done' if stops else 'the campaign is over', flush=True)
if what == 'killed' and stops:
    os.kill(os.getpid(), signal.SIGKILL)
if stops:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    signal.pause()
"""
PROGRAMS = {'trial_runner': RUNNER, 'research': RESEARCH}
TESTS_OF_RESEARCH = str(pathlib.Path(__file__).resolve().parents[2] / 'enpire_research' / 'test')


def write_programs(prefix):
    """Make an ament prefix with the fake programs."""
    for package, executables in PACKAGES.items():
        marker = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages' / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        for executable in executables:
            path = prefix / 'lib' / package / executable
            path.parent.mkdir(parents=True, exist_ok=True)
            text = PROGRAMS.get(executable, WAITS)
            path.write_text(text.format(python=sys.executable, tests=TESTS_OF_RESEARCH))
            path.chmod(0o755)


def write_scene(folder, task):
    """Stand for the compiler of scenes."""
    what = os.environ.get('FAKE_SCENE')
    if what == 'slow':
        print('compiling the scene', flush=True)
        signal.pause()
    if what == 'full':
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
    os.mkdir(folder)


def main():
    """Run the command."""
    folder = pathlib.Path(sys.argv[1])
    write_programs(folder / 'prefix')
    os.environ['AMENT_PREFIX_PATH'] = str(folder / 'prefix')
    task = types.SimpleNamespace(name='push_t')
    files = processes.LabFiles('robot.yaml', 'task.yaml', 'start.py')
    run.find_files = lambda lab: (task, files)
    run._write_scene = write_scene
    sys.argv = ['enpire', *sys.argv[2:]]
    cli.main()


if __name__ == '__main__':
    main()
