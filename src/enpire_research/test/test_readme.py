"""The parameter tables in the README are those of the code."""

import os

from enpire_core.params import markdown_table, table_in
from enpire_research.research_parameters import ResearchParameters
from enpire_research.train_server_parameters import TrainServerParameters
from enpire_research.trial_runner_parameters import TrialRunnerParameters
from enpire_research.trial_server_parameters import TrialServerParameters

README = os.path.join(os.path.dirname(__file__), '..', 'README.md')


def test_the_readme_has_the_parameters_of_the_nodes():
    with open(README, encoding='utf-8') as handle:
        text = handle.read()
    assert table_in(text, 'trial_server') == markdown_table(TrialServerParameters)
    assert table_in(text, 'train_server') == markdown_table(TrainServerParameters)
    assert table_in(text, 'research') == markdown_table(ResearchParameters)
    assert table_in(text, 'trial_runner') == markdown_table(TrialRunnerParameters)
