#!/usr/bin/env bash
# Installs Autobahn|Testsuite (Apache-2.0) into a Python 2.7 virtualenv and prints the path of
# its program. The suite runs on nothing newer. Exit code 3: no Python 2.7 on this machine.
#
#   install.sh [FOLDER]        FOLDER: ~/.cache/conformance/autobahn unless given
#
# PYTHON2 names the interpreter; else pyenv's, `python2.7` and `pypy` are tried. It needs pip.
set -euo pipefail
HOME_OF_SUITE=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/conformance/autobahn}
VERSION=25.10.1
WSTEST=$HOME_OF_SUITE/venv/bin/wstest

find_python2() {
  local python
  for python in "${PYTHON2:-}" "$HOME"/.pyenv/versions/2.7.*/bin/python2.7 \
                "$(command -v python2.7 || true)" "$(command -v pypy || true)"; do
    if [ -x "$python" ] && "$python" -c 'import sys, ssl, zlib, pip; assert sys.version_info[:2] == (2, 7)' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "no Python 2.7 with pip: looked at PYTHON2, pyenv, python2.7, pypy" >&2
  exit 3
}

works() { [ -x "$WSTEST" ] && "$WSTEST" -a >/dev/null 2>&1; }

if ! works; then
  python2=$(find_python2)
  mkdir -p "$HOME_OF_SUITE"
  # One installation at a time; whoever waited finds it done.
  exec 9>"$HOME_OF_SUITE/lock"
  flock 9
  if ! works; then
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONWARNINGS=ignore PYTHONUSERBASE=$HOME_OF_SUITE/userbase
    # Versions that still support Python 2.7.
    "$python2" -m pip install -q --user 'virtualenv==20.15.1' >&2
    "$python2" -m virtualenv -q "$HOME_OF_SUITE/venv" >&2
    "$HOME_OF_SUITE/venv/bin/pip" install -q "autobahntestsuite==$VERSION" >&2
    works || { echo "the suite was installed and does not run" >&2; exit 1; }
  fi
fi
echo "$WSTEST"
