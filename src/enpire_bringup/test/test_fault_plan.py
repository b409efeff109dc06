"""Which faults are drawn."""

import collections

import fault_plan


def test_a_fault_depends_on_seed_and_number_alone():
    whole = fault_plan.plan(3, 90)
    assert fault_plan.plan(3, 90, done=range(0, 90, 2)) == whole[1::2]
    assert [fault_plan.draw(3, number) for number in (70, 5)] == [whole[70], whole[5]]
    assert fault_plan.plan(4, 90) != whole


def test_a_block_holds_every_process_killed_and_stopped_once_and_some_full_disks():
    size = len(fault_plan.PAIRS)
    assert size == 2 * len(fault_plan.PROCESSES) + fault_plan.DISKS
    for block in (0, 1):
        found = [fault_plan.draw(1, number) for number in range(block * size, (block + 1) * size)]
        assert collections.Counter((fault.kind, fault.target) for fault in found) == collections.Counter(
            fault_plan.PAIRS)
    assert {fault.kind for fault in fault_plan.plan(1, size)} == set(fault_plan.KINDS)


def test_delays_are_spread_over_a_trial():
    delays = [fault.delay_s for fault in fault_plan.plan(1, 200)]
    assert all(0.0 <= delay <= fault_plan.LATEST_S for delay in delays)
    assert min(delays) < 0.1 * fault_plan.LATEST_S and max(delays) > 0.9 * fault_plan.LATEST_S


def test_a_fault_knows_the_station_of_its_target():
    units = {fault.target: fault.unit for fault in fault_plan.plan(1, len(fault_plan.PAIRS))}
    assert units['unit1.policy'] == 'unit1' and units['lab.research'] == units[fault_plan.RUN_FOLDER] == ''
