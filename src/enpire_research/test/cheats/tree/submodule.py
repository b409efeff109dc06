"""Has a submodule in place of policy.py: another repository of this machine, with its secret."""

import subprocess


def plant(git, outside):
    """Return the tree of a candidate; see `link`. The other repository is the folder of ``outside``."""
    other = ['git', '-C', str(outside.parent), '-c', 'user.name=x', '-c', 'user.email=x@y']
    for words in (('init', '-q'), ('add', outside.name), ('commit', '-qm', 'x')):
        subprocess.run([*other, *words], check=True)
    commit = subprocess.run([*other, 'rev-parse', 'HEAD'], capture_output=True, text=True, check=True).stdout.strip()
    modules = git('hash-object', '-w', '--stdin',
                  text=f'[submodule "policy.py"]\npath = policy.py\nurl = {outside.parent}\n')
    return git('mktree', '--missing', text=f'100644 blob {modules}\t.gitmodules\n160000 commit {commit}\tpolicy.py\n')
