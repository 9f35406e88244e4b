/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/regex.h - regular expressions (PCRE2) over bytes that strangers send: what a match may
 * cost is bounded. The whole text must match. */
#ifndef OUTRIGGER_PROXY_REGEX_H
#define OUTRIGGER_PROXY_REGEX_H

#include "base/compat.h"
#include "base/slice.h"

struct regex;
struct strbuf;

enum {
    REGEX_TEXT_MAX = 8 * 1024, /* bytes of a text; a longer one gives up */
};

enum regex_result {
    REGEX_NO,
    REGEX_YES,
    REGEX_GAVE_UP, /* the text is too long, or it took too many steps; counts as no */
};

/* ERR_SYNTAX: why gets a sentence with the place in the pattern. Any thread. */
int regex_check(const char *pattern, struct strbuf *why) MUST_CHECK;
/* pattern has passed regex_check; NULL when it has not. The result is immutable: any thread
 * may match with it. Compiled to machine code when the system allows that. */
struct regex *regex_new(const char *pattern);
void regex_free(struct regex *r); /* NULL is fine */
/* At most some tenths of a millisecond, whatever the text. Allocates only at the first call of
 * a thread. */
enum regex_result regex_match(const struct regex *r, struct slice text);

/* Version of the library, for -VV. */
const char *regex_library_version(void);

#endif
