#!/usr/bin/env bash
# usage: setup.sh FOLDER: make a virtual environment there with the emulator of STS that the tests ask. Does nothing if it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1
cmp -s "$here/requirements.txt" "$venv/requirements.txt" && exit
command -v python3 >/dev/null || { echo "python3 is missing: the tests of verification need it" >&2; exit 1; }
rm -rf "$venv"
python3 -m venv "$venv" || { echo "python3 cannot make a virtual environment: install python3-venv" >&2; exit 1; }
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
cp "$here/requirements.txt" "$venv/requirements.txt" # last: it says that all is there
