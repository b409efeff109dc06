"""A campaign as real processes, its research node killed again and again."""

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
