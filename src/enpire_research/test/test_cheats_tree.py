"""Git trees of candidates that reach beyond themselves: a campaign reads one file of them as text, and runs nothing.

Today's researcher hands over texts, and the campaign builds the trees itself: these are planted past it. Hooks and
monitors are in test_campaign_repository.py.
"""

import contextlib
import importlib
import itertools
import subprocess

import pytest
import trial_helpers
from cheats import table
from enpire_research.campaign.repository import CampaignRepository, RepositoryError
from enpire_research.trials import report as reports

BY_NAME = {one.name: one for one in table.TREES}
SECRET = 'the secret of the campaign'


class Planted:
    """A repository in which candidate 9 has the tree of a cheat, and the secret that it is after."""

    def __init__(self, folder, name):
        self.repository = CampaignRepository(str(folder / 'repository'), itertools.count(10**18, 10**9).__next__)
        self.repository.start('x = 0\n', 'Start')
        (folder / 'outside').mkdir()
        self.outside = folder / 'outside' / 'secret'
        self.outside.write_text(SECRET)
        tree = importlib.import_module(f'cheats.tree.{name}').plant(self.git, self.outside)
        commit = self.git('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit-tree', tree, '-p', 'main', text='cheat')
        self.git('update-ref', 'refs/heads/idea/9', commit)

    def git(self, *words, text=''):
        """Run plain git, as an agent would; return what it prints."""
        return subprocess.run(['git', '--git-dir', self.repository.folder, *words], input=text, capture_output=True,
                              text=True, check=True).stdout.strip()


@pytest.fixture(params=BY_NAME)
def planted(request, tmp_path):
    return request.param, Planted(tmp_path, request.param)


def test_what_a_campaign_reads_of_it_is_not_the_secret_and_the_candidate_fails(planted, tmp_path):
    name, candidate = planted
    source = ''
    with contextlib.suppress(RepositoryError) if name == 'submodule' else contextlib.nullcontext():
        source = candidate.repository.source('idea/9')
    assert SECRET not in source and (source == '') is (name == 'submodule')
    (tmp_path / 'policy.py').write_text(source)
    (tmp_path / 'station').mkdir()
    runner, _ = trial_helpers.runner(tmp_path / 'station')
    with runner:
        report = runner.rollout('cheat', 7, str(tmp_path / 'policy.py'))
        assert (report.status, report.error_code) == (reports.FAILED, *BY_NAME[name].codes), report.error_msg
        assert runner.rollout('after', 7, trial_helpers.policy('push_left')).status == reports.SUCCEEDED


def test_in_a_working_tree_it_is_the_secret(planted, tmp_path):
    _, candidate = planted
    tree = tmp_path / 'tree'
    candidate.git('-c', 'protocol.file.allow=always', 'worktree', 'add', '-q', str(tree), 'idea/9')
    subprocess.run(['git', '-C', str(tree), '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'update',
                    '--init'], check=True)
    policy = tree / 'policy.py'
    assert (policy / 'secret' if policy.is_dir() else policy).read_text() == SECRET
