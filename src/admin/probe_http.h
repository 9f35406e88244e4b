/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe_http.h - what a client of the probe port may send: which protocol its first bytes are, and one head of an HTTP/1.1 request without a body (RFC 9112). It
 * reads bytes of strangers: pure functions over them, no memory, any thread. Slices point into the bytes given. */
#ifndef OUTRIGGER_ADMIN_PROBE_HTTP_H
#define OUTRIGGER_ADMIN_PROBE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

enum { PROBE_HEAD_MAX = 4096 }; /* bytes of a head */

enum probe_protocol {
    PROBE_UNDECIDED, /* more bytes are needed: at most 3 */
    PROBE_HTTP1,     /* or nothing that we know */
    PROBE_HTTP2,     /* "PRI": no HTTP/1 client may say that (RFC 9113 3.4) */
    PROBE_TLS,
};

struct probe_request {
    bool get, head;     /* the method; both false: another one */
    bool keep;          /* the client may ask again on this connection */
    bool body;          /* it said that a body follows */
    struct slice path;  /* without the query */
    struct slice query; /* behind the "?", or empty */
    struct slice accept, accept_encoding; /* p NULL: not there */
    size_t size;                          /* bytes of the head */
};

enum probe_protocol probe_sniff(const void *bytes, size_t n);
/* ERR_AGAIN: it is not complete. ERR_SYNTAX: it is no such head. ERR_LIMIT: it has more than PROBE_HEAD_MAX bytes. */
int
probe_request_parse(const void *bytes, size_t n, struct probe_request *ret) MUST_CHECK;
/* Adds the head of an answer. encoding: of the body, or NULL; more: further header lines with their line ends, or "". */
void probe_answer_head(struct strbuf *out, int status, const char *type,
                       const char *encoding, size_t length, bool keep, const char *more);

#endif
