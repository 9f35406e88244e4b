/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/golden.h - files of the source tree that a test compares with what the
 * program prints. With OUT_UPDATE=1 in the environment they are written instead. */
#ifndef OUTRIGGER_TESTS_GOLDEN_H
#define OUTRIGGER_TESTS_GOLDEN_H

#include <stddef.h>

/* name is relative to the top of the source tree. Fails the test when it cannot be read.
 * To be given back with golden_free. */
char *golden_read(const char *name);
/* The same, also for files with NUL bytes in them. */
char *golden_read_bytes(const char *name, size_t *ret_n);
void golden_free(char *text);
/* Fails the test at the first line that differs. */
void golden_compare(const char *name, const char *text);
/* The top of the source tree. */
const char *golden_top(void);

#endif
