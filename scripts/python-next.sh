#!/usr/bin/env bash
# Puts CPython versions that this Debian does not have yet into a prefix of their own, from Debian's next release.
#
#   scripts/python-next.sh [PREFIX] [VERSION...]      by default ~/.cache/ferraio-pythons, 3.14 and 3.15
#
# Afterwards PREFIX/usr/bin/python3.X runs (with its own C library), has headers, venv and its `test` package, and
# builds extensions with this machine's compiler. WITH_DBG=1 adds the Py_DEBUG builds, python3.X-dbg.
#
# How: apt resolves, downloads and checks the packages in a private state directory, so that the apt of this machine
# is not touched; dpkg unpacks them; patchelf points the interpreters at the C library that came with them; and the
# build settings in sysconfig are moved to the prefix. What is there already is not fetched again.
set -euo pipefail

prefix=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/ferraio-pythons}
shift || true
versions=("$@")
[ ${#versions[@]} -gt 0 ] || versions=(3.14 3.15)
with_debug=${WITH_DBG:-0}
apt_state=$prefix/.apt

fail() { echo "python-next.sh: $*" >&2; exit 1; }

runs() {
    "$prefix/usr/bin/python$1" -c 'import ssl, ctypes, sqlite3, lzma, venv, _asyncio' 2>/dev/null || return 1
    [ "$with_debug" != 1 ] || "$prefix/usr/bin/python$1-dbg" -c 'import sys; sys.gettotalrefcount()' 2>/dev/null
}
has_tests() { [ -e "$prefix/usr/lib/python$1/test/test_asyncio/__init__.py" ]; }

missing_interpreters=()
packages=()
for version in "${versions[@]}"; do
    if ! runs "$version"; then
        missing_interpreters+=("$version")
        packages+=("python$version-dev" "python$version-venv")
        [ "$with_debug" != 1 ] || packages+=("python$version-dbg")
    fi
    has_tests "$version" || packages+=("libpython$version-testsuite")
done

download() {
    local mirror
    # the mirror this machine is set up with: its sid suite is asked for, its own suites stay as they are
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' | sort -u | head -1) || true
    [ -n "$mirror" ] || fail "apt knows no Debian mirror (is this Debian? has 'apt-get update' run?)"

    rm -rf "$apt_state"
    mkdir -p "$apt_state"/lists/partial "$apt_state"/cache/archives/partial
    : >"$apt_state/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$apt_state/sources.list"
    local options=(
        -o "Dir::Etc::sourcelist=$apt_state/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt_state/lists" -o "Dir::State::status=$apt_state/status"
        -o "Dir::Cache=$apt_state/cache" -o APT::Install-Recommends=false -o APT::Sandbox::User=root
        -o DPkg::Post-Invoke= -o APT::Keep-Downloaded-Packages=true -o Acquire::Languages=none
        -o "APT::Architecture=$architecture"
    )
    apt-get "${options[@]}" -qq update
    if [ ${#missing_interpreters[@]} -gt 0 ]; then
        apt-get "${options[@]}" -qq -y --download-only install "${packages[@]}" >/dev/null
    else
        # the tests alone: they depend on an interpreter that is here already
        (cd "$apt_state/cache/archives" && apt-get "${options[@]}" -qq download "${packages[@]}")
    fi
}

unpack() {
    local package
    for package in "$apt_state"/cache/archives/*.deb; do
        case ${package##*/} in
        # what only the desktop, the compiler or the installation of a whole system needs
        libx* | libtk* | libtcl* | font* | libfont* | libfreetype* | libpng* | x11-*) continue ;;
        linux-libc-dev* | libc6-dev* | libc-dev* | debconf* | sysvinit* | lsb-* | net-tools*) continue ;;
        esac
        dpkg -x "$package" "$prefix"
    done
}

# Makes an unpacked interpreter run from the prefix, and build extensions from there.
settle() {
    local version=$1 interpreter settings
    for interpreter in "$prefix/usr/bin/python$version" "$prefix/usr/bin/python$version-dbg"; do
        [ ! -e "$interpreter" ] ||
            patchelf --set-interpreter "$prefix/$loader" --force-rpath --set-rpath "$prefix/$libraries" "$interpreter"
    done
    for settings in "$prefix/usr/lib/python$version"/_sysconfigdata*.py; do
        grep -q "$prefix/usr" "$settings" || sed -i "s#'/usr/#'$prefix/usr/#g; s# /usr/# $prefix/usr/#g" "$settings"
    done
    rm -rf "$prefix/usr/lib/python$version/__pycache__/_sysconfigdata"*
}

if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || fail "needs apt and dpkg; install the Pythons yourself"
    architecture=$(dpkg --print-architecture)
    case $architecture in
    amd64) loader=usr/lib64/ld-linux-x86-64.so.2 libraries=usr/lib/x86_64-linux-gnu ;;
    arm64) loader=usr/lib/ld-linux-aarch64.so.1 libraries=usr/lib/aarch64-linux-gnu ;;
    *) fail "does not know the loader of $architecture" ;;
    esac
    if ! command -v patchelf >/dev/null; then
        [ "$(id -u)" = 0 ] || fail "needs patchelf: apt-get install patchelf"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends patchelf >/dev/null
    fi
    download
    unpack
    for version in ${missing_interpreters[@]+"${missing_interpreters[@]}"}; do
        settle "$version"
    done
    rm -rf "$apt_state"
fi

for version in "${versions[@]}"; do
    runs "$version" || fail "python$version does not run from $prefix"
    has_tests "$version" || fail "python$version came without its tests"
    "$prefix/usr/bin/python$version" -c 'import sys; print(sys.version.split()[0], sys.executable)'
done
