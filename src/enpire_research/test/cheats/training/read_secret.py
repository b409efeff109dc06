"""Reads the campaign's secret, from which its held-out resets follow."""

GIVEN = {}  # where to look: filled in by the test

with open(GIVEN['secret'], 'rb') as secret:
    print('CHEATED: read', secret.read(), flush=True)
