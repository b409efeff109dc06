"""Camera profiles and which frame is the newest."""

import pytest

from enpire_drivers.sim.cameras import CAMERAS, DEFAULT_PROFILES, RATES_HZ, parse_profile


@pytest.mark.parametrize('rate_hz', RATES_HZ)
def test_each_rate_has_a_whole_period(rate_hz):
    profile = parse_profile(f'640x480x{rate_hz}')
    assert profile.period_ticks * rate_hz == 30
    assert str(profile) == f'640x480x{rate_hz}'


@pytest.mark.parametrize('text', ['640x480x7', '640x480x60', '640x480x0'])
def test_a_rate_that_does_not_divide_the_control_rate_is_refused_with_the_choices(text):
    with pytest.raises(ValueError, match='5, 6, 10, 15, 30'):
        parse_profile(text)


@pytest.mark.parametrize('text', ['', '640x480', '640x480x15x1', '-640x480x15', '640 x480x15', None, 7,
                                  'axbxc', '15x480x15', '640x4000x15', 'nanx480x15'])
def test_a_profile_of_another_form_is_refused_by_name(text):
    with pytest.raises(ValueError, match='top_camera.color_profile'):
        parse_profile(text, 'top_camera.color_profile')


def test_the_newest_frame_is_that_of_the_latest_multiple_of_the_period():
    profile = parse_profile('640x480x10')
    assert [profile.newest_tick(tick) for tick in range(8)] == [0, 0, 0, 3, 3, 3, 6, 6]


def test_the_default_profiles_are_valid():
    assert CAMERAS == tuple(DEFAULT_PROFILES)
    assert set(DEFAULT_PROFILES) == {'top_camera', 'left_wrist_camera', 'right_wrist_camera'}
    for text in DEFAULT_PROFILES.values():
        assert str(parse_profile(text)) == text
