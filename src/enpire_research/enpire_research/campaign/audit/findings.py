"""What a check of a campaign came to."""

from dataclasses import dataclass

SHOWN = 20


@dataclass(frozen=True)
class Check:
    """``name``: of what was looked at; ``text``: in one line, what it should hold; ``wrong``: where it doesn't,
    each with the place, () for nowhere; ``notes``: what a reader should know though it is not wrong."""

    name: str
    text: str
    wrong: tuple = ()
    notes: tuple = ()

    @property
    def ok(self):
        """True where nothing is wrong."""
        return not self.wrong

    def to_dict(self):
        """Return plain values."""
        return {'name': self.name, 'ok': self.ok, 'text': self.text, 'wrong': list(self.wrong),
                'notes': list(self.notes)}

    def lines(self):
        """Return lines for people."""
        shown = [f'        {one}' for one in self.wrong[:SHOWN]]
        if len(self.wrong) > SHOWN:
            shown.append(f'        and {len(self.wrong) - SHOWN} more')
        return [f'{"ok" if self.ok else "WRONG":<7} {self.name:<11} {self.text}', *shown,
                *(f'        (note) {one}' for one in self.notes)]


def line(record):
    """Return where a record stands, for people."""
    name = record.body.get('trial_id') or record.kind
    return f'ledger line {record.n + 1} ({name})'
