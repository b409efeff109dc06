"""The safety gate: limits, rules, the decision, and the node around them."""
