"""The page docs/push_t.md, made from what the studies of Push-T have measured. Pure."""

HEAD = """# Push-T, measured

Measured on the state of the code `{state}`; whether the code has moved on since says
`python -m enpire_research.studies.push_t show`.

Made by `python -m enpire_research.studies.push_t page`; don't edit. Everything is simulated, by the direct
runner, on stations with calibration errors. Intervals are Wilson's, 95%. What is measured stands in
[push_t_measure.py](../src/enpire_research/enpire_research/studies/push_t_measure.py), what the state of the code is in
[state.py](../src/enpire_research/enpire_research/studies/state.py); the raw figures are in
[results/push_t.json](results/push_t.json).
"""


def page(state, tables):
    """Return the page's text. ``state``: of the code, when it was measured; ``tables``: push_t_show.Table."""
    parts = [HEAD.format(state=state)]
    for table in tables:
        lines = [table.head, ('---',) * len(table.head), *table.rows]
        text = [table.text, ''] if table.text else []
        rows = ['| ' + ' | '.join(line) + ' |' for line in lines]
        parts.append('\n'.join([f'## {table.title}', '', *text, *rows, '']))
    return '\n'.join(parts)
