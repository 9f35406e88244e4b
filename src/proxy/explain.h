/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain.h - which route a call would take and what it would do there, in words: the same matcher, split and rules that calls meet, asked
 * without a call. Pure: reads an immutable table, changes nothing; any thread that holds the table. */
#ifndef OUTRIGGER_PROXY_EXPLAIN_H
#define OUTRIGGER_PROXY_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "h2/headers.h"
#include "net/tls.h"
#include "proxy/matcher.h"

struct match_conf;
struct method_conf;
struct retry_policy;
struct route;
struct strbuf;
struct table;

enum {
    EXPLAIN_HEADERS_MAX = 64,
    EXPLAIN_SANS_MAX = 8,
    EXPLAIN_SKIPPED_MAX = 20, /* passed-over routes that are shown: the last ones */
};

/* The call that is asked about. All strings stay the caller's and must outlive it. */
struct explain_call {
    struct match_input in;
    struct h2_headers headers;
    struct h2_entry entries[EXPLAIN_HEADERS_MAX + 2];
    struct tls_peer peer;
    struct tls_san sans[EXPLAIN_SANS_MAX];
    int64_t timeout_ns; /* grpc-timeout; -1: none */
};

/* A call as every gRPC client sends it: content-type and te are there. */
void explain_call_init(struct explain_call *c);
/* Each: true, or false with a sentence that says what is wrong. A header is "name=value", its name is made lower case in place; a name ending in -bin has
 * its value in base64, as on the wire. A san is a name in the client's verified certificate: a URI, an email address or a DNS name. */
bool explain_call_set_path(struct explain_call *c, const char *path,
                           const char **ret_why) MUST_CHECK;
bool explain_call_set_authority(struct explain_call *c, const char *host,
                                const char **ret_why) MUST_CHECK;
bool explain_call_add_header(struct explain_call *c, char *text,
                             const char **ret_why) MUST_CHECK;
bool explain_call_add_san(struct explain_call *c, const char *san,
                          const char **ret_why) MUST_CHECK;

/* What becomes of the call. */
struct explain {
    const struct table *table;
    const struct explain_call *call;
    const struct route *route; /* NULL: none fits */
    size_t skipped;            /* routes before it, or all */
    size_t shown;
    struct explain_skip {
        size_t index;
        char *why; /* one sentence */
    } skips[EXPLAIN_SKIPPED_MAX];
    int target; /* of the route, by splitBy or because there is only one; -1: by chance or none */
    const struct method_conf *method;  /* of methodConfig; NULL: none */
    const struct retry_policy *policy; /* how it is tried again; NULL: it is not */
    bool first_hop_only; /* ... and this call would not be, because it was before */
    int64_t limit_us;    /* time for the call; 0: none, -1: over already */
};

/* The table is the caller's and must stay until explain_done. */
void explain_init(struct explain *e, const struct table *t, struct explain_call *c);
void explain_done(struct explain *e);
/* A target that some call with these words may take: not one of weight 0, and not another than the sticky one. */
bool explain_takes(const struct explain *e, unsigned target);

/* explain_print.c, explain_json.c. address: where the listener listens; config: version of the config in force. Lines for a terminal; */
void explain_print(const struct explain *e, const char *address, uint64_t config,
                   struct strbuf *out);
/* or the members of a JSON object, without its braces. */
void explain_json(const struct explain *e, const char *address, uint64_t config,
                  struct strbuf *out);
/* What must be true of a call, in the words of the config: "service shop.v1.Cart, header x-beta". */
void explain_match(const struct match_conf *m, struct strbuf *out);
/* Where the routes of a listener lead: lines, or one JSON object. */
void explain_routes(const struct table *t, const char *address, struct strbuf *out);
void explain_routes_json(const struct table *t, const char *address, struct strbuf *out);

#endif
