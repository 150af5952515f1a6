#!/usr/bin/env bash
# Finds the CPythons that ferraio can be built for and tested with on this machine.
#
#   scripts/find-pythons.sh              one line for each version from 3.11 on, the newest first: "3.13 /path/to/python"
#   scripts/find-pythons.sh newest       the line of the newest one
#   scripts/find-pythons.sh 3.12         the line of that version; the path of an interpreter works too
#
# Looks at python3 and python3.X on PATH, at pyenv's versions, and at what python-next.sh unpacked. An interpreter
# counts if it has the C headers and can make virtual environments; of equal versions the first one found counts.
# Free-threaded builds do not count.
set -euo pipefail

unpacked=${XDG_CACHE_HOME:-~/.cache}/ferraio-pythons

candidates() {
    local minor
    type -aP python3 || true
    for minor in 11 12 13 14 15; do
        type -aP "python3.$minor" || true
        ls -d "${pyenv_root:=$(pyenv root 2>/dev/null || echo /nonexistent)}/versions/3.$minor".*/bin/python 2>/dev/null || true
        ls -d "$unpacked/usr/bin/python3.$minor" 2>/dev/null || true
    done
}

# "3.13 /path": what a candidate really is (behind a pyenv shim or a virtual environment), or nothing if it does not count.
describe() {
    "$1" -I -c '
import os, platform, sys, sysconfig
import ensurepip, venv
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
counts = sys.version_info >= (3, 11) and platform.python_implementation() == "CPython"
if counts and not sysconfig.get_config_var("Py_GIL_DISABLED") and os.path.exists(headers):
    print("%d.%d" % sys.version_info[:2], sys._base_executable)
' 2>/dev/null || true
}

all_found() {
    local candidate line seen=" "
    candidates | while read -r candidate; do
        case "$candidate" in
        *python3.[0-9]*) [[ $seen != *" ${candidate##*python} "* ]] || continue ;;
        */versions/3.*) line=${candidate#*/versions/3.}; [[ $seen != *" 3.${line%%.*} "* ]] || continue ;;
        esac
        line=$(describe "$candidate")
        [ -n "$line" ] && [[ $seen != *" ${line%% *} "* ]] || continue
        seen="$seen${line%% *} "
        echo "$line"
    done | sort -t. -k1,1nr -k2,2nr
}

case ${1:-} in
"") found=$(all_found) ;;
newest) found=$(all_found | head -1) ;;
3.[0-9]*) found=$(all_found | grep "^$1 ") || true ;;
*) found=$(describe "$1") ;;
esac
if [ -z "$found" ]; then
    echo "found no CPython >= 3.11 with headers and venv${1:+ for '$1'}; scripts/python-next.sh can fetch some" >&2
    exit 1
fi
echo "$found"
