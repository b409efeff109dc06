"""Push-T: two arms push a T onto its outline. `task.TASK` is the task; README.md is its page."""
