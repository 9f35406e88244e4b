/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_http.h - one HTTPS connection to the API server and one GET at a time on it. It
 * does not come back by itself: its owner opens another. Everything belongs to the loop's
 * thread of its h2_worker. */
#ifndef OUTRIGGER_RESOLVE_K8S_HTTP_H
#define OUTRIGGER_RESOLVE_K8S_HTTP_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"

struct h2_worker;
struct k8s_http;
struct k8s_server;
struct tls_ctx;

enum { K8S_CONNECT_MS = 10000, K8S_TOKEN_MAX = 64 << 10 };

/* Any of them may close the connection. */
struct k8s_http_ops {
    void (*on_ready)(void *arg); /* connected: a GET may be sent */
    /* The answer's status, then its body in pieces. */
    void (*on_status)(void *arg, int status);
    void (*on_body)(void *arg, struct slice bytes);
    /* The answer is over; why: NULL when it is complete. Another GET may be sent when
     * k8s_http_usable says so. */
    void (*on_end)(void *arg, const char *why);
    /* No connection, or no longer, and no GET is open. why: a plain sentence. The last
     * call. */
    void (*on_lost)(void *arg, const char *why);
};

/* server is copied. Connects within K8S_CONNECT_MS, or on_lost, in a later turn. */
struct k8s_http *
k8s_http_open(struct h2_worker *w, struct tls_ctx *ctx, const struct k8s_server *server,
              const struct k8s_http_ops *ops, void *arg);
/* The connection is there, takes requests, and none is open. */
bool k8s_http_usable(const struct k8s_http *h);
/* Only when usable. path and token are copied; token: "" for none. ERR_GOAWAY, ERR_NOMEM. */
int k8s_http_get(struct k8s_http *h, const char *path, const char *token) MUST_CHECK;
/* No callback afterwards; memory goes later. NULL is fine. */
void k8s_http_close(struct k8s_http *h);

#endif
