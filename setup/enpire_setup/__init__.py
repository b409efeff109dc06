"""The set-up, in small parts. Standard library only, Python 3.10 to 3.13."""
