"""The git repository: candidates, decisions and the champion are the commits, merges and tags that the ledger tells of.

Its root commit has the hash of the ledger's first record, and each rollout's report names a commit that descends from
it. Not covered: who has the run folder can write another repository; a copy that was pushed elsewhere tells.
"""

import hashlib
import itertools
import os

from enpire_research import layout
from enpire_research.campaign import course
from enpire_research.campaign import repository as git
from enpire_research.campaign.audit.findings import Check, line

NAME = 'repository'
_IDEA = 'refs/heads/idea/'


class _Reader:
    """Reads the repository ``folder``."""

    def __init__(self, folder):
        self._folder = folder
        self.refs = dict(reversed(one.split(' ')) for one in self.run(
            'for-each-ref', '--format=%(objectname) %(refname)').splitlines())

    def run(self, *command, **kwargs):
        return git.run_git(self._folder, 0, *command, **kwargs)

    def commit(self, name):
        """Return (tree, parents, message) of a commit."""
        head, _, message = self.run('cat-file', 'commit', name, strip_newline_in_stdout=False).partition('\n\n')
        lines = [one.split(' ', 1) for one in head.split('\n')]
        return (next(rest for word, rest in lines if word == 'tree'),
                tuple(rest for word, rest in lines if word == 'parent'), message)


def check(records, folder, ended):
    """Return the Check of the repository in the campaign's ``folder``; ``ended``: the campaign is over."""
    of_kind = {kind: [record for record in records if record.kind == kind] for kind in ('candidate', 'decision')}
    path, wrong = os.path.join(folder, 'repository'), []
    try:
        reader = _Reader(path)
        reader.run('fsck', '--full', '--strict', '--no-progress', '--no-dangling')
        wrong += _candidates(records[0].body, of_kind['candidate'], reader, folder, ended)
        wrong += _decisions(of_kind['candidate'], of_kind['decision'], reader, ended)
    except git.RepositoryError as error:
        wrong.append(str(error))
    return Check(NAME, f'{len(of_kind["candidate"])} candidates and {len(of_kind["decision"])} decisions are commits, '
                 'their policies have the hashes on record, the champion its tag', tuple(wrong))


def _candidates(campaign, candidates, reader, folder, ended):
    """Yield in what the candidates' commits and policies are not those on record."""
    commits = {record.body['candidate']: record.body['commit'] for record in candidates}
    for record in candidates:
        body, place = record.body, line(record)
        number, parent = body['candidate'], body['parent']
        message = (git.message_of(body['hypothesis'], course.seal(campaign)) if parent is None else
                   git.idea_message(number, body['hypothesis'],
                                    course.idea_notes(body['changes'], body['artifact_hash'])))
        branch = reader.refs.get(f'{_IDEA}{number}')
        if branch != body['commit']:
            yield f'{place}: expected {_IDEA}{number} at its commit {body["commit"][:12]}, got {branch}'
        wanted = (body['tree'], () if parent is None else (commits.get(parent),), message)
        yield from _unlike(place, body['commit'], wanted, reader)
        data = reader.run('cat-file', 'blob', f'{body["tree"]}:{git.POLICY}', stdout_as_string=False,
                          strip_newline_in_stdout=False)
        for where, found in ((f'{git.POLICY} of its commit', data),
                             (layout.policy(folder, body['policy_hash']), None)):
            got = hashlib.sha256(_read(where) if found is None else found).hexdigest()
            if got != body['policy_hash']:
                yield f'{place}: {where}: expected SHA-256 {body["policy_hash"]}, got {got}'
    more = sorted(name for name in reader.refs if name.startswith(_IDEA) and int(name[len(_IDEA):]) not in commits)
    # A commit comes before its record: one may have been made when the research node ended.
    if len(more) > (not ended):
        yield f'expected the ideas on record, got also {", ".join(more)}: records were left out'


def _decisions(candidates, decisions, reader, ended):
    """Yield in what `main` and the tags are not what the decisions say."""
    commits = {record.body['candidate']: record.body for record in candidates}
    if not commits:
        return
    line_of_main = reader.run('rev-list', '--first-parent', '--reverse', git.MAIN).splitlines()
    # A record comes before its merge: the last one may lack it when the research node ended.
    if line_of_main[0] != commits[0]['commit'] or not len(decisions) - (not ended) <= len(line_of_main) - 1 <= len(
            decisions):
        yield (f'{git.MAIN}: expected {len(decisions)} decisions after {commits[0]["commit"][:12]}, got '
               f'{len(line_of_main) - 1} after {line_of_main[0][:12]}')
        return
    tags = {'champion-0': line_of_main[0], git.CHAMPION: line_of_main[0]}
    tree = commits[0]['tree']
    for record, before, commit in zip(decisions, line_of_main, line_of_main[1:]):
        body = record.body
        idea = commits[body['candidate']]
        tree = idea['tree'] if body['kept'] else tree
        message = git.decision_message(body['candidate'], body['kept'], *course.decision_words(body))
        yield from _unlike(line(record), commit, (tree, (before, idea['commit']), message), reader)
        if body['kept']:
            tags.update({f'champion-{body["candidate"]}': commit, git.CHAMPION: commit})
    for name, commit in tags.items():
        got = reader.refs.get(f'refs/tags/{name}')
        if got != commit:
            yield f'tag {name}: expected it at {commit}, got {got}'


def _unlike(place, commit, wanted, reader):
    """Yield in what ``commit`` is not what it should be; ``wanted``: (tree, parents, message)."""
    for name, expected, got in zip(('tree', 'parents', 'message'), wanted, reader.commit(commit)):
        if got != expected:
            if name == 'message':
                expected, got = next(pair for pair in itertools.zip_longest(
                    expected.split('\n'), got.split('\n'), fillvalue='') if pair[0] != pair[1])
            yield f'{place}: commit {commit[:12]}: expected {expected!r} in its {name}, got {got!r}'


def _read(path):
    try:
        with open(path, 'rb') as handle:
            return handle.read()
    except OSError:
        return b''
