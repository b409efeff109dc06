"""`docs/bench.md` from the results. Pure."""

from enpire_research.bench.results import PARTS, last_state, newest

GATE_RATIO, GATE_RATIO_P99, OVERHEAD_MS = 1.5, 2.0, 1.5
STEP_US, PICTURE_US = 200, 500
FACTOR = {'graph': 12.0, 'cameras': 6.0}
MEMORY_MIB = 8 * 1024
_HEAD = """# Speed and memory

Made by `enpire bench`; don't edit. Milliseconds and MiB are those of the machine that is named; what may be
compared with other machines are the ratios, each measured in one run, in turns. Everything is simulated. Beside
each table stands the state of the code that it was measured on (`enpire_research.studies.state`); whether the code
has moved on since says `python -m enpire_research.bench.page`.
"""
_LOOKS = {'graph': 'no camera', 'cameras': 'with camera'}
_TITLES = {'gate': 'Safety gate', 'pipe': 'A step through the pipe of a policy', 'graph': 'One station, no camera',
           'cameras': 'One station, a 320x240 colour image at 10 Hz in every observation', 'memory': 'Memory'}
_WAYS = {'graph': 'the graph (four processes)', 'direct': 'direct runner (no DDS, the policy in its process)',
         'bare': 'physics alone'}


def goals(part, figures):
    """Return [(what, value as text, goal as text, met)] of one part."""
    if part == 'gate':
        return [(f'latency through the gate / through a bare relay, {text}', f'{figures[name]:.2f}', f'at most {most}',
                 figures[name] <= most) for text, name, most in (('median', 'ratio_median', GATE_RATIO),
                                                                 ('99th percentile', 'ratio_p99', GATE_RATIO_P99))]
    if part == 'pipe':
        return [(f'a step of a confined policy{text}, median', f'{figures[name]["median"]:.0f} µs',
                 f'at most {most} µs', figures[name]['median'] <= most)
                for text, name, most in ((', 14 joints', 'sandbox', STEP_US),
                                         (f' with a {figures["picture"]} picture', 'sandbox_picture', PICTURE_US))]
    if part in FACTOR:
        factor = figures['graph']['real_time_factor']
        found = [(f'real-time factor on the graph, {_LOOKS[part]}', f'{factor:.1f}', f'at least {FACTOR[part]:g}',
                  factor >= FACTOR[part])]
        if part == 'graph':
            # Policy process, trial server, gate and drivers: all but physics. The direct runner has most of them
            # too, so what the graph adds to that is less, and stands in the table of ticks alone.
            extra = figures['graph']['mean'] - figures['bare']['mean']
            found.append(('overhead of the graph: a tick less its physics', f'{extra:.2f} ms',
                          f'at most {OVERHEAD_MS} ms', extra <= OVERHEAD_MS))
        return found
    largest = max(figures['labs'], key=lambda one: one['units'])
    most = largest['largest_total_seen']
    return [(f'a lab of {largest["units"]} stations, most seen at work', f'{most:.0f} MiB', f'under {MEMORY_MIB} MiB',
             most < MEMORY_MIB)]


def missed(parts):
    """Return the goals of ``parts`` ({part: figures}) that were not reached, as lines."""
    return [f'{_TITLES[part]}: {what}: {value}, goal: {goal}' for part in PARTS if part in parts
            for what, value, goal, met in goals(part, parts[part]) if not met]


def markdown(results):
    """Return the page for ``results``: for each machine, of each part, what was measured on it last."""
    pieces = [_HEAD]
    last = last_state(results)
    for entry in newest(results):
        machine = entry['machine']
        pieces.append(f'## {machine["cpu"]}, {machine["cores"]} cores, {machine["memory"]}\n\n'
                      f'Python {machine["python"]}, MuJoCo {machine["mujoco"]}, rendering with {machine["rendering"]}.'
                      '\n\n' + _goal_table(entry['parts']))
        pieces += [_section(part, entry['parts'][part], last) for part in PARTS if part in entry['parts']]
    if len(pieces) == 1:
        pieces.append('Nothing was measured yet.\n')
    return '\n'.join(pieces)


def _goal_table(parts):
    rows = [(what, value, goal, 'yes' if met else '**no**') for part in PARTS if part in parts
            for what, value, goal, met in goals(part, parts[part])]
    return _table(('what', 'measured', 'goal', 'reached'), rows)


def _section(part, figures, last):
    text = {'gate': _gate, 'pipe': _pipe, 'graph': _pace, 'cameras': _pace, 'memory': _memory}[part](figures)
    quick = ', quickly (too few for good figures)' if figures.get('quick') else ''
    above = f', measured beside that load with {figures["priority"]}' if figures['priority'] else ''
    return (f'### {_TITLES[part]}\n\nMeasured {figures["measured_at"]}{quick}; load of the machine at the start '
            f'{figures["load"]:.2f}{above}; {_state(figures, last)}.\n\n{text}')


def _state(figures, last):
    older = '' if figures['state'] == last else f', **older than the newest figures here** (`{last[:12]}`)'
    return f'code `{figures["state"][:12]}`{older}'


def _gate(figures):
    rows = [(name, *_us(figures[key])) for name, key in (
        ('bare relay: request to command', 'relay'), ('safety gate: request to command', 'gate'),
        ("safety gate: request to the gate's word about it", 'decided'))]
    rows.append(('ratio gate / relay', f'{figures["ratio_median"]:.2f}', '', f'{figures["ratio_p99"]:.2f}'))
    ratios = figures.get('ratios')  # older figures are of one start
    starts = '' if ratios is None else (f'; started {len(ratios)} times, ratio of the medians of each start: '
                                        f'{", ".join(f"{one:.2f}" for one in ratios)}')
    thinks = f', a request {figures["thinks_us"]:.0f} µs after each state' if 'thinks_us' in figures else ''
    return (f'{figures["gate"]["count"]} commands through each, in turns of a block, between the same two '
            f'processes{thinks}{starts}.\n\n' + _table(('µs', 'median', 'mean', '99th percentile'), rows))


def _pipe(figures):
    rows = [(text, *_us(figures[key])) for text, key in (
        ('unconfined', 'unconfined'), (f'confined by {figures["sandbox_name"]}', 'sandbox'),
        (f'unconfined, with a {figures["picture"]} picture', 'unconfined_picture'),
        (f'confined, with a {figures["picture"]} picture', 'sandbox_picture'))]
    rows.append(('ratio confined / unconfined', *(f'{figures["sandbox"][kind] / figures["unconfined"][kind]:.2f}'
                                                  for kind in ('median', 'mean', 'p99'))))
    starts = [(text, f'{figures["starts"][way]["median"]:.0f}') for text, way in (
        ('unconfined', 'unconfined'), ('confined', 'sandbox'))]
    return (f'{figures["sandbox"]["count"]} steps each way, in turns of a process: from the answer of the trial server '
            'to the next request of the policy, with what it computes between. A picture is an exchange of its own.\n\n'
            + _table(('µs a step', 'median', 'mean', '99th percentile'), rows) + '\n'
            + _table(('ms from starting the process until its policy is loaded', 'median'), starts))


def _us(summary):
    return f'{summary["median"]:.0f}', f'{summary["mean"]:.0f}', f'{summary["p99"]:.0f}'


def _pace(figures):
    rows = [(text, _ms(figures[way]['mean']), _ms(figures[way]['median']), _ms(figures[way]['p99']),
             f'{figures[way]["real_time_factor"]:.1f}') for way, text in _WAYS.items()]
    rows.append(('graph minus direct runner', _ms(figures['overhead']['mean']), _ms(figures['overhead']['median']),
                 '', ''))
    rows.append(('graph minus physics alone', *(_ms(figures['graph'][kind] - figures['bare'][kind])
                                                for kind in ('mean', 'median')), '', ''))
    times = _table(('ms a tick', 'mean', 'median', '99th percentile', 'real-time factor'), rows)
    where = _table(('direct runner: where the time goes', 'ms a tick'),
                   [(name, _ms(value)) for name, value in _largest(figures['parts'])])
    cpu = _table(('graph: CPU time by process', 'ms a tick'),
                 [(name, _ms(value)) for name, value in _largest(figures['cpu'])])
    return (f'{figures["rounds"]} rounds of {figures["ticks"]} ticks each way, in turns; of each figure the middle '
            f'of the rounds. The real-time factor follows from the mean.\n\n{times}\n{where}\n{cpu}')


def _largest(values):
    return sorted(values.items(), key=lambda item: -item[1])


def _memory(figures):
    labs = sorted(figures['labs'], key=lambda one: one['units'])
    rows = [(f'{one["units"]}', f'{one["total"]:.0f}', f'{one["total"] / one["units"]:.0f}',
             f'{one["largest_total_seen"]:.0f}', one['faults']) for one in labs]
    kinds = [(f'{kind} ({one["units"]} stations)', each['count'], f'{each["pss"]:.0f}', f'{each["rss"]:.0f}')
             for one in labs for kind, each in sorted(one['processes'].items(), key=lambda item: -item[1]['pss'])]
    return ('After a short rollout on every station at once. PSS: pages that processes share are divided among '
            'them, so that the sum is what the lab takes.\n\n'
            + _table(('stations', 'PSS idle, MiB', 'a station', 'most seen at work', 'void rollouts'), rows) + '\n'
            + _table(('process', 'number', 'PSS each, MiB', 'RSS each, MiB'), kinds))


def _ms(value):
    return f'{value:.3f}'


def _table(head, rows):
    lines = [head, ['---'] * len(head), *rows]
    return ''.join('| ' + ' | '.join(str(cell) for cell in line) + ' |\n' for line in lines)
