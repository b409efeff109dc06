"""Campaigns as real processes: the research node killed again and again, a frozen file changed; both verified."""

import re

from enpire_research.campaign.chain import digest
from enpire_research.campaign.ledger import read
from system_lab import policy, until

SMALL = """\
name: small
units: 2
seed: 3
policy: {policy}
campaign:
  trials: 20
  ideas_a_round: 2
  screen_first: 3
  screen_second: 1
  screen_resets: 3
  confirm_margin: 2
  confirm_resets: 5
  exam_resets: 2
"""
KILLS_AFTER = (2, 7, 11)


def test_a_campaign_whose_research_node_is_killed_has_every_trial_once_and_ends_with_its_report(start_lab, tmp_path):
    (tmp_path / 'small.yaml').write_text(SMALL.format(policy=policy('varies')))
    lab, _ = start_lab(str(tmp_path / 'small.yaml'))
    folder = lab.run_dir / 'campaign'

    def records():
        return read(folder) if (folder / 'ledger.jsonl').exists() else []
    for number in KILLS_AFTER:
        until(lambda number=number: len(records()) > number, f'record {number}', 120.0)
        lab.until_new('lab.research', lab.kill_child('lab.research'))
    code, text = lab.wait(240.0)
    assert code == 0, text
    done = [record.body for record in records() if record.kind == 'trial']
    keys = [(body['candidate'], body['purpose'], body['reset']) for body in done if body['status'] != 'void']
    assert len(keys) == len(set(keys)) >= 8
    assert not [body for body in done if body['status'] == 'void'], done
    assert [record.kind for record in records()][-3:] == ['secret', 'exam', 'end']
    # The last line is the ledger's.
    assert re.search(rf'ledger digest: {digest(records())}\s*$', text), text
    code, status = lab.command('report', str(lab.run_dir))
    assert code == 0 and digest(records()) in status, status
    code, said = lab.command('verify', str(lab.run_dir), '--replay', '2', seconds=200.0)
    assert code == 0 and '4 of 4 phases have the same bits' in said, said
    assert said.endswith('verified: 10 checks, nothing is wrong\n') and f'digest: {digest(records())}' in said


def test_a_frozen_file_that_changes_ends_the_lab_with_its_name_and_put_back_the_campaign_goes_on(start_lab, tmp_path):
    (tmp_path / 'small.yaml').write_text(SMALL.format(policy=policy('varies')))
    lab, _ = start_lab(str(tmp_path / 'small.yaml'))
    folder, scene = lab.run_dir / 'campaign', lab.run_dir / 'scene' / 'scene.mjb'
    until(lambda: (folder / 'ledger.jsonl').exists() and len(read(folder)) > 3, 'two trials', 120.0)
    was = scene.read_bytes()
    scene.write_bytes(was[:-1] + bytes([was[-1] ^ 1]))
    code, text = lab.wait(120.0)
    assert code == 1 and 'what is frozen has changed since the campaign began: scene. Put it back' in text, text
    void = [record.body for record in read(folder) if record.kind == 'trial' and record.body['status'] == 'void']
    assert 1 <= len(void) <= 2 and all('got another scene' in body['reason'] for body in void[:1]), void
    code, said = lab.command('verify', str(lab.run_dir))
    assert code == 1 and 'scene: changed since the campaign began' in said and 'not finished: ' in said, said
    assert said.endswith('NOT VERIFIED: 1 of 9 checks found something wrong\n'), said
    scene.write_bytes(was)
    code, text = lab.command('lab', '--plain', '--resume', str(lab.run_dir), seconds=240.0)
    assert code == 0, text
    code, said = lab.command('verify', str(lab.run_dir))
    assert code == 0, said
