/* SPDX-License-Identifier: Apache-2.0 */
/* conf/near.h - "did you mean": the known word that is closest to a wrong one. Pure
 * functions; any thread. */
#ifndef OUTRIGGER_CONF_NEAR_H
#define OUTRIGGER_CONF_NEAR_H

#include <stddef.h>

struct strbuf;

/* Edits (insert, delete, replace, swap of two neighbours) from a to b; case counts.
 * Words over 64 bytes: 65 (never near). */
unsigned near_distance(const char *a, const char *b);

/* Same letters when case, '_', '-' and spaces are left out: "connect_timeout", "timeout
 * connect" with "connectTimeout", "timeoutConnect". */
int near_same_letters(const char *a, const char *b);

/* The closest of words[0..n) (NULL entries are skipped); NULL when none is near enough:
 * at most 3 edits and a third of the word, or one word begins with the other. */
const char *near_find(const char *word, const char *const *words, size_t n);

/* Adds `; did you mean "x"?`, or, when nothing is near, `; <what>: a, b, c` with the
 * nearest first and at most 12 of them. what NULL: nothing is added in the second case.
 */
void near_suggest(struct strbuf *out, const char *word, const char *const *words,
                  size_t n, const char *what);

#endif
