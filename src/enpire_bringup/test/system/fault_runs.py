"""Faults in campaigns: one after the other, each until the lab works again; then the trials are counted."""

import dataclasses
import time

import fault_counts
import fault_measure
import fault_plan
import psutil
from enpire_research.campaign.audit.stations import read_outboxes
from fault_lab import AGAIN_S, RESUMES, STARTS_S, TARGET_S, now_and_then

MOVING_RAD_S = 0.05
NOTED_S = 30.0  # so long the drivers are waited for, who say once a second what moves their worlds


class Stuck(AssertionError):
    """The lab neither worked nor ended in time, or did not start at all."""


def run(lab, faults, say):
    """Inject ``faults`` into the campaign of ``lab`` as long as it goes on; count what came of it.

    ``faults``: list of Faults; those that were injected are taken off it. ``say(text)`` hears of each. Returns what the
    results keep of the campaign: see `checked`.
    """
    done, why, ends = [], '', []
    try:
        _until_works(lab, 0, STARTS_S, '', ends)
        while faults and not lab.ended:
            line = one(lab, faults[0])
            if line is None:
                break  # the campaign was over before, or its target does not come any more
            faults.pop(0)
            done.append(line)
            say(told(line))
            if line['stuck']:
                raise Stuck(line['stuck'])
        _to_the_end(lab, ends)
    except Stuck as error:
        why = str(error)
        say(why)
    return checked(lab, done, why, ends)


def one(lab, fault):
    """Inject ``fault``; return what came of it as plain values, or None where there was nothing to strike."""
    watcher = lab.watcher
    watcher.within(fault.delay_s, lambda: lab.ended)
    process = _target(lab, fault)
    if lab.ended or (process is None and fault.kind != fault_plan.DISK):
        return None
    watcher.forget()
    lab.lab.remember_family()
    lab.operator.cleared = dict.fromkeys(fault_plan.UNITS, 0)
    moving = [unit for unit in fault_plan.UNITS if _moves(lab, unit)]
    since_s = time.monotonic()
    try:
        lab.strike(fault, process)
    except psutil.NoSuchProcess:
        return None
    over_ns, over_s, stuck, ends = time.time_ns(), time.monotonic(), '', []
    try:
        _until_works(lab, over_ns, AGAIN_S, fault.unit, ends)
        # A world that left lockstep a moment ago is heard of then, and waited for.
        now_s = time.monotonic()
        watcher.within(NOTED_S, lambda: lab.ended or all(
            watcher.worlds[unit] and now_s < watcher.worlds[unit][-1].wall_s for unit in fault_plan.UNITS))
        _until_works(lab, over_ns, AGAIN_S, fault.unit, ends)
    except Stuck as error:
        stuck = str(error)
    found = {unit: fault_measure.look(watcher.worlds[unit], watcher.states[unit], since_s)
             for unit in fault_plan.UNITS}
    return {
        **dataclasses.asdict(fault), 'moving': moving,
        'leavings': [{'unit': unit, **dataclasses.asdict(leaving)} for unit in found
                     for leaving in found[unit].leavings],
        'anew': [unit for unit in found if found[unit].anew], 'cleared': dict(lab.operator.cleared),
        'ends': ends, 'stuck': stuck, 'over': lab.over, 'works_after_s': round(time.monotonic() - over_s, 1)}


def _target(lab, fault):
    """Return the process that ``fault`` is for, once it is there; None where it doesn't come, or for a disk."""
    found = []

    def there():
        found[:] = [lab.target(fault)] if not lab.ended else []
        return lab.ended or found[0] is not None
    if fault.kind != fault_plan.DISK:
        lab.watcher.within(TARGET_S, now_and_then(there))
    return found[0] if found else None


def _moves(lab, unit):
    """Return whether an arm of ``unit`` moved in the joint state that was heard last."""
    states = lab.watcher.states[unit]
    return bool(states) and max(abs(states[-1].velocities[fault_measure.ARMS])) > MOVING_RAD_S


def _until_works(lab, began_ns, seconds, unit, ends):
    """Wait until the lab works, gone on with where it has ended; how it ended, each time, comes into ``ends``.

    Stuck where it neither works nor ends, or can't be gone on with.
    """
    while True:
        if not lab.until_works(began_ns, unit, seconds):
            raise Stuck(f'waited {seconds:g} s for a trial of {unit or "any station"} or the end of the lab; '
                        f'{_last_said(lab)}')
        if not lab.ended or lab.over:
            return
        _go_on(lab, ends)


def _last_said(lab):
    return f'the lab said last:\n{lab.lab.text()[-2000:]}'


def _go_on(lab, ends):
    """Note in ``ends`` how the lab has ended, and go on with it."""
    killed = lab.lab.process.returncode < 0
    ends.append({'said': '' if killed else lab.last_words(), 'killed': killed, 'left': sorted(lab.left().values())})
    if len(ends) > RESUMES:
        raise Stuck(f'the lab ended {len(ends)} times: {ends}')
    lab.resume()


def _to_the_end(lab, ends):
    """Let the campaign come to its end; how its lab ended before that comes into ``ends``. Stuck where it makes no
    progress, or can't be gone on with.
    """
    while not lab.over or not lab.ended:
        known = len(lab.records())
        if lab.until_ended():
            if not lab.over:
                _go_on(lab, ends)
        elif len(lab.records()) == known:
            raise Stuck(f'waited {AGAIN_S:g} s for a record or the end of the lab; {_last_said(lab)}')


def checked(lab, faults, why, ends=()):
    """Return a campaign as plain values: its ``faults`` (from `one`), its trials counted, `enpire verify` asked.

    ``why``: it didn't come to its end; ``ends``: how its lab ended where no fault had been.
    """
    lab.lab.kill()
    boxes, unreadable = read_outboxes(lab.lab.run_dir)
    finished = [trial for (_, trial, phase), kept in boxes.items()
                if phase == 'rollout' and kept.report.status in fault_counts.VERDICTS]
    trials = [record.body for record in lab.records() if record.kind == 'trial']
    counts = fault_counts.count(trials, finished, lab.over)
    code, said = lab.lab.command('verify', str(lab.lab.run_dir), seconds=600.0)
    return {'faults': faults, 'ends': list(ends), **dataclasses.asdict(counts), 'over': lab.over, 'why': why,
            'void': sum(body['status'] == 'void' for body in trials), 'unreadable': unreadable, 'verified': code == 0,
            'verify': '' if code == 0 else wrong_lines(said)}


def wrong_lines(said):
    """Return in one line what `enpire verify` found wrong in its output ``said``; all of it where nothing is marked."""
    found, wrong = [], False
    for line in said.splitlines():
        wrong = line.startswith('WRONG') or (wrong and line.startswith(' ') and '(note)' not in line)
        if wrong:
            found.append(' '.join(line.split()))
    return '; '.join(found) or said


def told(line):
    """Return in one line what came of a fault, as `one` returns it."""
    left = [f'{one["unit"]} left lockstep, held after {one["held_s"]} s' for one in line['leavings']]
    ends = [f'the lab ended: {one["said"] or ("killed" if one["killed"] else "it said nothing")}'
            for one in line['ends']]
    cleared = [f'{unit} cleared' for unit, times in line['cleared'].items() if times]
    then = 'STUCK' if line['stuck'] else 'the campaign is over' if line['over'] else 'works'
    return f'fault {line["number"]}: {line["kind"]} {line["target"]}: ' + '; '.join(
        [*left, *ends, *cleared, f'{then} after {line["works_after_s"]} s'])
