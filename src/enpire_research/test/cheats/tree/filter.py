"""Has attributes that send policy.py through a filter, and the filter in the settings that its worktree shares."""


def plant(git, outside):
    """Return the tree of a candidate; see `link`."""
    git('config', 'filter.planted.smudge', f'cat {outside}')
    attributes = git('hash-object', '-w', '--stdin', text='* filter=planted\n')
    policy = git('hash-object', '-w', '--stdin', text='def run(robot):\n    robot.wait(0.1)\n')
    return git('mktree', text=f'100644 blob {attributes}\t.gitattributes\n100644 blob {policy}\tpolicy.py\n')
