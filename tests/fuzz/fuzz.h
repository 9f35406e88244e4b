/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/fuzz.h - the entry that every fuzz target has, and its check.
 * A target gets bytes that nobody made sense of; a crash, a report of a sanitizer or a broken FUZZ_CHECK is a bug. */
#ifndef OUTRIGGER_FUZZ_H
#define OUTRIGGER_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Like assert, but never compiled out. */
#define FUZZ_CHECK(truth)                                                         \
    do {                                                                          \
        if (!(truth)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #truth); \
            abort();                                                              \
        }                                                                         \
    } while (0)

#endif
