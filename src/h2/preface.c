/* SPDX-License-Identifier: Apache-2.0 */
/* h2/preface.c - the first bytes of a client: nothing else exists until the 24-byte preface is complete, and a peer that speaks
 * something else is told so where its protocol allows it. */
#include "h2/conn_int.h"

#include <string.h>

static const char http1_answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "content-type: text/plain\r\n"
                                   "content-length: 94\r\n"
                                   "connection: close\r\n\r\n"
                                   "This port speaks HTTP/2 with prior knowledge (gRPC, "
                                   "h2c) only. Use a gRPC client to talk here\n";

static bool
preface_is_http1(const uint8_t *p, size_t n)
{
    static const char *const methods[] = { "GET ",   "POST ",   "PUT ",
                                           "HEAD ",  "DELETE ", "OPTIONS ",
                                           "PATCH ", "TRACE ",  "CONNECT " };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        size_t k = strlen(methods[i]);

        if (n >= k && memcmp(p, methods[i], k) == 0)
            return true;
    }
    return false;
}

static void
preface_refuse(struct h2_conn *c)
{
    const uint8_t *p = c->pre;

    if (preface_is_http1(p, c->pre_len)) {
        stat_inc(c->w->stats, STAT_BAD_PROTOCOL_HTTP1);
        output_bytes(&c->w->out, http1_answer, sizeof(http1_answer) - 1);
        if (output_write(c) == ERR_OK)
            c->terminating = true; /* linger, so that the answer is read */
        conn_fail(c, ERR_NOT_HTTP2,
                  "the client speaks HTTP/1, this port speaks HTTP/2 only");
    } else if (p[0] == 0x16) {
        stat_inc(c->w->stats, STAT_BAD_PROTOCOL_TLS);
        conn_fail(c, ERR_NOT_HTTP2,
                  "the client speaks TLS, this port speaks clear-text HTTP/2");
    } else {
        stat_inc(c->w->stats, STAT_BAD_PROTOCOL_OTHER);
        conn_fail(c, ERR_NOT_HTTP2, "the client does not speak HTTP/2");
    }
}

/* First difference decides, except that an HTTP/1 method is worth waiting for: at most 8 bytes. */
void
preface_read(struct h2_conn *c, const uint8_t *p, size_t n)
{
    static const char magic[] = FRAME_MAGIC;
    size_t k = sizeof(c->pre) - c->pre_len < n ? sizeof(c->pre) - c->pre_len : n;
    size_t old = c->pre_len;

    memcpy(c->pre + c->pre_len, p, k);
    c->pre_len = (uint8_t)(c->pre_len + k);
    if (memcmp(c->pre, magic, c->pre_len) != 0) {
        bool letter = c->pre[0] >= 'A' && c->pre[0] <= 'Z';

        if (!letter || c->pre_len >= 8 || preface_is_http1(c->pre, c->pre_len))
            preface_refuse(c);
        return;
    }
    if (c->pre_len < sizeof(c->pre))
        return;
    if (control_start(c) != ERR_OK) {
        conn_fail(c, ERR_NOMEM, "no memory for the HPACK tables");
        return;
    }
    conn_dirty(c); /* our SETTINGS: some clients wait for them */
    if (old)
        conn_feed(c, c->pre, old);
    if (c->state == CONN_OPEN)
        conn_feed(c, p, n);
}
