"""Tasks: a folder each, frozen while a campaign runs. `enpire_tasks.registry.get(name)` finds one."""
