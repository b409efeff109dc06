"""The page docs/push_t.md, made from what the studies of Push-T have measured."""

HEAD = """# Push-T, measured

Made by `python -m enpire_research.studies.push_t page`; don't edit. Everything is simulated, by the direct
runner, on stations with calibration errors. Intervals are Wilson's, 95%. What the studies do stands in
[their module](../src/enpire_research/enpire_research/studies/push_t.py); the raw figures are in
[results/push_t.json](results/push_t.json).
"""
TITLES = {
    'vision': ('Pose error of the verifier', 'Random poses against the truth of the simulation.'),
    'verdicts': ('Verdicts near the tolerance', 'T put by hand, mostly within twice the tolerance: truth, then '
                 'verdict. A success must be inside the tolerance by the verifier\'s own error, hence the done ones '
                 'that it turns down.'),
    'rim': ('Resets from hard places', 'T laid on the rim, along it, in corners.'),
}
TRIALS = ('Each reset begins in the end state of the trial before. Truth is read after the verdict, for comparison '
          'only.')


def page(key, studies):
    """Return the page's text. ``key``: hash of what is frozen; ``studies``: name -> lines about it."""
    parts = [HEAD, f'Task, scene and limits: `{key}`\n']
    for name in sorted(studies, key=lambda name: (name not in TITLES, name)):
        title, text = TITLES.get(name, (name[0].upper() + name[1:], TRIALS))
        rows = [line.partition(': ') for line in studies[name]]
        table = ['| | |', '|---|---|', *(f'| {what} | {value} |' for what, _, value in rows)]
        parts.append('\n'.join([f'## {title}', '', text, '', *table, '']))
    return '\n'.join(parts)
