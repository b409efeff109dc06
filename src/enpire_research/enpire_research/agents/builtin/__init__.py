"""The built-in researcher: a search over what a policy declares as varying. It invents nothing."""
