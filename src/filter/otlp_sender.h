/* SPDX-License-Identifier: Apache-2.0 */
/* filter/otlp_sender.h - one way to one collector: OTLP over gRPC, over a pool of its own (names, balancing, TLS, limits as for any backend), or, when the address is
 * a URL, protobuf over HTTP/1.1 with POST (net/fetch.h). It carries one request at a time and keeps nothing: what to send, what to send again and what to count is the
 * owner's. Main thread.
 * Sources: opentelemetry-proto docs/specification.md (paths, what may be tried again), RFC 9110 10.2.3 (Retry-After). */
#ifndef OUTRIGGER_FILTER_OTLP_SENDER_H
#define OUTRIGGER_FILTER_OTLP_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "grpc/otlp.h"

struct otlp_sender;
struct services_args;
struct tls_client_conf;

enum { OTLP_REQUEST_MAX = 256 * 1024 }; /* bytes of a request */

/* A collector that asks for a longer pause gets this one: whoever made a mistake there shall not silence us for a day. */
#define OTLP_PAUSE_MAX_US (5 * 60 * 1000000LL)

enum otlp_signal { OTLP_TRACES, OTLP_METRICS };

struct otlp_way {   /* both outlive the sender */
    const char *to; /* a target as those of pools, or a URL */
    const struct tls_client_conf *tls;
};

struct otlp_sent {
    bool taken;
    struct slice message; /* taken: the answer, for otlp_answer_read */
    /* else */
    bool may_pass; /* the same request may be taken later */
    int64_t
        pause_us; /* the collector asks for so long a pause, OTLP_PAUSE_MAX_US at most; 0: it said nothing */
    const char *code; /* "UNAVAILABLE", "503", "none" */
    const char *why;  /* a sentence for the log */
};

/* Once per request, never inside otlp_sender_send. What r points to goes when it returns. */
typedef void otlp_sent_fn(void *arg, const struct otlp_sent *r);
typedef void otlp_gone_fn(void *arg);

/* The way was checked (otlp_way_refuse). name: of the pool, for the log. */
struct otlp_sender *
otlp_sender_new(const struct services_args *args, const struct otlp_way *way,
                enum otlp_signal signal, const char *name);
/* At most OTLP_REQUEST_MAX bytes, copied; none may be under way. Ends by fn or by otlp_sender_cancel. */
void otlp_sender_send(struct otlp_sender *s, struct slice request, int64_t timeout_us,
                      otlp_sent_fn *fn, void *arg);
void otlp_sender_cancel(struct otlp_sender *s); /* nothing under way: does nothing */
/* Nothing is under way. fn: some turns later, when all its connections are closed and it is freed. */
void otlp_sender_close(struct otlp_sender *s, otlp_gone_fn *fn, void *arg);

/* For rows of the config: a target, or a URL with http:// or https:// and without query, name and password. */
int otlp_target_valid(const char *text, const char **ret_why) MUST_CHECK;
/* NULL: requests can go that way. Else a sentence. */
const char *otlp_way_refuse(const struct otlp_way *way);

enum { OTLP_RESOURCE_ATTRIBUTES = 4 };

/* Who we are, for otlp_request_encode. service NULL: "outrigger"; instance NULL: it is not said. The attributes are in room, the texts the caller's. */
struct otlp_resource
otlp_resource_make(const char *service, const char *instance,
                   struct otlp_attribute room[OTLP_RESOURCE_ATTRIBUTES]);

/* "http://host:4318" and "/v1/traces" to the whole URL, unless it ends so already. The caller frees it (xfree). */
char *otlp_url_make(const char *base, const char *path);

#endif
