"""The sandbox: whatever an agent has written runs in here, or it doesn't run.

`choice.launcher()` gives the best way to confine a program that this machine has (`bubblewrap`, else `landlock`), or
raises NoSandbox with what is missing and what mends it. There is no switch that leaves it out. What is closed on which
way, and what isn't covered: README of enpire_safety, section Sandbox.
"""
