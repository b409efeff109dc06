"""Drives a campaign's engine against ledger and repository: what is there already is taken, not done again.

The ledger is the truth. Each step of the engine is first looked for there; what is not there is done and written. So
a research node that was killed goes on where it was, and one whose code, researcher or start policy is another than
the ledger's is told so (LedgerError) instead of mixing two campaigns.

    course = Course(...)                        # takes what the ledger has
    course.step()                               # engine, git, ledger; until trials are needed or all is over
    for job in course.jobs(): ...               # run them; course.seed(job), course.policy_file(job.candidate)
    course.result(job, unit, reset, rollout)    # each one as it comes; then step() again

No ROS and no threads here; `step` asks the researcher and runs git, and may take as long as these do.
"""

import hashlib
import os
from dataclasses import dataclass, replace

from enpire_core.files import write_bytes
from enpire_research import layout
from enpire_research.campaign import chain, engine, records, seeds
from enpire_research.campaign.config import VERSION
from enpire_research.campaign.ledger import LedgerError
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.dispatch import MAX_REPEATS


@dataclass(frozen=True)
class About:
    """What the configuration doesn't have: ``units`` in the order of the lab; ``manifest``: entries of what is frozen;
    ``simulated``; ``researcher``: plain data about who has the ideas, for the record."""

    units: tuple
    manifest: dict
    simulated: bool
    researcher: dict


def check_same(found, wanted):
    """Raise LedgerError unless the records ``found`` are of the campaign whose first body is ``wanted``."""
    first = found[0]
    if first.kind != 'campaign':
        raise LedgerError(f'expected a ledger that begins with a campaign, got {first.kind}: begin a new run')
    version = first.body.get('version')
    if version != wanted['version']:
        raise LedgerError(f'expected a campaign of version {wanted["version"]}, got one of version {version}: finish '
                          'it with the code that began it, or begin a new run')
    changed = manifest.differences(first.body['manifest'], wanted['manifest'])
    if changed:
        raise LedgerError('expected what is frozen as it was when the campaign began, got another '
                          f'{manifest.named(changed)}: put it back and go on, or begin a new run')
    texts = records.different(first.body, chain.plain(wanted))
    if texts:
        raise LedgerError('the run folder holds another campaign: ' + '; '.join(texts) + '. Go on with the values it '
                          'began with, or begin a new run')


def seal(body):
    """Return the lines that tie a campaign's repository to ``body``, that of its first record.

    They stand in the root commit. Every later commit depends on it, and every rollout's report names one: whoever
    changes the record has to change all of these.
    """
    return (f'campaign {hashlib.sha256(chain.canonical(body)).hexdigest()}\nmanifest {body["manifest_hash"]}\n'
            f'held-out seeds {body["secret_sha256"]}')


def idea_notes(changes, artifact):
    """Return what the commit of an idea says beside its hypothesis."""
    # In the order of the ledger, whoever made them.
    notes = [f'{name} = {value!r}' for name, value in sorted(changes.items())]
    return '\n'.join([*notes, f'artifact {artifact}'] if artifact else notes)


def decision_words(body):
    """Return (text, notes) of the merge commit of the decision ``body``."""
    figures = body['figures']
    text = (f'{figures["successes"]} of {figures["n"]} against {figures["against_successes"]} of {figures["n"]} on the '
            'same resets')
    return text, f'{body["reason"]}\n{body["stage"]}, round {body["round"]}, against idea {body["against"]}'


class Course:
    """``folder``: the campaign's; ``secret``: 32 bytes; see the module, CampaignConfig and About for the others.

    LedgerError where the ledger is another campaign's.
    """

    def __init__(self, config, researcher, ledger, repository, *, start_source, secret, about, folder):
        self.config, self.ledger, self.repository = config, ledger, repository
        self._secret, self._folder = secret, os.path.abspath(folder)
        os.makedirs(layout.policies(self._folder), mode=0o755, exist_ok=True)
        body = {'version': VERSION, 'task': config.task, 'simulated': about.simulated, 'seed': config.seed,
                'units': list(about.units), 'manifest': dict(about.manifest),
                'manifest_hash': manifest.total(about.manifest), 'secret_sha256': seeds.secret_hash(secret),
                'config': config.to_dict(),
                'researcher': about.researcher, 'start_policy_hash': _sha256(start_source)}
        self._seal = seal(body)
        if ledger.records:
            check_same(ledger.records, body)
        else:
            ledger.append('campaign', body)
        self._events = engine.campaign(config, researcher, start_source)
        # The engine's Run under way, and those of its jobs that have no result, by key.
        self._wait, self._missing = None, {}
        self.stage, self.finished, self.end_reason = 'starting', False, ''
        self.champion, self.candidates, self.decisions, self.exam = 0, [], [], None
        # By job key: body of its result, and bodies of its void trials. By trial id: body.
        self._results, self._voids, self._trials = {}, {}, {}
        self._asked = set()
        # Recorded steps that the engine has not come to yet, the next one last.
        self._ahead = [record for record in ledger.records[:0:-1] if record.kind not in ('trial', 'station')]
        for record in ledger.records:
            if record.kind == 'trial':
                self._take_trial(record.body)

    # ---- what the node asks ------------------------------------------------------------------
    def step(self):
        """Go on until trials are needed or all is over; return True where anything happened."""
        happened = False
        while not self.finished and not self._missing:
            answer = None
            if self._wait is not None:
                answer = {job.key: self._answer(job) for job in self._wait.jobs}
                self._wait = None
            self._do(self._events.send(answer))
            happened = True
        return happened

    def jobs(self):
        """Return the Jobs that have no result yet, in the order in which each station shall run its own.

        What was void comes last, as it does without a restart.
        """
        return sorted((self._next_of(job) for job in self._missing.values()), key=lambda job: job.voids)

    def seed(self, job):
        """Return the trial seed of ``job``: a repeat has that of the trial it repeats."""
        if job.purpose == records.EXAM:
            return seeds.held_out_seed(self._secret, job.reset)
        return seeds.development_seed(self.config.seed, job.reset)

    def policy_file(self, candidate):
        """Return the path of a candidate's policy."""
        return layout.policy(self._folder, self.candidates[candidate]['policy_hash'])

    def result(self, job, unit, reset, rollout=None, reason=''):
        """Write what came of a trial; return True unless it is on record already or nobody waits for it.

        ``reset``, ``rollout``: Reports, None for what never came; ``reason``: of a void one without a report.
        """
        if job.trial_id in self._trials or job.key not in self._missing:
            return False
        body = records.trial(job, unit, self.seed(job), reset, rollout, reason)
        self._take_trial(self.ledger.append('trial', body).body)
        return True

    def station(self, unit, state, reason):
        """Write that ``unit`` went 'out' or came 'back'."""
        self.ledger.append('station', {'unit': unit, 'state': state, 'reason': reason})

    # ---- what people see ---------------------------------------------------------------------
    def tally(self, candidate, exam=False):
        """Return (successes, trials) of a candidate on development resets, or in the ``exam``."""
        found = [body['status'] == reports.SUCCEEDED for body in self._results.values()
                 if body['candidate'] == candidate and (body['purpose'] == records.EXAM) == exam]
        return sum(found), len(found)

    @property
    def used(self):
        """Trials of the budget that have a result."""
        return len(self._results)

    # ---- the engine's steps ------------------------------------------------------------------
    def _do(self, event):
        if isinstance(event, engine.Propose):
            self._candidate(event)
        elif isinstance(event, engine.Run):
            self._wait, self.stage = event, event.stage
            self._asked.update(job.key for job in event.jobs)
            self._missing = {job.key: job for job in event.jobs if job.key not in self._results}
        elif isinstance(event, engine.Decide):
            self._record('decision', event.body)
            self._merge(event.body)
        elif isinstance(event, engine.Publish):
            self._record('secret', {'secret': self._secret.hex()})
        elif isinstance(event, engine.Exam):
            self._record('exam', event.body)
            self.exam = event.body
        else:
            self._record('end', {'reason': event.reason})
            self._check_end()
            self.finished, self.stage, self.end_reason = True, 'finished', event.reason

    def _record(self, kind, body):
        """Take the next record where it is that, write it where there is none; LedgerError where it is another."""
        if not self._ahead:
            return self.ledger.append(kind, body).body
        record = self._ahead[-1]
        texts = ([f'expected a {record.kind} as recorded, got a {kind}'] if record.kind != kind else
                 records.different(record.body, chain.plain(body)))
        if texts:
            raise LedgerError(f'{self.ledger.path}, record {record.n} ({record.kind}): the campaign goes another way '
                              f'than recorded: {"; ".join(texts)}. Code, researcher or repository changed since: put '
                              'them back, or begin a new run')
        return self._ahead.pop().body

    def _candidate(self, event):
        idea = event.idea
        policy_hash = _sha256(idea.source)
        path = layout.policy(self._folder, policy_hash)
        if not os.path.exists(path):
            write_bytes(path, idea.source.encode(), mode=0o444)
        commit, tree = self._commit(event)
        self.candidates.append(self._record('candidate', {
            'candidate': event.candidate, 'parent': event.parent, 'hypothesis': idea.hypothesis,
            'changes': dict(idea.changes), 'policy_hash': policy_hash, 'artifact_hash': idea.artifact, 'tree': tree,
            'commit': commit}))

    def _commit(self, event):
        idea = event.idea
        if event.parent is None:
            return self.repository.start(idea.source, idea.hypothesis, self._seal)
        return self.repository.idea(event.candidate, event.parent, idea.source, idea.hypothesis,
                                    idea_notes(idea.changes, idea.artifact))

    def _merge(self, body):
        self.decisions.append(body)
        self.repository.decide(body['candidate'], body['kept'], *decision_words(body))
        if body['kept']:
            self.champion = body['candidate']

    def _check_end(self):
        left = [record.kind for record in self._ahead] + sorted(set(self._results) - self._asked)
        if left:
            raise LedgerError(f'{self.ledger.path}: expected nothing but what this campaign comes to, got also '
                              f'{", ".join(left)}: code, researcher or ledger changed since; begin a new run')

    # ---- trials ------------------------------------------------------------------------------
    def _answer(self, job):
        """Return the Outcome of ``job``; LedgerError where its record is of another seed or policy."""
        body = self._results[job.key]
        wanted, ran = self.candidates[job.candidate]['policy_hash'], body['rollout_report']['policy_hash']
        if body['seed'] != self.seed(job) or ran not in ('', wanted):
            raise LedgerError(f'{self.ledger.path}: {body["trial_id"]}: expected seed {self.seed(job)} and policy '
                              f'{wanted}, got {body["seed"]} and {ran}: the station ran something else; begin a new '
                              'run')
        return records.outcome(body)

    def _take_trial(self, body):
        key = body['trial_id'] if not body['repeat'] else body['trial_id'].rpartition('-r')[0]
        if body['status'] == reports.VOID:
            self._voids.setdefault(key, []).append(body)
        elif key in self._results:
            raise LedgerError(f'{self.ledger.path}: expected one result of {key}, got {body["trial_id"]} beside '
                              f'{self._results[key]["trial_id"]}: the ledger was written by something else')
        else:
            self._results[key] = body
            self._missing.pop(key, None)
        self._trials[body['trial_id']] = body

    def _next_of(self, job):
        """Return ``job`` as its next repeat; after a restart it gets as many repeats as at first."""
        voids = self._voids.get(job.key, ())
        if not voids:
            return job
        counted = [body for body in voids if not records.refused_for_manifest(body)]
        return replace(job, repeat=max(body['repeat'] for body in voids) + 1, voids=len(counted) % (MAX_REPEATS + 1))


def _sha256(source):
    return hashlib.sha256(source.encode()).hexdigest()
