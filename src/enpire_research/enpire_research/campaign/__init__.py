"""The campaign: ideas, trials, decisions, and the records of them."""
