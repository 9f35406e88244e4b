/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain.h - answers `--explain`: what an error code means, or what a key does.
 * Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_EXPLAIN_H
#define OUTRIGGER_CONF_EXPLAIN_H

#include <stddef.h>

#include "base/compat.h"

struct conf_struct;
struct strbuf;

/* One kind of problem. Codes are stable: a number is never given to something else. */
struct explain_code {
    const char *code;  /* "E0107", "W0301" */
    const char *title; /* a few words */
    const char *text;  /* what it means and what to do */
    /* Parts of a file: keys of the root without its braces. NULL: no example fits in a
     * line. A test loads all of them. */
    const char *bad, *good;
};

/* Number i of all codes, in order; NULL: that was the last. */
const struct explain_code *explain_code_at(size_t i);

/* what: a code, a path ("pools.connections.connectTimeout", "pools[0].name", of a kind
 * of a tagged struct "listeners[].filters.jwt.issuer"), or the last keys of a path. ERR_SYNTAX: not known; out then says so and names the near ones. */
int conf_explain(const struct conf_struct *root, const char *what,
                 struct strbuf *out) MUST_CHECK;

#endif
