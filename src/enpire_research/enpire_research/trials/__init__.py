"""The trial core: resets, rollouts, the policy's process. Pure but for `graph_station` and the nodes."""
