"""The campaign's git repository: each idea a commit, each decision a merge, the champion a tag.

    main              first parents: the start policy, then one merge commit a decided idea
    idea/<n>          candidate n, one commit on top of the candidate that it changes
    champion          tag; champion-0 is the start policy, champion-<n> each candidate that was kept

A kept idea's merge has the idea's policy, a discarded one's that of the champion, so that `git log --graph main` tells
the whole story and `git log --first-parent main` is the list of decisions. The repository is bare: commits are built
from trees, and no working tree can be in the way; `git worktree add` or `git show champion:policy.py` show files.

Asked again for a commit that is there (after a crash), it returns that one. Nothing of the user's git configuration
or environment takes part. Not covered: people who rewrite its history; the ledger has the hashes of all trees.
"""

import os
import tempfile

from git import Git
from git.exc import GitCommandError, GitCommandNotFound

POLICY = 'policy.py'
AUTHOR, EMAIL = 'ENPIRE researcher', 'researcher@enpire-ros.invalid'
MAIN, CHAMPION = 'refs/heads/main', 'champion'
# Merged with the idea's policy, or with the champion's.
KEEP, DISCARD = 'Keep', 'Discard'
# Older ones are nobody's: git holds them for milliseconds.
LOCK_AGE_NS = 2 * 10**9
_SETTINGS = (('safe.directory', '*'), ('core.fsync', 'committed'), ('gc.auto', '0'), ('core.quotePath', 'false'),
             ('init.defaultBranch', 'main'),
             # What lies in the repository's own folder runs nothing either: git update-ref would run a hook.
             ('core.hooksPath', os.devnull), ('core.fsmonitor', 'false'), ('protocol.ext.allow', 'never'))


class RepositoryError(ValueError):
    """The repository can't be used, or holds another commit than it should; the text says what to do."""


class _CleanGit(Git):
    """Runs git without any GIT_* variable of the user's environment, and without the user's configuration."""

    def __init__(self, folder, when):
        super().__init__(folder)
        stamp = f'{when} +0000'
        self.update_environment(
            GIT_CONFIG_NOSYSTEM='1', GIT_CONFIG_GLOBAL=os.devnull, GIT_TERMINAL_PROMPT='0', GIT_NO_REPLACE_OBJECTS='1',
            GIT_AUTHOR_NAME=AUTHOR, GIT_AUTHOR_EMAIL=EMAIL, GIT_AUTHOR_DATE=stamp,
            GIT_COMMITTER_NAME=AUTHOR, GIT_COMMITTER_EMAIL=EMAIL, GIT_COMMITTER_DATE=stamp,
            GIT_CONFIG_COUNT=str(len(_SETTINGS)),
            **{f'GIT_CONFIG_{what}_{i}': pair[j] for i, pair in enumerate(_SETTINGS)
               for j, what in enumerate(('KEY', 'VALUE'))})

    def execute(self, command, *args, **kwargs):
        leaks = sorted(name for name in os.environ if name.startswith('GIT_') and name not in self.environment())
        if leaks:
            command = ['env', *(part for name in leaks for part in ('-u', name)), *command]
        return super().execute(command, *args, **kwargs)


class CampaignRepository:
    """``folder``: made if need be; ``wall_ns``: function that returns the wall clock in ns, for the commits' dates.

    RepositoryError where git is missing, or ``folder`` is something else. It keeps no process and no file open.
    """

    def __init__(self, folder, wall_ns):
        self.folder, self._wall_ns = os.path.abspath(folder), wall_ns
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._remove_locks()
        if not os.path.exists(os.path.join(self.folder, 'HEAD')):
            if set(os.listdir(self.folder)) - {'objects', 'refs', 'config', 'branches', 'hooks', 'info'}:
                raise RepositoryError(f'{self.folder}: expected a git repository or an empty folder, got one with '
                                      'other files: give the campaign another folder')
            self._run('init', '--quiet', '--bare', '--template=', self.folder)
        self._refs = dict(reversed(line.split(' ')) for line in self._run(
            'for-each-ref', '--format=%(objectname) %(refname)').splitlines())
        self._merged = self._decisions()

    def start(self, source, title, notes=''):
        """Commit the start policy as the root of `main`, with ``title`` and ``notes``; return (commit, tree)."""
        tree, message = self._tree(source), message_of(title, notes)
        if MAIN in self._refs:
            root = self._run('rev-list', '--max-parents=0', MAIN)
            self._expect(root, tree, message, (), 'the start policy')
            return root, tree
        commit = self._commit(tree, (), message)
        self._update({'refs/heads/idea/0': commit, 'refs/tags/champion-0': commit, f'refs/tags/{CHAMPION}': commit})
        # Last, here as in `decide`: what `main` has is done, and is not begun again after a crash.
        self._update({MAIN: commit})
        return commit, tree

    def idea(self, number, parent, source, hypothesis, notes=''):
        """Commit candidate ``number`` on top of candidate ``parent``; return (commit, tree).

        ``hypothesis``: the first line of the message is 'Idea <number>: <hypothesis>'; ``notes``: its other lines.
        RepositoryError where the repository has another commit of that number.
        """
        tree, message = self._tree(source), idea_message(number, hypothesis, notes)
        name, parents = _branch(number), (self._of(_branch(parent)),)
        if name in self._refs:
            self._expect(self._refs[name], tree, message, parents, f'idea {number}')
            return self._refs[name], tree
        commit = self._commit(tree, parents, message)
        self._update({name: commit})
        return commit, tree

    def decide(self, number, kept, text, notes=''):
        """Merge candidate ``number`` into `main`, with its policy if it was ``kept``; return the merge commit.

        The message is 'Keep idea <number>: <text>', or 'Discard ...'. A kept one is the champion from then on.
        """
        message = decision_message(number, kept, text, notes)
        idea = self._of(_branch(number))
        if idea in self._merged:
            self._expect(self._merged[idea], None, message, None, f'the decision on idea {number}')
            return self._merged[idea]
        main = self._of(MAIN)
        tree = self._run('rev-parse', f'{idea if kept else main}^{{tree}}')
        commit = self._commit(tree, (main, idea), message)
        if kept:
            self._update({f'refs/tags/champion-{number}': commit, f'refs/tags/{CHAMPION}': commit})
        self._update({MAIN: commit})
        self._merged[idea] = commit
        return commit

    def source(self, name):
        """Return the text of policy.py at ``name``: 'champion', 'idea/7', a commit."""
        return self._run('cat-file', 'blob', f'{name}:{POLICY}', strip_newline_in_stdout=False)

    def close(self):
        """Nothing is kept open; for those who close what they opened."""

    # ---- git ---------------------------------------------------------------------------------
    def _run(self, *command, **kwargs):
        return run_git(self.folder, self._wall_ns() // 10**9, *command, **kwargs)

    def _remove_locks(self):
        """Remove what a git that was killed left behind: whoever has the ledger is the only one that writes here."""
        for folder, _, names in os.walk(self.folder):
            for path in (os.path.join(folder, name) for name in names if name.endswith('.lock')):
                if self._wall_ns() - os.stat(path).st_mtime_ns > LOCK_AGE_NS:
                    os.unlink(path)

    def _tree(self, source):
        blob = self._run('hash-object', '-w', '--stdin', text=source)
        return self._run('mktree', text=f'100644 blob {blob}\t{POLICY}\n')

    def _commit(self, tree, parents, message):
        return self._run('commit-tree', tree, *(part for parent in parents for part in ('-p', parent)), text=message)

    def _update(self, refs):
        """Set all ``refs`` {name: commit}. Killed on the way, git may have set some of them."""
        lines = [f'update {name} {commit} {self._refs.get(name, "0" * len(commit))}\n'
                 for name, commit in refs.items()]
        self._run('update-ref', '--stdin', text=''.join(['start\n', *lines, 'prepare\n', 'commit\n']))
        self._refs.update(refs)

    def _of(self, name):
        if name not in self._refs:
            found = ', '.join(sorted(self._refs)) or 'nothing'
            raise RepositoryError(f'{self.folder}: expected {name}, found {found}: put the repository of this '
                                  'campaign back, or begin a new run')
        return self._refs[name]

    def _decisions(self):
        """Return {commit of an idea: merge commit of its decision}."""
        if MAIN not in self._refs:
            return {}
        found = {}
        for line in self._run('rev-list', '--first-parent', '--parents', MAIN).splitlines():
            commit, *parents = line.split()
            if len(parents) == 2:
                found[parents[1]] = commit
        return found

    def _expect(self, commit, tree, message, parents, what):
        """Raise RepositoryError unless ``commit`` has ``tree``, ``parents`` and ``message`` (None: not compared)."""
        head, _, found = self._run('cat-file', 'commit', commit, strip_newline_in_stdout=False).partition('\n\n')
        lines = [line.split(' ', 1) for line in head.split('\n')]
        wrong = [f'{name} {expected!r}, got {got!r}' for name, expected, got in (
            ('tree', tree, next(rest for word, rest in lines if word == 'tree')),
            ('parents', parents, tuple(rest for word, rest in lines if word == 'parent')),
            ('message', message, found)) if expected is not None and expected != got]
        if wrong:
            raise RepositoryError(f'{self.folder}: {what} is there as {commit[:12]}, but expected '
                                  f'{"; ".join(wrong)}. It belongs to another campaign: put the right '
                                  'repository back, or begin a new run')


def run_git(folder, when_s, *command, text=None, **kwargs):
    """Run git on the repository ``folder`` and return what it prints; RepositoryError where it fails.

    ``when_s``: date of what it writes; ``text``: its standard input; ``kwargs``: of GitPython's `execute`.
    """
    git = _CleanGit(folder, when_s)
    arguments = [git.GIT_PYTHON_GIT_EXECUTABLE or 'git', f'--git-dir={folder}', *command]
    try:
        if text is None:
            return git.execute(arguments, **kwargs)
        with tempfile.TemporaryFile() as handle:
            handle.write(text.encode())
            handle.seek(0)
            return git.execute(arguments, istream=handle, **kwargs)
    except GitCommandNotFound as error:
        raise RepositoryError(f'expected the program git, found none: install it: {error}') from error
    except GitCommandError as error:
        raise RepositoryError(f'{folder}: git {command[0]} failed: {str(error.stderr).strip()}') from error


def idea_message(number, hypothesis, notes=''):
    """Return the message of the commit of candidate ``number``."""
    return message_of(f'Idea {number}: {hypothesis}', notes)


def decision_message(number, kept, text, notes=''):
    """Return the message of the merge commit that decides on candidate ``number``."""
    return message_of(f'{KEEP if kept else DISCARD} idea {number}: {text}', notes)


def _branch(number):
    return f'refs/heads/idea/{number}'


def message_of(title, notes=''):
    """Return a commit message: ``title`` in one line, then ``notes``; without what git has no place for."""
    title, notes = ' '.join(title.replace('\0', ' ').split()), notes.replace('\0', ' ')
    return title + '\n' + (f'\n{notes.strip()}\n' if notes.strip() else '')
