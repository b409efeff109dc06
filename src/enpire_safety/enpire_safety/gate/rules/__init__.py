"""All rules, in the order in which they are evaluated; the first that objects is named.

To add one: write it into a file of its family (or a new one) beside this, and into the tuple below.
"""

from enpire_safety.gate.rule import HOLDS, LATCHES, Rule
from enpire_safety.gate.rules import change, contact, effort, form, position, space, timing, velocity

STATE_RULES = (form.STATE_SHAPE, form.STATE_FINITE, position.MEASURED_POSITION, velocity.MEASURED_VELOCITY)
FORM_RULES = (form.REQUEST_SHAPE, form.REQUEST_FINITE)
TIME_RULES = (timing.REQUEST_ORDER, timing.REQUEST_AGE, timing.STATE_AGE, timing.REQUEST_PAIRING, timing.LIMITS_AGE)
JOINT_RULES = (
    position.JOINT_POSITION, velocity.JOINT_VELOCITY, change.JOINT_ACCELERATION, change.JOINT_JUMP,
    effort.FEED_FORWARD, effort.JOINT_EFFORT, effort.FEED_FORWARD_REACH, effort.FEED_FORWARD_SPEED)
SPACE_RULES = (space.WORKSPACE, space.TABLE, space.KEEP_OUT, space.ARM_DISTANCE, space.SELF_DISTANCE, space.TOOL_SPEED)
REQUEST_RULES = (timing.REQUEST_RATE, *FORM_RULES, *TIME_RULES, *JOINT_RULES, *SPACE_RULES, contact.CONTACT_FORCE)
# What the later points of a trajectory are checked for before any of it passes: where the arms will be then, and how
# hard they push, nobody knows yet.
PLAN_RULES = (
    *FORM_RULES, position.JOINT_POSITION, velocity.JOINT_VELOCITY, change.JOINT_ACCELERATION, effort.FEED_FORWARD,
    effort.FEED_FORWARD_REACH, effort.FEED_FORWARD_SPEED, *SPACE_RULES)

# What the core itself watches: no function of one request or state, but named like the rules.
LIMITS_PROFILE = Rule('limits_profile', 907, HOLDS, 'one selected', '', 'no set of limits was selected yet')
STATE_MISSING = Rule('state_missing', 908, HOLDS, '`state_age_max_s`; simulated: `driver_silence_max_s`', 's',
                     'the joint state that a request answers did not arrive in time')
SUPERSEDED = Rule('request_superseded', 909, HOLDS, 'one outstanding', '',
                  'another request came before this one was decided')
DROPPED = Rule('request_dropped', 916, HOLDS, '', '',
               'limits were selected, the latch was cleared or the gate was deactivated before this one was decided')
REQUEST_SILENCE = Rule('request_silence', 920, HOLDS, '`request_silence_max_s`', 's',
                       'no request while the clock runs on: the gate sends a hold of its own')
CLOCK_BACK = Rule('clock_back', 954, LATCHES, '0', 's', 'the clock, or the stamp of the joint states, jumped back')
DRIVER_SILENCE = Rule('driver_silence', 955, LATCHES, '`driver_silence_max_s`', 's',
                      'no readable joint state for that long (wall time), after some had come')
RULE_FAULT = Rule('rule_fault', 956, LATCHES, 'no exception', '', 'a rule or the gate itself raised an exception')
OPERATOR = Rule('operator', 957, LATCHES, '', '', 'somebody called `safety_gate/trip`')
RESTARTED = Rule('restarted', 958, LATCHES, '', '',
                 'the gate was restarted in the same run after it died or while it was latched')
POWER_CUT = Rule('power_cut', 960, LATCHES, '', '',
                 "the arm driver says that its motors' power is cut, or not known to be on")
CORE_RULES = (LIMITS_PROFILE, STATE_MISSING, SUPERSEDED, DROPPED, REQUEST_SILENCE, CLOCK_BACK, DRIVER_SILENCE,
              RULE_FAULT, OPERATOR, RESTARTED, POWER_CUT)
ALL_RULES = STATE_RULES + REQUEST_RULES + CORE_RULES
BY_NAME = {rule.name: rule for rule in ALL_RULES}


def markdown_table():
    """Return all rules, in their order, as a Markdown table for the README."""
    lines = ['| rule | about | limit | unit | reaction | code |', '|---|---|---|---|---|---|']
    lines += [f'| `{r.name}` | {r.about} | {r.limit} | {r.unit} | {r.reaction} | {r.code} |'
              for r in ALL_RULES]
    return '\n'.join(lines) + '\n'
