"""Commands that measure. Each takes --n, goes on where it stopped, and keeps what it found in docs/results."""
