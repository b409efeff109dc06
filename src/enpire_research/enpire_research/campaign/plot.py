"""The improvement of a campaign as a picture. The only module that imports Matplotlib; it needs no screen."""

import io

from enpire_research.campaign.statistics import wilson
from enpire_research.campaign.story import successes, tell

GREY, DARK, BLUE, ORANGE = '#a9adb3', '#2b2f36', '#1f6fb4', '#d9772b'
SIZE_IN, DPI = (9.6, 5.4), 150
# From so many ideas on, the intervals of those that were not kept are drawn paler.
MANY = 25


def png(records):
    """Return the picture of ``records`` as the bytes of a PNG; StoryError where the ledger has no campaign yet.

    Left, every candidate's rate on development resets with its 95% interval, over the trials that the campaign had
    used; kept ones are joined. Right, the final exam.
    """
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib.figure import Figure

    story = tell(records)
    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout='constrained')
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={'width_ratios': (4.2, 1)})
    _development(left, story)
    _exam(right, story)
    figure.legend(loc='outside lower left', ncols=3, fontsize=8, frameon=False)
    for axes in (left, right):
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis='y', color='#e4e6ea', linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ('top', 'right'):
            axes.spines[side].set_visible(False)
    body = story.campaign
    kind = 'SIMULATED' if body['simulated'] else 'Real robots'
    figure.suptitle(f'{kind}: {body["task"]}, seed {body["seed"]}, {len(body["units"])} stations: '
                    f'{len(story.candidates) - 1} ideas, {len(story.trials)} trials'
                    + ('' if story.end else ' so far'), fontsize=12, x=0.01, ha='left')
    # Without date and version: the same campaign gives the same picture.
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', metadata={'Software': None})
    return buffer.getvalue()


def _development(axes, story):
    tried = [one for one in story.candidates if one.development]
    dropped = [one for one in tried if not one.kept]
    kept = [one for one in tried if one.kept]
    _points(axes, dropped, GREY, 'idea, not kept', 4, 0.35 if len(dropped) > MANY else 0.8)
    if kept:
        places = [_place(one) for one in kept]
        end = max([one.at_trial for one in tried] + [places[-1][0]])
        axes.plot([x for x, _ in places] + [end], [y for _, y in places] + [places[-1][1]], drawstyle='steps-post',
                  color=BLUE, linewidth=1.4, alpha=0.75, zorder=2)
    _points(axes, kept[:1], DARK, 'start policy', 7, 1.0, 's')
    _points(axes, kept[1:], BLUE, 'kept: the champion from then on', 7, 1.0)
    for one in kept[1:]:
        x, y = _place(one)
        axes.annotate(one.name, (x, y), textcoords='offset points', xytext=(6, 7), fontsize=8, color=BLUE)
    axes.set_xlabel('trials that the campaign had used')
    axes.set_ylabel('success, with 95% interval')
    axes.set_xlim(0, max([one.at_trial for one in tried], default=1) * 1.03)
    axes.yaxis.set_major_formatter(lambda value, _: f'{value:.0%}')
    axes.set_title('on development resets (they choose the champion)', fontsize=9, loc='left', color=DARK)


def _place(one):
    return one.at_trial, successes(one.development) / len(one.development)


def _points(axes, ones, colour, label, size, alpha, marker='o'):
    """Draw Candidates with their intervals."""
    if not ones:
        return
    places = [_place(one) for one in ones]
    for one in ones:
        _bar(axes, one.at_trial, successes(one.development), len(one.development), colour, alpha)
    axes.plot([x for x, _ in places], [y for _, y in places], marker, color=colour, markersize=size, label=label,
              markeredgecolor='white', markeredgewidth=0.7, zorder=4)


def _bar(axes, x, good, n, colour, alpha, width=1.1):
    low, high = wilson(good, n)
    axes.plot([x, x], [low, high], color=colour, linewidth=width, alpha=alpha, zorder=3 if alpha == 1.0 else 1)


def _exam(axes, story):
    axes.set_title('exam on held-out resets', fontsize=9, loc='left', color=DARK)
    axes.set_xlim(-0.6, 1.9)
    shown = [(0, story.start, DARK, 's', 'start')]
    if story.champion:
        shown.append((1, story.best, ORANGE, 'D', 'champion'))
    if not story.exam:
        axes.set_xticks([])
        axes.text(0.5, 0.5, 'not yet', ha='center', color=GREY)
        return
    for x, one, colour, marker, _ in shown:
        good, n = successes(one.exam), len(one.exam)
        _bar(axes, x, good, n, colour, 1.0, 2.0)
        axes.plot([x], [good / n], marker, color=colour, markersize=8, markeredgecolor='white', zorder=4)
        axes.annotate(f'{good / n:.0%}', (x, good / n), textcoords='offset points', xytext=(8, -3), fontsize=9,
                      color=colour, fontweight='bold')
    axes.set_xticks([x for x, *_ in shown], [f'{words}\n{successes(one.exam)} of {len(one.exam)}'
                                             for _, one, _, _, words in shown], fontsize=8)
