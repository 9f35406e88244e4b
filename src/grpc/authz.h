/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/authz.h - messages of envoy.service.auth.v3.Authorization/Check: what a call is, and what an authorization service says about it. What is read and what
 * is built lies in an arena of the caller. Pure; any thread. */
#ifndef OUTRIGGER_GRPC_AUTHZ_H
#define OUTRIGGER_GRPC_AUTHZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct arena;
struct strbuf;

#define AUTHZ_PATH "/envoy.service.auth.v3.Authorization/Check"

enum {
    AUTHZ_EDITS_MAX = 256,  /* headers in one list of an answer */
    AUTHZ_DETAILS_MAX = 16, /* details that are passed on; more are left out */
};

struct authz_pair {
    struct slice name, value;
};

struct authz_peer {
    struct slice address; /* IP address, or path of a unix socket */
    uint32_t port;
    bool is_path;
    struct slice principal; /* empty: not known */
};

struct authz_request {
    struct authz_peer source, destination;
    int64_t time_us; /* of day */
    struct slice id, path, host, scheme;
    const struct authz_pair *headers; /* each name once; pseudo headers as well */
    size_t header_count;
    const struct authz_pair *extensions; /* contextExtensions */
    size_t extension_count;
    struct slice sni; /* p NULL: no TLS */
};

/* Appends a CheckRequest. Texts become UTF-8: each byte that is none becomes '!', as other proxies do. ERR_NOMEM: the arena is full; ERR_LIMIT: out's cap is
 * reached. out is of no use then. */
int authz_request_encode(const struct authz_request *r, struct arena *a,
                         struct strbuf *out) MUST_CHECK;

enum authz_action { /* the public numbers */
                    AUTHZ_APPEND = 0,
                    AUTHZ_ADD_IF_ABSENT = 1,
                    AUTHZ_SET = 2,
                    AUTHZ_SET_IF_THERE = 3,
};

struct authz_edit {
    struct slice name, value;
    enum authz_action action;
};

struct authz_edits {
    const struct authz_edit *v;
    size_t n;
};

enum authz_verdict {
    AUTHZ_ALLOWED,
    AUTHZ_DENIED,
    AUTHZ_ERROR, /* error_response: the service could not decide */
};

/* Names are in lower case. Whoever uses names and values looks whether they are legal. */
struct authz_answer {
    enum authz_verdict verdict;
    struct authz_edits
        request; /* allowed: for the backend; to be set unless they say otherwise */
    struct authz_edits
        response; /* for the client; to be added unless they say otherwise */
    const struct slice *remove; /* allowed: headers of the request */
    size_t remove_count;
    /* Not allowed. */
    int code;        /* google.rpc.Status; 0: none */
    int http_status; /* 0: none */
    struct slice
        message; /* body of the denied response, else message of the status; may be empty */
    const struct slice *details; /* serialized google.protobuf.Any, readable */
    size_t detail_count;
};

/* Reads a CheckResponse into the arena. A denied_response denies whatever the status says, and an answer that says neither yes nor no is none.
 * ERR_SYNTAX: not such a message; ERR_LIMIT: more than AUTHZ_EDITS_MAX headers; ERR_NOMEM. *ret is as before then. */
int authz_answer_decode(struct slice message, struct arena *a,
                        struct authz_answer *ret) MUST_CHECK;
/* The status for the client. What the service's HTTP status says about gRPC counts first (grpc-spec 3.2: 401, 403, 404, 5xx), then the code of its status, then
 * PERMISSION_DENIED. Never OK. */
int authz_answer_code(const struct authz_answer *a);

#endif
