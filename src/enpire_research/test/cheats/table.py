"""The table of the cheats: what each tries, what stops it, and how a test takes that away to see it win.

`python src/enpire_research/test/cheats/table.py > docs/cheats.md` writes the page.
"""

import ast
import pathlib
from dataclasses import dataclass

FOLDER = pathlib.Path(__file__).resolve().parent
SANDBOX = 'the sandbox'
VOID = 'no retreat, and what the verifier can\'t judge counts as a fault of the station'


@dataclass(frozen=True)
class Cheat:
    """``fence``: what stops it; ``removed``: how a test takes that away, '': it doesn't, and ``note`` says why.

    ``codes``: of Rollout.action, or of Train.action, those that it may end with; all of them FAILED. ``folder``: below
    this one, '': this one.
    """

    name: str
    fence: str = SANDBOX
    removed: str = 'a launcher that confines nothing'
    codes: tuple = (206,)
    note: str = ''
    folder: str = ''

    @property
    def path(self):
        """Its file."""
        return FOLDER / self.folder / f'{self.name}.py'

    @property
    def tries(self):
        """What it tries: the first line of its file."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding='utf-8'))).split('\n')[0]

    @property
    def row(self):
        """Its row of the page."""
        codes = ', '.join(map(str, self.codes))
        return (f'| `{self.name}` | {self.tries} | {self.fence} | FAILED, code {codes} | '
                f'{self.removed or "not shown"} | {"it succeeds" if self.removed else self.note} |')


POLICIES = (
    Cheat('write_ledger'), Cheat('write_verifier'), Cheat('link_ledger_hard'), Cheat('link_ledger_soft'),
    Cheat('import_verifier'), Cheat('import_simulator'), Cheat('seed_from_proc'), Cheat('seed_from_memory'),
    Cheat('seed_from_environment', 'the environment of a policy is made anew', 'it inherits that of the server',
          codes=(0,)),
    Cheat('seed_from_shared_memory'),
    Cheat('seed_from_descriptors', 'it has those descriptors that it is handed', 'it inherits one of the server',
          codes=(0,)),
    Cheat('held_out_by_name'),
    Cheat('held_out_by_time', 'nothing that a policy is told of time depends on what a trial is for',
          'a held-out trial that is a tick shorter', codes=(0,)),
    Cheat('talk_dds'), Cheat('join_discovery'),
    Cheat('talk_tcp'), Cheat('talk_unix'), Cheat('kill_parent'), Cheat('signal_storm'),
    Cheat('fork_bomb', 'the sandbox bounds the number of processes'),
    Cheat('leave_child', 'all processes of a policy are dead before the verdict', 'nobody kills them', codes=(0,)),
    Cheat('flood_output', 'what is kept of the output is bounded', 'a bound eight times as high', codes=(211,)),
    Cheat('flood_requests', 'requests without a motion are counted', 'a count that is never reached', codes=(209,)),
    Cheat('jump', 'the gate', 'a gate that passes what it is asked', codes=(212,)),
    Cheat('crash', 'a crash is a failure of the policy', 'a crash counts as a fault of the station', codes=(207,)),
    Cheat('gigantic_message', 'the size of a message is bounded', '', codes=(210,),
          note='without the bound the trial server would wait for four gigabytes and the policy would be silent'),
    Cheat('paint_pictures', 'the memory is sealed', '', codes=(206,),
          note='the kernel refuses it for ever once sealed, also without the sandbox'),
)

PUSH_T = tuple(Cheat(name, fence, removed, (0,), folder='push_t') for name, fence, removed in (
    ('hide_object', 'the retreat; and what can\'t be judged has failed', VOID),
    ('cover_camera', 'the retreat; and what can\'t be judged has failed', VOID),
    ('throw_away', 'a T that is gone has failed; a hand puts it back at the next reset',
     'a T that is gone counts as a fault of the station'),
    ('hold_object', 'the retreat: what it disturbs counts', 'no retreat'),
    ('time_out_in_motion', 'the verdict is from frames taken after the retreat', 'no retreat'),
    ('paint_goal', 'the retreat; and a verifier that looks for the T, not for a goal that is covered',
     'no retreat, and a verifier that asks how much of the goal is to be seen'),
))

GRAPH = tuple(Cheat(name, folder='graph') for name in (
    'publish_trajectory', 'call_clear', 'call_trip', 'say_safety_state', 'say_safety_event', 'say_verdict'))

TRAINING = (
    Cheat('write_ledger', codes=(303,), folder='training'), Cheat('read_secret', codes=(303,), folder='training'),
    Cheat('leave_child', 'its guard kills all that a training has started', 'it is started without a guard', (306,),
          folder='training'),
    Cheat('pickle_artifact', 'an artifact is an ONNX file, or nothing', 'a server that loads it', (307,),
          folder='training'),
    Cheat('external_data', 'an artifact is one file', 'it is loaded by its path', (307,), folder='training'),
    Cheat('huge_shape', 'an artifact is tried in the sandbox, with its bound of memory', '', (307,),
          'without the bound the machine itself would be out of memory', 'training'),
    Cheat('link_artifact', 'no link is followed', 'a server that follows links', (307,), folder='training'),
)

TREES = (
    Cheat('link', 'what git has of policy.py is read as text: the way to the secret', 'it is read in a working tree',
          (204,), folder='tree'),
    Cheat('submodule', 'what is no file in the tree is not read', 'it is read in a working tree', (205,),
          folder='tree'),
    Cheat('filter', 'nothing is checked out, so nothing is filtered', 'it is checked out', (0,), folder='tree'),
)

# Title, the test that runs them, what else is to be said, and the cheats.
SECTIONS = (
    ('Policies', 'test_cheats.py', 'The clock of a station, which a policy sees, tells how late in a campaign it is: '
     'that helps nobody in the exam.', POLICIES),
    ('Before the camera of Push-T', 'test_cheats_push_t.py', 'After each, the next reset and rollout are served.',
     PUSH_T),
    ('On a live graph', 'test_cheats_node.py', 'Under bubblewrap rclpy can\'t even be imported: its libraries are not '
     'among what a policy sees. That no socket is left shows `talk_dds`.', GRAPH),
    ('Training scripts', 'test_cheats_training.py', 'The codes are those of Train.action.', TRAINING),
    ('In the git tree of a candidate', 'test_cheats_tree.py', 'Today a campaign builds these trees itself, from text. '
     'Hooks and monitors: `test_campaign_repository.py`.', TREES))


def page():
    """Return the text of docs/cheats.md."""
    lines = ['# Cheats', '',
             'Policies and training scripts that try to win without the task, in '
             '`src/enpire_research/test/cheats/`. Tests run each twice: with its fence, where it ends FAILED with a '
             'reason, and with its fence removed, where it gets what it wanted. Where the last is not shown the table '
             'says why. A trial that becomes void would be drawn again: also that counts as having won.', '',
             'Not here: other tasks than Push-T, real arms.']
    for title, test, said, cheats in SECTIONS:
        lines += ['', f'## {title}', '', f'Run by `{test}`. {said}', '',
                  '| Cheat | What it tries | What stops it | With the fence | The fence removed | Then |',
                  '|---|---|---|---|---|---|', *(one.row for one in cheats)]
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    print(page(), end='')
