"""Training: the train server's parts, what trials leave for it, and the environment. None of it is in a rollout."""
