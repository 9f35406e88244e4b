/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher.h - which of many matches a call fits first (gRFC A28, A63; grpc-spec 15.1).
 * The first one in the order of the file wins, not the narrowest. Built once, immutable, any
 * thread; knows no call and no route. */
#ifndef OUTRIGGER_PROXY_MATCHER_H
#define OUTRIGGER_PROXY_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct h2_headers;
struct match_conf;
struct matcher;
struct strbuf;
struct tls_peer;

struct match_input {
    struct slice authority; /* :authority or host; p NULL: none */
    struct slice path;      /* "/service/method", and its parts */
    struct slice service, method;
    const struct h2_headers *headers; /* NULL: none */
    const struct tls_peer *peer;      /* NULL: the client's side has no TLS */
    /* Set by matcher_find: values that were too long or took too many steps; each of them
     * counts as not matching. */
    unsigned gave_up;
};

/* The confs have passed their checks and outlive it. */
struct matcher *matcher_new(const struct match_conf *const *matches, size_t n);
void matcher_free(struct matcher *m); /* NULL is fine */
/* False: peer of an input is not looked at, and need not be found out. */
bool matcher_wants_peer(const struct matcher *m);
/* Index of the first match that fits, or -1. Allocates nothing. */
int matcher_find(const struct matcher *m, struct match_input *in);
/* Why match i does not fit, one sentence without a full stop ("header x-version is \"v1\", not
 * \"v2\""). False: it fits. */
bool matcher_why_not(const struct matcher *m, size_t i, struct match_input *in,
                     struct strbuf *why);

#endif
