"""A little of the campaign of faults, which `fault_campaign.py` runs for hours: by the same code, one fault."""

import os
import subprocess

import fault_results
import pytest
from fault_disk import Filler, small_disk
from fault_lab import STARTS_S, FaultLab, now_and_then
from fault_plan import KILL, Fault
from fault_runs import checked, one, told

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='mounts a small disk: needs root')
POLICY = Fault(0, KILL, 'unit0.policy', 0.0)
GATE = Fault(0, KILL, 'unit0.safety_gate', 0.0)
KILLS = 3


def _left(fault):
    """Return whether the world of unit0 left lockstep. Others may, too, where the machine is busy."""
    return 'unit0' in [left['unit'] for left in fault['leavings']]


@needs_root
def test_after_a_killed_gate_arms_hold_in_time_the_lab_goes_on_and_no_trial_is_lost(tmp_path):
    with FaultLab(tmp_path, seed=1, trials=60) as lab:
        drives = now_and_then(lambda: lab.target(POLICY))
        faults = []
        # A rollout takes little more than a second, and may be over before its gate is dead: then once more.
        for _ in range(KILLS):
            lab.watcher.until(drives, lambda: f'a policy of unit0 to drive; the lab said:\n{lab.lab.text()}', STARTS_S)
            faults.append(one(lab, GATE))
            if _left(faults[-1]):
                break
        assert _left(faults[-1]) and all(1 <= fault['cleared']['unit0'] for fault in faults), [*map(told, faults)]
        lab.lab.interrupt()
        campaign = checked(lab, faults, 'interrupted')
    assert campaign['finished'] >= 1 and campaign['verified'], campaign
    # It is not over, as it was interrupted; all else is as it shall be.
    assert fault_results.wrong([{**campaign, 'over': True}]) == []


@needs_root
def test_a_full_disk_takes_nothing_more_until_its_filler_is_gone(tmp_path):
    with small_disk(tmp_path / 'disk', megabytes=1) as disk:
        (disk / 'there').write_bytes(b'x' * 100_000)
        filler = Filler(disk)
        filler.fill()
        (disk / 'there').unlink()
        filler.fill()
        with pytest.raises(OSError, match='No space left'):
            (disk / 'more').write_bytes(b'x' * 100_000)
        filler.remove()
        (disk / 'more').write_bytes(b'x' * 100_000)
    assert not list((tmp_path / 'disk').iterdir())
    assert str(tmp_path) not in subprocess.run(['mount'], capture_output=True, text=True, check=True).stdout
