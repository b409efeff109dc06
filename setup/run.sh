#!/usr/bin/env bash
# Runs a command in the project's environment: `setup/run.sh enpire --help`.
. "$(dirname -- "${BASH_SOURCE[0]}")/env.sh" || exit 1
exec "$@"
