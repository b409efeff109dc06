"""Writes a line of its own into the ledger."""

GIVEN = {}  # where to look: filled in by the test

with open(GIVEN['ledger'], 'a', encoding='utf-8') as ledger:
    ledger.write('{"status": "succeeded"}')
print('CHEATED: wrote the ledger', flush=True)
