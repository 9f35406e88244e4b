#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The short attack gate for `make check`, run from the build folder.
exec /usr/bin/python3 "${srcdir:-.}/tests/attack/run.py" --short --outrigger ./outrigger \
    --tools ./tests/attack
