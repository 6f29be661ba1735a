# Sourced by ./ixgs and .ci/run: makes the virtual environment that the project runs in.
#
# A set is a file of tools/requirements. What is complete is recorded in VENV/.ixgs/NAME as a digest of
# everything it was made from, written last: what changed is mended. VENV.lock is held while something
# is made and holds a word meanwhile: if the word is still there, that set-up was killed half-way, and
# since pip takes a half-written package for an installed one, all is made anew.

ixgs_fail() {
  printf 'ixgs: %s\n' "$1" >&2
  exit 2
}

# The Python to make the environment from. The wheels of ROS 2 and the pinned versions decide which.
ixgs_find_python() {
  local candidate
  for candidate in ${IXGS_PYTHON:-python3.11 python3 python3.12 python3.13}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  ixgs_fail "needs Python 3.11, 3.12 or 3.13; found $(python3 --version 2>&1 || true). Install one, \
or name it: IXGS_PYTHON=/path/to/python3.11 ./ixgs"
}

# What must be there before anything is downloaded. Arguments: the Python, the folder to build in.
ixgs_check_machine() {
  local python=$1 folder=$2 free_mb
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || ixgs_fail "the ROS 2 wheels are for Linux on x86_64, \
this is $(uname -s) on $(uname -m): use a ROS 2 workspace instead (docs/development.md)"
  command -v g++ >/dev/null || ixgs_fail "needs a C++ compiler, g++ is not there; on Debian \
or Ubuntu: sudo apt install g++"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || ixgs_fail "$python has no venv module; on \
Debian or Ubuntu: sudo apt install python3-venv"
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    ixgs_fail "$python has no header Python.h, which building the messages needs; on Debian or Ubuntu: \
sudo apt install python3-dev"
  free_mb=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
  [ "$free_mb" -ge 3000 ] || ixgs_fail "needs 3000 MB of disk, $folder has $free_mb MB free"
}

# Say in plain words why pip failed. Arguments: the environment's folder, pip's log.
ixgs_explain_pip() {
  local venv=$1 log=$2
  local network='NewConnectionError|name resolution|Network is unreachable|Connection refused'
  network+='|timed out|ConnectTimeout|ProxyError|SSLError'
  tail -n 5 "$log" >&2
  if grep -q 'No space left on device' "$log"; then
    ixgs_fail "the disk is full; the whole log is in $log"
  elif grep -qE "$network" "$log"; then
    # pip fetches everything before it installs anything: nothing is half-written.
    : >"$venv.lock"
    ixgs_fail "the package registry cannot be reached (network, proxy?); run it again when it can. \
The whole log is in $log"
  fi
  ixgs_fail "pip could not install what is needed; the whole log is in $log"
}

# A digest of all that a set is made from; the folder is part of it, since environments cannot be moved.
# Arguments: the root, the environment's folder, the set.
ixgs_digest() {
  local root=$1 venv=$2 set=$3
  { printf '%s\n%s\n' "$root" "$venv"
    cat "$root/tools/requirements/constraints.txt" "$root/tools/requirements/$set.txt"
    if [ "$set" = run ]; then
      cat "$root"/tools/environment.sh "$root"/tools/build_interfaces.py "$root"/CMakeLists.txt \
        "$root"/package.xml "$root"/msg/*.msg "$root"/srv/*.srv "$root"/tools/wheels/*.cmake \
        "$root"/tools/wheels/tf2_msgs/package.xml "$root"/tools/wheels/tf2_msgs/msg/*.msg
    fi
  } | sha256sum | cut -d ' ' -f 1
}

# Install a set with pip. Arguments: the root, the environment's folder, the set.
ixgs_install() {
  local root=$1 venv=$2 set=$3 log=$2/.ixgs/$3.log
  printf 'ixgs: installing tools/requirements/%s.txt ...\n' "$set" >&2
  # No byte code yet: most of it is never imported. No build isolation: setuptools is pinned too.
  "$venv/bin/pip" install --quiet --no-input --no-compile --disable-pip-version-check \
    --no-build-isolation --constraint "$root/tools/requirements/constraints.txt" \
    --requirement "$root/tools/requirements/$set.txt" >"$log" 2>&1 || ixgs_explain_pip "$venv" "$log"
}

# Make the environment itself, with the pinned setuptools. Arguments: the root, the folder.
ixgs_make_venv() {
  local root=$1 venv=$2 python
  if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
    ixgs_fail "$venv is there and is no virtual environment: move it away, or set IXGS_VENV"
  fi
  python=$(ixgs_find_python)
  ixgs_check_machine "$python" "$(dirname "$venv")"
  printf 'ixgs: first use: setting up %s (once, a few minutes)\n' "$venv" >&2
  "$python" -m venv --clear "$venv" ||
    ixgs_fail "$python could not make a virtual environment in $venv"
  "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check setuptools \
    --constraint "$root/tools/requirements/constraints.txt" >"$venv/pip.log" 2>&1 ||
    ixgs_explain_pip "$venv" "$venv/pip.log"
  mkdir "$venv/.ixgs"
}

# Let the environment's Python find ixgs_ros, and ixgs_ros only: were the checkout on sys.path, its
# folders launch/ and test/ would pass for packages. Arguments: the root, the folder.
ixgs_link_package() {
  ln -sfn "$1/ixgs_ros" "$("$2/bin/python" -c 'import sysconfig
print(sysconfig.get_path("purelib"))')/ixgs_ros"
}

# Keep compiled Python in the environment's folder, whatever the caller's setting: with
# PYTHONDONTWRITEBYTECODE, as images of containers set it, every process would compile all that it
# imports, torch's thousand modules among them. The prefix keeps the caller's wish: nothing is written
# beside the sources. Argument: the folder.
ixgs_keep_bytecode() {
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX=${PYTHONPYCACHEPREFIX:-$1/pycache}
}

# Whether a set is complete and current. Arguments: the root, the environment's folder, the set.
ixgs_is_current() {
  [ -x "$2/bin/python" ] && [ "$(cat "$2/.ixgs/$3" 2>/dev/null)" = "$(ixgs_digest "$@")" ]
}

# Make what is missing of a set; the lock is held. Arguments: the root, the environment's folder, the set.
ixgs_make_set() {
  local root=$1 venv=$2 set=$3
  if [ -s "$venv.lock" ] || [ ! -x "$venv/bin/python" ] || [ ! -d "$venv/.ixgs" ]; then
    printf 'making the environment\n' >"$venv.lock"
    ixgs_make_venv "$root" "$venv"
  fi
  printf 'installing %s\n' "$set" >"$venv.lock"
  # Not before: what runs until here must not write into a folder that is not an environment yet.
  ixgs_keep_bytecode "$venv"
  ixgs_install "$root" "$venv" "$set"
  if [ "$set" = run ] && [ "${IXGS_INTERFACES:-}" != colcon ]; then
    printf 'ixgs: building the messages ...\n' >&2
    "$venv/bin/python" "$root/tools/build_interfaces.py" || exit 1
    ixgs_link_package "$root" "$venv"
  fi
  ixgs_digest "$root" "$venv" "$set" >"$venv/.ixgs/$set"
  : >"$venv.lock"
}

# Bring the environment up to date. Arguments: the root, its folder, then the sets, "run" first.
# IXGS_INTERFACES=colcon leaves messages and ixgs_ros to colcon.
ixgs_prepare() {
  local root=$1 venv=$2 set
  shift 2
  for set in "$@"; do
    if ixgs_is_current "$root" "$venv" "$set"; then
      continue
    fi
    { mkdir -p "$(dirname "$venv")" && : >>"$venv.lock"; } 2>/dev/null ||
      ixgs_fail "cannot write to $(dirname "$venv")"
    # One set-up at a time; whoever waited finds it done.
    exec 9>>"$venv.lock"
    flock 9
    ixgs_is_current "$root" "$venv" "$set" || ixgs_make_set "$root" "$venv" "$set"
    exec 9>&-
  done
  ixgs_keep_bytecode "$venv"
}
