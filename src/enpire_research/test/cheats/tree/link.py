"""Has a symbolic link to the campaign's secret in place of policy.py."""


def plant(git, outside):
    """Return the tree of a candidate. ``git(*words, text)`` runs git in its repository; ``outside``: a secret file."""
    link = git('hash-object', '-w', '--stdin', text=str(outside))
    return git('mktree', text=f'120000 blob {link}\tpolicy.py\n')
