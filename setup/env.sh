# Source this file (bash, zsh, or sh with ENPIRE_ROOT set): `. setup/env.sh`.
#
# It puts the project's virtual environment, the ROS wheels inside it (where no
# ROS is sourced) and the built workspace on the paths. It starts nothing,
# writes nothing and may be sourced twice. It does not set the number of
# threads of numeric libraries: each process of ours does that for itself.

if [ -n "${BASH_SOURCE-}" ]; then
    _enpire_here=${BASH_SOURCE}
elif [ -n "${ZSH_VERSION-}" ]; then
    eval '_enpire_here=${(%):-%x}'
    # A pattern without a match stays as it is, as in the other shells.
    if [[ -o nomatch ]]; then _enpire_nomatch=1; unsetopt nomatch; fi
else
    _enpire_here=${ENPIRE_ROOT:-.}/setup/env.sh
fi
_enpire_root=$(CDPATH= cd -- "$(dirname -- "$_enpire_here")/.." 2>/dev/null && pwd)

# _enpire_prepend NAME DIR: puts DIR first in the path-like variable NAME, once.
_enpire_prepend() {
    eval "_enpire_old=\${$1-}"
    case ":$_enpire_old:" in
        *":$2:"*) ;;
        *) eval "export $1=\"\$2\${_enpire_old:+:\$_enpire_old}\"" ;;
    esac
}

_enpire_source() {
    # The files that colcon writes read unset variables, so `set -u` has to
    # rest for as long as they run.
    case $- in *u*) _enpire_nounset=1; set +u ;; *) _enpire_nounset= ;; esac
    . "$1"
    if [ -n "$_enpire_nounset" ]; then set -u; fi
}

if [ ! -x "$_enpire_root/.venv/bin/python" ]; then
    echo "setup/env.sh: expected a virtual environment in $_enpire_root/.venv, found none: run 'make setup' there (in plain sh, set ENPIRE_ROOT to the repository first)." >&2
    unset ENPIRE_ROOT
else
    export ENPIRE_ROOT="$_enpire_root"
    export VIRTUAL_ENV="$_enpire_root/.venv"
    unset PYTHONHOME
    _enpire_prepend PATH "$VIRTUAL_ENV/bin"

    # Only an environment that was made with the ROS wheels has this package.
    if [ -d "$VIRTUAL_ENV/share/rclpy" ]; then
        # The environment itself is the ROS prefix.
        _enpire_prepend AMENT_PREFIX_PATH "$VIRTUAL_ENV"
        _enpire_prepend CMAKE_PREFIX_PATH "$VIRTUAL_ENV"
        for _enpire_dir in "$VIRTUAL_ENV"/lib/python3.*/site-packages/ros_*.libs; do
            if [ -d "$_enpire_dir" ]; then _enpire_prepend LD_LIBRARY_PATH "$_enpire_dir"; fi
        done
        _enpire_prepend LD_LIBRARY_PATH "$VIRTUAL_ENV/lib"
        # Says that LD_LIBRARY_PATH is right, so that no Python starts twice.
        export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
        export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
    fi

    if [ -n "${ENPIRE_ENV_WITHOUT_WORKSPACE-}" ]; then
        :  # the set-up builds the workspace on what is below it
    elif [ -n "${BASH_VERSION-}" ] && [ -f "$_enpire_root/install/local_setup.bash" ]; then
        _enpire_source "$_enpire_root/install/local_setup.bash"
    elif [ -n "${ZSH_VERSION-}" ] && [ -f "$_enpire_root/install/local_setup.zsh" ]; then
        _enpire_source "$_enpire_root/install/local_setup.zsh"
    elif [ -f "$_enpire_root/install/local_setup.sh" ]; then
        COLCON_CURRENT_PREFIX="$_enpire_root/install"
        _enpire_source "$_enpire_root/install/local_setup.sh"
        unset COLCON_CURRENT_PREFIX
    fi

    # There may be no screen: MuJoCo renders with what the set-up has found to work, EGL or OSMesa.
    if [ -z "${MUJOCO_GL-}" ]; then
        MUJOCO_GL=egl
        if [ -r "$VIRTUAL_ENV/.enpire/mujoco_gl" ]; then
            read -r MUJOCO_GL < "$VIRTUAL_ENV/.enpire/mujoco_gl" || MUJOCO_GL=egl
        fi
        export MUJOCO_GL
    fi

    # Robots and their commands stay on this machine unless somebody asks.
    export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
fi
# The last line's status is what `. setup/env.sh` gives back.
if [ -n "${_enpire_nomatch-}" ]; then setopt nomatch; fi
unset -f _enpire_prepend _enpire_source
unset _enpire_here _enpire_root _enpire_old _enpire_dir _enpire_nounset _enpire_nomatch
[ -n "${ENPIRE_ROOT-}" ]
