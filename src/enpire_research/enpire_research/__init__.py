"""Research on top of living stations. Today: `trials`, what runs and judges one policy on one station."""
