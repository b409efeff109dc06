#!/usr/bin/env bash
# For maintainers: writes the lock files anew from the *.in files beside them.
#
#     setup/lock/regenerate.sh                    keeps the versions that are locked
#     setup/lock/regenerate.sh --upgrade          takes the newest that fit
#     setup/lock/regenerate.sh --upgrade-package mujoco
#
# It needs network and `uv` on PATH (pip install uv, in an environment of its own).
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"
# uv would fetch a Python 3.10 of its own if there is none; it can do without.
export UV_PYTHON_DOWNLOADS=never
for name in wheels sourced-ros; do
    uv pip compile "$name.in" --output-file "$name.txt" --quiet \
        --universal --python-version 3.10 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command 'setup/lock/regenerate.sh' "$@"
done
# The extra: versions that go with the lab's, and only what the lab doesn't have; what it has for Python 3.10 alone
# (sympy, say) the others need from here.
have=$(sed -nE "/python_full_version < '3.11'/d; s/^([A-Za-z0-9][A-Za-z0-9._-]*)==.*/--no-emit-package \1/p" wheels.txt |
    sort -u)
# shellcheck disable=SC2086  # words
uv pip compile training.in --constraints wheels.txt --output-file training.txt --quiet \
    --universal --python-version 3.10 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate \
    --custom-compile-command 'setup/lock/regenerate.sh' $have "$@"
# Torch's own CPU build is taken, too, where pip is pointed at it (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL): pip prefers it
# to the index's, and would stumble over its hash. This one is 2.13.0+cpu for Python 3.11 on x86_64.
cpu_build='2.13.0 6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b'
read -r version hash <<< "$cpu_build"
if ! grep -q "^torch==$version " training.txt; then
    printf 'expected torch==%s in training.txt, whose CPU build is named in this script: name that of the new version\n' \
        "$version" >&2
    exit 1
fi
# uv keeps the hashes that it finds in the file.
grep -q "$hash" training.txt || sed -i "/^torch==$version /a\\    --hash=sha256:$hash \\\\" training.txt
