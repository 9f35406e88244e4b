#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The short attack gate for `make check`, run from the build folder.
flags=--short
grep -q '^#define OUT_SANITIZED 1' config.h && flags="$flags --sanitized"
# shellcheck disable=SC2086  # two words on purpose
exec "${PYTHON3:-/usr/bin/python3}" "${srcdir:-.}/tests/attack/run.py" $flags \
    --outrigger "${OUTRIGGER:-./outrigger}" --tools "${top_builddir:-.}/tests/attack"
