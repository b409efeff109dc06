"""What is told of a campaign: its story, how it used its stations, the report, the picture."""

import io

import pytest
import synthetic_campaigns as synthetic

from enpire_research.campaign import chain, ledger, plot, report, story, usage
from enpire_research.campaign.statistics import wilson


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """Return the records of a campaign that has ended."""
    folder = tmp_path_factory.mktemp('ended')
    synthetic.campaign(folder, pause_at=20)
    return ledger.read(folder)


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    """Return a function: the records of a campaign of which so many trials have ended."""
    def after(trials):
        folder = tmp_path_factory.mktemp('running')
        synthetic.campaign(folder, until=trials)
        return ledger.read(folder)
    return after


def text_of(records):
    return report.text(records, synthetic.TOLERANCES, synthetic.START_VALUES)


def line_of(records, start):
    return next(line for line in text_of(records).splitlines() if line.strip().startswith(start))


# ---- the story ---------------------------------------------------------------------------------
def test_a_ledger_without_a_campaign_has_no_story(tmp_path):
    (tmp_path / ledger.NAME).touch()
    with pytest.raises(story.StoryError, match='expected a ledger that begins with a campaign, got an empty one'):
        story.tell(ledger.read(tmp_path))


def test_the_champion_is_the_last_one_kept(ended, running):
    told = story.tell(ended)
    kept = [body['candidate'] for body in told.decisions if body['kept']]
    assert told.champion == kept[-1] > 0 and told.best.kept and told.start.kept
    assert [one.number for one in told.candidates] == list(range(len(told.candidates)))
    assert story.tell(running(10)).champion == 0


def test_void_trials_are_no_results(ended):
    told = story.tell(ended)
    assert len(told.voids) == 1 and told.voids[0]['trial_id'] not in {trial['trial_id'] for trial in told.trials}
    assert sum(len(one.development) + len(one.exam) for one in told.candidates) == len(told.trials)


def test_what_a_champion_differs_in_is_all_that_its_line_of_ideas_set(ended):
    told = story.tell(ended)
    own = dict((name, value) for name, value, _ in told.changes(told.champion))
    assert own['WAY'] == 'new' and set(own) == {'RATE', 'WAY'}
    assert own['RATE'] == told.best.body['changes']['RATE']
    assert told.changes(0) == []


def test_candidates_stand_in_the_order_of_their_trials(ended):
    told = story.tell(ended)
    assert 0 < told.start.at_trial < min(one.at_trial for one in told.candidates[1:])
    assert max(one.at_trial for one in told.candidates) <= len(told.trials)


# ---- stations ----------------------------------------------------------------------------------
def trial(unit, began_s, reset_s=2.0, rollout_s=5.0, gap_s=1.0, name='t'):
    phases = [(began_s, reset_s), (began_s + reset_s + gap_s, rollout_s)]
    made = [{'started_at_ns': int(start * 1e9), 'wall_duration_s': length} for start, length in phases]
    return {'unit': unit, 'trial_id': f'{name}{began_s}', 'reset_report': made[0], 'rollout_report': made[1]}


def test_the_share_of_a_station_is_its_time_in_resets_and_rollouts_over_that_of_the_campaign():
    found = usage.measure([trial('a', 100.0), trial('a', 112.0), trial('b', 100.0)], ('a', 'b'))
    assert found.span_s == pytest.approx(20.0)
    assert found.share == {'a': pytest.approx(0.7), 'b': pytest.approx(0.35)}
    assert found.total == pytest.approx(0.525)
    assert found.between_s == (pytest.approx(4.0),) and found.inside_s == (pytest.approx(1.0),) * 3


def test_a_time_in_which_the_lab_stood_still_is_a_pause_and_in_no_share():
    found = usage.measure([trial('a', 100.0), trial('a', 4000.0)], ('a',))
    assert found.pauses_s == (pytest.approx(3892.0),)
    assert found.span_s == pytest.approx(16.0) and found.share == {'a': pytest.approx(14 / 16)}
    assert found.between_s == ()


def test_a_station_that_waits_while_another_works_makes_no_pause():
    found = usage.measure([trial('a', 100.0), trial('b', 105.0, rollout_s=300.0), trial('a', 400.0)], ('a', 'b'))
    assert found.pauses_s == () and found.total < 1.0


def test_phases_without_a_report_and_campaigns_without_a_trial_are_no_fault():
    lost = {**trial('a', 100.0), 'rollout_report': None}
    assert usage.measure([lost], ('a',)).busy_s == {'a': pytest.approx(2.0)}
    empty = usage.measure([], ('a',))
    assert empty.share == {} and empty.total is None


# ---- the report --------------------------------------------------------------------------------
def test_the_report_says_first_that_it_is_simulated_and_last_the_digest(ended, running):
    for records in (ended, running(10)):
        lines = text_of(records).splitlines()
        assert lines[0].startswith('SIMULATED campaign: push_t, seed 1, 2 stations')
        assert lines[-1] == f'ledger digest: {chain.digest(records)}'


def test_success_on_held_out_resets_has_its_number_and_interval(ended):
    told = story.tell(ended)
    good = told.exam['champion']['successes']
    low, high = wilson(good, 10)
    text = text_of(ended)
    assert 'success on 10 held-out resets' in text and text.index('held-out') < text.index('on development resets')
    assert (f'{good} of 10 ({good / 10:.0%}, 95% interval {100 * low:.0f} to {100 * high:.0f}%): idea {told.champion}'
            in text)
    assert f'{told.exam["start"]["successes"]} of 10' in line_of(ended, 'start policy')


def test_before_its_end_the_exam_is_not_looked_at(running):
    text = text_of(running(115))
    assert 'final exam' in text and 'not looked at before its end' in text and 'success on 10 held-out' not in text
    assert 'not begun; 10 held-out resets for each' in text_of(running(10))


def test_figures_of_development_are_called_that(running):
    text = text_of(running(60))
    assert 'success on development resets (the champion was chosen by them' in text
    assert 'failures on development resets' in text


def test_what_changed_is_told_with_both_values_and_the_ideas_words(ended):
    told = story.tell(ended)
    text = text_of(ended)
    assert f'from start policy to champion (idea {told.champion})' in text
    assert '  WAY = old -> new  (idea' in text
    assert f'  RATE = 0.2 -> {told.best.body["changes"]["RATE"]}  (idea {told.champion})' in text
    assert f'idea {told.champion}: {told.best.body["hypothesis"]}' in text
    assert '  WAY = new  (idea' in report.text(ended)  # where nobody knows the start's


def test_failures_are_counted_by_reason_for_both(ended):
    told, lines = story.tell(ended), text_of(ended).splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith('failures on held-out resets'))
    assert lines[at].split()[-3:] == ['start', 'policy', 'champion']
    rows = [line.split() for line in lines[at + 1:lines.index('', at)]]
    assert sum(int(row[1]) for row in rows) == 10 - told.exam['start']['successes']
    assert sum(int(row[2]) for row in rows) == 10 - told.exam['champion']['successes']


def test_voids_trials_hours_and_stations_are_told(ended):
    text = text_of(ended)
    assert f'{len(story.tell(ended).trials)} of 130, 1 void (faults of the lab; in no rate)' in text
    assert 'i0000-screen-003 on unit1: the camera gave no picture for 5 s' in text
    assert '1 pause of 1 h 0 min' in line_of(ended, 'wall time')
    assert '0.25 s before a reset and 0.25 s before its rollout' in line_of(ended, 'overhead')
    assert 'unit0' in line_of(ended, 'stations') and 'ended' in text


def test_a_campaign_that_kept_nothing_says_that_the_start_policy_is_the_champion(tmp_path):
    synthetic.campaign(tmp_path, confirm_margin=6, alpha=0.001)
    text = text_of(ledger.read(tmp_path))
    assert 'the start policy itself: no idea was better' in text and '0 kept' in text
    assert 'from start policy to champion' not in text


def test_times_read_as_people_say_them():
    assert [report.hours(seconds) for seconds in (3.21, 119.0, 1500.0, 5040.0)] == [
        '3.2 s', '119.0 s', '25 min', '1 h 24 min']


# ---- the picture -------------------------------------------------------------------------------
@pytest.mark.parametrize('trials', [1, 30, 115, None])
def test_the_picture_is_a_png_at_every_moment_of_a_campaign(running, trials):
    pillow = pytest.importorskip('PIL.Image')
    image = pillow.open(io.BytesIO(plot.png(running(trials))))
    assert image.format == 'PNG' and image.size == (1440, 810)


def test_the_same_campaign_gives_the_same_picture(ended):
    assert plot.png(ended) == plot.png(ended)
