# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# common.sh - what contrib/quickstart and contrib/test share: packages, steps, failures.
# The caller sets `root` (the source tree) and `log` (where the output of the steps goes).

# Nothing here starts a service. build: compiler, autotools, libraries; test: what make check runs.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake pkg-config \
libnghttp2-dev libevent-dev libc-ares-dev libjansson-dev libyaml-dev libhiredis-dev libxxhash-dev libpcre2-dev zlib1g-dev libssl-dev libcurl4-openssl-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler"
TEST_PACKAGES="libcmocka-dev openssl python3 python3-h2 python3-grpcio python3-pytest python3-protobuf python3-cryptography python3-dnslib python3-prometheus-client \
grpc-proto fish gnutls-bin dnsmasq-base redis-tools nghttp2-client cppcheck clang-format shellcheck mandoc zsh"

# A browser looks at the live page. Ubuntu's package is a snap, which no container runs; without one those tests are skipped.
# shellcheck disable=SC1091
if [ "$(. /etc/os-release 2>/dev/null && echo "$ID")" = debian ]; then
    TEST_PACKAGES="$TEST_PACKAGES chromium"
fi

# fail TEXT - the end of the log, what went wrong, and what to do.
fail()
{
    if [ -s "$log" ]; then
        echo
        echo "The last lines of $log:"
        tail -n 25 "$log" | sed 's/^/    /'
    fi
    echo
    echo "$1"
    exit 1
}

# step TEXT HELP COMMAND... - runs the command with its output in the log.
step()
{
    step_text=$1
    step_help=$2
    shift 2
    printf '%s ... ' "$step_text"
    step_start=$(date +%s)
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        echo "failed"
        fail "$step_help"
    fi
    echo "done ($(($(date +%s) - step_start)) s)"
}

# missing_packages PACKAGE... - prints those that dpkg does not have.
missing_packages()
{
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *" installed") ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

apt()
{
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
    fi
}

# install_packages PACKAGE... - only what is missing, so a second run needs neither network nor sudo.
install_packages()
{
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "No apt-get here, so nothing is installed. These Debian packages are needed: $*"
        return
    fi
    missing=$(missing_packages "$@")
    if [ -z "$missing" ]; then
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            fail "Packages are missing and there is no sudo. As root: apt-get install --no-install-recommends $missing"
        sudo -v || fail "sudo did not work. As root: apt-get install --no-install-recommends $missing"
    fi
    step "Updating the package lists" "apt-get update failed: check the network and the apt sources." \
        apt update
    # shellcheck disable=SC2086 # a list of names
    step "Installing $(echo $missing | wc -w) packages" \
        "apt-get could not install: $missing(Debian 12 and Ubuntu 24.04 have them all.)" \
        apt install -y --no-install-recommends $missing
}

# unpack_package PACKAGE PROGRAM DIR - the files of a package below DIR, when the system has no such program: for packages whose installation
# would start a service. Nothing fails without it: tests that want the program are skipped and say so. Sets PATH.
unpack_package()
{
    if command -v "$2" >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        return
    fi
    if [ ! -x "$3/usr/bin/$2" ]; then
        printf 'Unpacking %s, without installing it ... ' "$1"
        if mkdir -p "$3" && (cd "$3" && rm -f ./*.deb && apt-get download "$1" && dpkg-deb -x ./*.deb . && rm -f ./*.deb) >>"$log" 2>&1; then
            echo "done"
        else
            echo "failed: the tests with $2 are skipped"
        fi
    fi
    PATH=$PATH:$3/usr/bin
    export PATH
}

# open_log NAME - a log in the source tree, or in the temporary folder when that is not writable.
open_log()
{
    log=$root/$1.log
    if ! (: >"$log") 2>/dev/null; then
        log=$(mktemp "${TMPDIR:-/tmp}/outrigger-$1.XXXXXX") || exit 1
    fi
}
