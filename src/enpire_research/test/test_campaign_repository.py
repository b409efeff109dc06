"""The campaign's git repository: the story it tells, crashes, and other people's settings."""

import itertools
import os
import subprocess
import time

import pytest
from enpire_research.campaign.repository import CampaignRepository, RepositoryError


def clock():
    return itertools.count(1_700_000_000 * 10**9, 10**9).__next__


@pytest.fixture
def repository(tmp_path):
    return CampaignRepository(str(tmp_path / 'repository'), clock())


def git(repository, *command):
    return subprocess.run(['git', '--git-dir', repository.folder, *command], capture_output=True, text=True,
                          check=True).stdout


def story(repository):
    """Start; idea 1 is discarded, 2 leads, 3 changes 2 and is kept, then 2 is discarded."""
    repository.start('x = 0\n', 'Start')
    repository.idea(1, 0, 'x = 1\n', 'x may be too small')
    repository.idea(2, 0, 'x = 2\n', 'x may be\n far too small', 'x = 2')
    repository.decide(1, False, '1 of 4 against 2 of 4')
    repository.idea(3, 2, 'x = 3\n', 'x')
    repository.decide(2, False, '3 of 4 against 2 of 4', 'idea 3 is better')
    repository.decide(3, True, '4 of 4 against 0 of 4')


def refs(repository):
    return git(repository, 'for-each-ref', '--format=%(refname) %(objectname)')


def test_the_log_is_the_list_of_decisions_and_its_graph_has_the_ideas(repository):
    story(repository)
    assert git(repository, 'log', '--first-parent', '--format=%s', 'main').splitlines() == [
        'Keep idea 3: 4 of 4 against 0 of 4', 'Discard idea 2: 3 of 4 against 2 of 4',
        'Discard idea 1: 1 of 4 against 2 of 4', 'Start']
    assert sorted(git(repository, 'log', '--format=%s', 'main').splitlines())[2:5] == [
        'Idea 1: x may be too small', 'Idea 2: x may be far too small', 'Idea 3: x']
    assert git(repository, 'log', '-1', '--format=%b', 'idea/2').strip() == 'x = 2'
    assert git(repository, 'fsck', '--strict') == ''


def test_main_has_the_champions_policy_after_each_decision(repository):
    story(repository)
    assert [repository.source(f'main~{back}') for back in (3, 2, 1, 0)] == ['x = 0\n', 'x = 0\n', 'x = 0\n', 'x = 3\n']
    assert repository.source('champion') == repository.source('champion-3') == 'x = 3\n'
    assert repository.source('champion-0') == 'x = 0\n' and repository.source('idea/1') == 'x = 1\n'
    assert git(repository, 'rev-parse', 'idea/3^') == git(repository, 'rev-parse', 'idea/2')


def test_the_same_again_changes_nothing_also_when_opened_anew(repository):
    story(repository)
    before, commit = refs(repository), repository.idea(2, 0, 'x = 2\n', 'x may be\n far too small', 'x = 2')
    story(repository)
    again = CampaignRepository(repository.folder, clock())
    story(again)
    assert refs(repository) == before and git(again, 'rev-parse', 'idea/2').strip() == commit[0]


@pytest.mark.parametrize('other', [
    lambda r: r.start('x = 9\n', 'Start'), lambda r: r.start('x = 0\n', 'Begin'),
    lambda r: r.idea(2, 0, 'x = 9\n', 'x may be far too small', 'x = 2'),
    lambda r: r.idea(2, 0, 'x = 2\n', 'another reason', 'x = 2'),
    lambda r: r.idea(3, 0, 'x = 3\n', 'x'), lambda r: r.decide(3, False, '4 of 4 against 0 of 4'),
    lambda r: r.decide(3, True, '3 of 4 against 0 of 4')])
def test_something_else_under_the_same_number_is_refused(repository, other):
    story(repository)
    before = refs(repository)
    with pytest.raises(RepositoryError, match='but expected.*another campaign'):
        other(repository)
    assert refs(repository) == before


def test_what_is_missing_is_named(repository):
    with pytest.raises(RepositoryError, match='expected refs/heads/idea/0, found nothing'):
        repository.idea(1, 0, 'x = 1\n', 'x')
    with pytest.raises(RepositoryError, match='cat-file failed'):
        repository.source('champion')


def test_nothing_of_the_users_environment_or_configuration_takes_part(tmp_path, monkeypatch):
    home = tmp_path / 'home'
    home.mkdir()
    (home / '.gitconfig').write_text('[user]\nname = Somebody\nemail = some@body\n[commit]\ngpgsign = true\n'
                                     '[core]\nautocrlf = true\nhooksPath = /nowhere\n[init]\ndefaultBranch = trunk\n'
                                     '[i18n]\ncommitEncoding = latin1\n')
    for name, value in {
            'HOME': home, 'GIT_DIR': tmp_path / 'elsewhere', 'GIT_WORK_TREE': tmp_path, 'GIT_INDEX_FILE': '/no/index',
            'GIT_OBJECT_DIRECTORY': tmp_path / 'objects', 'GIT_AUTHOR_NAME': 'Somebody', 'GIT_COMMITTER_EMAIL': 'x@y',
            'GIT_AUTHOR_DATE': 'junk', 'GIT_NAMESPACE': 'space', 'GIT_COMMON_DIR': '/no/dir', 'GIT_EDITOR': 'false',
            'GIT_CONFIG_COUNT': 'x', 'GIT_CONFIG_PARAMETERS': 'junk', 'GIT_TEMPLATE_DIR': '/no/template',
            'GIT_DEFAULT_HASH': 'sha256'}.items():
        monkeypatch.setenv(name, str(value))
    repository = CampaignRepository(str(tmp_path / 'a' / 'repository'), clock())
    story(repository)
    repository.idea(4, 3, 'x = "grün"\r\n', 'größer, ' + '\0' + ' or not')
    assert repository.source('idea/4') == 'x = "grün"\r\n'
    assert not (tmp_path / 'elsewhere').exists() and not (tmp_path / 'objects').exists()
    monkeypatch.undo()
    people = set(git(repository, 'log', '--all', '--format=%an <%ae> %cn <%ce>').splitlines())
    assert people == {' '.join(['ENPIRE researcher <researcher@enpire-ros.invalid>'] * 2)}
    assert git(repository, 'log', '-1', '--format=%s', 'idea/4') == 'Idea 4: größer, or not\n'
    assert git(repository, 'symbolic-ref', 'HEAD').strip() == 'refs/heads/main'
    same = CampaignRepository(str(tmp_path / 'b'), clock())
    story(same)
    assert len({git(one, 'rev-parse', 'idea/3') for one in (same, repository)}) == 1, (
        'it depends on its content and the clock alone')


def test_a_git_that_was_killed_leaves_no_obstacle(repository):
    story(repository)
    for name in ('refs/heads/main.lock', 'packed-refs.lock'):
        path = os.path.join(repository.folder, name)
        with open(path, 'w'):
            pass
        os.utime(path, (0, 0))
    again = CampaignRepository(repository.folder, clock())
    again.idea(4, 3, 'x = 4\n', 'x')
    again.decide(4, True, 'well')
    assert again.source('champion') == 'x = 4\n'


@pytest.mark.parametrize('step', ['start', 'decide'])
def test_killed_between_its_tags_and_main_it_does_the_step_again(repository, monkeypatch, step):
    def steps(r):
        r.start('x = 0\n', 'Start')
        r.idea(1, 0, 'x = 1\n', 'x')
        r.decide(1, True, 'well')
    update, done = CampaignRepository._update, []

    def killed(self, refs):
        done.append(refs)
        if len(done) == {'start': 2, 'decide': 5}[step]:
            raise KeyboardInterrupt
        update(self, refs)
    monkeypatch.setattr(CampaignRepository, '_update', killed)
    with pytest.raises(KeyboardInterrupt):
        steps(repository)
    monkeypatch.undo()
    assert [sorted(refs) for refs in done[-2:]][1] == ['refs/heads/main'], 'it is the last one of both steps'
    steps(CampaignRepository(repository.folder, clock()))
    assert git(repository, 'rev-parse', 'champion', 'champion-1') == 2 * git(repository, 'rev-parse', 'main')
    assert git(repository, 'rev-parse', 'idea/0', 'champion-0') == 2 * git(repository, 'rev-parse', 'main~1')


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(RepositoryError, match='other files'):
        CampaignRepository(str(tmp_path), clock())
    assert os.listdir(tmp_path) == ['thesis.tex']


def test_an_unfinished_start_is_begun_again(tmp_path):
    (tmp_path / 'objects').mkdir()
    (tmp_path / 'config.lock').touch()
    os.utime(tmp_path / 'config.lock', (0, 0))
    story(CampaignRepository(str(tmp_path), clock()))


def test_hundreds_of_ideas_stay_quick_and_no_process_is_left(repository):
    repository.start('x = 0\n', 'Start')
    began = time.process_time() + sum(os.times()[2:4])
    for number in range(1, 21):
        repository.idea(number, 0, f'x = {number}\n', 'x')
        repository.decide(number, False, 'no')
    assert time.process_time() + sum(os.times()[2:4]) - began < 20 * 0.4, 'CPU time of us and our children'
    children = subprocess.run(['ps', '--ppid', str(os.getpid()), '-o', 'comm='], capture_output=True, text=True).stdout
    assert 'git' not in children


def plant(folder, mark):
    """Put programs that write to ``mark`` where git looks for some to run, into the repository ``folder``."""
    program = os.path.join(folder, 'planted')
    os.makedirs(os.path.join(folder, 'hooks'), exist_ok=True)
    for path in (program, *(os.path.join(folder, 'hooks', name) for name in (
            'reference-transaction', 'post-commit', 'pre-commit', 'post-checkout', 'post-update'))):
        with open(path, 'w') as handle:
            handle.write(f'#!/bin/sh\necho {os.path.basename(path)} >> {mark}\ncat\n')
        os.chmod(path, 0o755)
    os.makedirs(os.path.join(folder, 'info'), exist_ok=True)
    with open(os.path.join(folder, 'info', 'attributes'), 'w') as handle:
        handle.write('* filter=planted\n')
    with open(os.path.join(folder, 'config'), 'a') as handle:
        handle.write(f'[filter "planted"]\nclean = {program}\nsmudge = {program}\n[core]\nfsmonitor = {program}\n')


def test_hooks_filters_and_monitors_planted_in_the_repository_run_nothing(repository, tmp_path):
    mark = tmp_path / 'ran'
    plant(repository.folder, mark)
    story(repository)
    repository.source('champion')
    assert not mark.exists(), mark.read_text()


def test_the_same_hooks_and_filters_run_under_plain_git(repository, tmp_path):
    """Else they would show nothing."""
    mark = tmp_path / 'ran'
    story(repository)
    plant(repository.folder, mark)
    git(repository, 'update-ref', 'refs/heads/other', 'main')
    git(repository, 'hash-object', '--path', 'policy.py', __file__)
    assert {'reference-transaction', 'planted'} <= set(mark.read_text().split())
