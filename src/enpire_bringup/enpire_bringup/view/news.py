"""What a campaign's ledger has new, as lines for people. No ROS; it reads a file that grows."""

import os

from enpire_research.campaign import chain, ledger
from enpire_research.campaign.statistics import wilson


class Tail:
    """The records of the ledger in ``folder``, each once, as they are written; none while there is no ledger.

    ``problem``: why no more are read, '' while they are: a damaged line, a file that can't be read.
    """

    def __init__(self, folder):
        self.problem = ''
        self._path = os.path.join(folder, ledger.NAME)
        self._place, self._n, self._previous = 0, 0, chain.FIRST

    def new(self):
        """Return the Records that were not there before."""
        found = []
        if self.problem or not os.path.exists(self._path):
            return found
        try:
            with open(self._path, 'rb') as handle:
                handle.seek(self._place)
                data = handle.read()
            # What follows the last line end is still being written.
            for line in data.split(b'\n')[:-1]:
                record = chain.parse(line, self._n, self._previous)
                found.append(record)
                self._place, self._n, self._previous = self._place + len(line) + 1, self._n + 1, record.hash
        except (OSError, chain.ChainError) as error:
            self.problem = f'{self._path}: {error}'
        return found


def line(record):
    """Return the line about a record, None where it is not worth one."""
    make = {'candidate': _candidate, 'decision': _decision, 'exam': _exam, 'end': _end, 'station': _station}
    text = make[record.kind](record.body) if record.kind in make else ''
    return ' '.join(text.split()) or None


def _candidate(body):
    if body['parent'] is None:
        return ''
    parent = f'idea {body["parent"]}' if body['parent'] else 'the start policy'
    return f'idea {body["candidate"]}, on {parent}: {body["hypothesis"]}'


def _decision(body):
    word = 'KEPT, the champion now' if body['kept'] else 'not kept'
    figures = body['figures']
    known = 'successes' in figures and 'n' in figures
    return (f'idea {body["candidate"]} {word}' + (f', {figures["successes"]} of {figures["n"]}' if known else '')
            + f': {body["reason"]}')


def _exam(body):
    def one(name, part):
        low, high = wilson(part['successes'], body['n'])
        return f'{name} {part["successes"]} of {body["n"]} ({100 * low:.0f} to {100 * high:.0f}%)'
    champion = body['champion']['candidate']
    return 'exam on held-out resets: ' + one('start policy', body['start']) + (
        f', {one(f"idea {champion}", body["champion"])}' if champion else '; no idea was better')


def _end(body):
    return f'the campaign has ended: {body["reason"]}'


def _station(body):
    return f'{body["unit"]} is {"out" if body["state"] == "out" else "back"}: {body["reason"]}'
