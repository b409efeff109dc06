"""Between the plain reports and goals of `trials` and the messages of enpire_interfaces."""

from enpire_core.conversions import ns_to_stamp, stamp_to_ns
from enpire_interfaces.msg import AttemptReport, TrialReport
from enpire_research.trials.report import PHASES, STATUSES, Attempt, Report
from enpire_research.trials.reset import ResetGoal
from enpire_research.trials.rollout import RolloutGoal

_SAME = ('unit', 'task', 'trial_id', 'seed', 'simulated', 'error_code', 'error_msg', 'policy_file', 'policy_hash',
         'policy_commit', 'artifact_hash', 'manifest_hash', 'wall_duration_s', 'ticks', 'refusals', 'tries', 'put_back',
         'score', 'state_record', 'state_digest_before', 'state_digest_after', 'trajectory_digest', 'frames_digest')


def report_to_message(report):
    """Return a Report as a TrialReport."""
    message = TrialReport(**{name: getattr(report, name) for name in _SAME})
    message.status, message.phase = STATUSES.index(report.status), PHASES.index(report.phase)
    message.start_stamp, message.end_stamp = ns_to_stamp(report.start_ns), ns_to_stamp(report.end_ns)
    message.started_at = ns_to_stamp(report.started_at_ns)
    message.measurement_names = list(report.measurements)
    message.measurement_values = [float(value) for value in report.measurements.values()]
    message.attempts = [
        AttemptReport(attempt=one.attempt, start_stamp=ns_to_stamp(one.start_ns), end_stamp=ns_to_stamp(one.end_ns),
                      status=STATUSES.index(one.status), score=one.score, reason=one.reason)
        for one in report.attempts]
    return message


def report_from_message(message):
    """Return a TrialReport as a Report; IndexError for a status or phase that this version doesn't know."""
    values = {name: getattr(message, name) for name in _SAME}
    return Report(
        phase=PHASES[message.phase], status=STATUSES[message.status], start_ns=stamp_to_ns(message.start_stamp),
        end_ns=stamp_to_ns(message.end_stamp), started_at_ns=stamp_to_ns(message.started_at),
        measurements=dict(zip(message.measurement_names, message.measurement_values)),
        attempts=[Attempt(one.attempt, stamp_to_ns(one.start_stamp), stamp_to_ns(one.end_stamp),
                          STATUSES[one.status], one.score, one.reason) for one in message.attempts], **values)


def reset_goal(message):
    """Return a Reset.Goal as a ResetGoal."""
    return ResetGoal(message.trial_id, message.seed, message.max_tries)


def rollout_goal(message):
    """Return a Rollout.Goal as a RolloutGoal."""
    return RolloutGoal(message.trial_id, message.seed, message.policy_file, message.policy_commit,
                       message.episode_s, message.max_attempts or 1, message.artifact_file)
