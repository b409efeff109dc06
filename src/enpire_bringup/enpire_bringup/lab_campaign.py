"""The section `campaign:` of a lab file: how a lab improves its policy. Pure.

Its figures are those of `CampaignConfig`, which has their defaults and their rules, as far as the research node takes
them as parameters.
"""

import dataclasses
import typing

import pydantic

from enpire_research.campaign.config import CampaignConfig, ConfigError
from enpire_research.research_parameters import ResearchParameters

# What a lab says of itself elsewhere in its file, or below.
_OWN = ('task', 'seed', 'researcher')
_TAKEN = {field.name for field in dataclasses.fields(ResearchParameters)}
FIGURES = {field.name: field.type for field in dataclasses.fields(CampaignConfig)
           if field.name in _TAKEN and field.name not in _OWN}


class _Section(pydantic.BaseModel):
    """``secret_file``: with the secret of the held-out resets; None: a new one."""

    model_config = pydantic.ConfigDict(extra='forbid', frozen=True, strict=True)
    researcher: typing.Literal['builtin'] = 'builtin'
    secret_file: typing.Optional[str] = None

    @pydantic.field_validator('secret_file', mode='after')
    @classmethod
    def _printable(cls, value):
        if value is not None and not (value and value.isprintable()):
            raise ValueError('expected text without control characters, and not an empty one')
        return value

    def config(self, task, seed):
        """Return the CampaignConfig of a lab; ConfigError for figures that don't go together."""
        figures = {name: getattr(self, name) for name in FIGURES if getattr(self, name) is not None}
        return CampaignConfig(task=task, seed=seed, researcher=self.researcher, **figures)


# None: CampaignConfig's own.
Campaign = pydantic.create_model(
    'Campaign', __base__=_Section, __doc__='A campaign as a lab file has it.',
    **{name: (typing.Optional[kind], None) for name, kind in FIGURES.items()})


class Clash(ValueError):
    """A campaign and plain trials are both wanted; the text says where, and what to do."""


def settle(values, given, where):
    """Change ``values`` of a lab file so that they hold plain trials or a campaign, not both.

    ``given``: {path: value} of the options; they go before the file. ``where(path)``: how errors
    begin. Clash where both, or neither of what was asked for, are there.
    """
    trials, budget = ('trials',) in given, ('campaign', 'trials') in given
    if trials and budget:
        raise Clash('option trials, option budget: expected plain trials of one policy (--trials) or a campaign '
                    '(--budget), got both: leave one away')
    if trials:
        values.pop('campaign', None)
    elif budget:
        values.pop('trials', None)
    elif 'trials' in values and 'campaign' in values:
        raise Clash(f'{where(("trials",))}: expected trials (of one policy) or campaign (improve it), got both: remove '
                    'one of them')
    if ('campaign', 'secret_file') in given and not ('campaign' in values or budget):
        raise Clash('option secret_file: expected a campaign, got plain trials, which have no held-out resets: leave '
                    'one of them away')
    if ('campaign' in values or budget) and (('artifact',) in given or values.get('artifact') is not None):
        raise Clash(f'{where(("artifact",))}: expected none in a campaign, whose candidates bring their own: leave it '
                    'away, or ask for plain trials (trials)')
    for path, value in given.items():
        if len(path) == 1:
            values[path[0]] = value
            continue
        section = values.get(path[0])
        if section is None:
            section = values[path[0]] = {}
        if isinstance(section, dict):
            section[path[1]] = value


def problem(campaign, task, seed):
    """Return (name of the figure, text) where the figures of ``campaign`` don't go together, else None."""
    try:
        campaign.config(task, seed)
    except ConfigError as error:
        name, _, text = str(error).partition(': ')
        return name, text
    return None
