/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_watch.c - key updates and tries to renegotiate cost us a lot and the peer nearly
 * nothing (reliability.md D1, D2). OpenSSL has no limit for them but shows each message: past
 * the limit of a second the transport below gives no more bytes, which ends the
 * connection. */
#include "loop/loop.h"
#include "net/tls_int.h"

enum { SECOND_US = 1000000 };

static void
watch_count(struct tls *s)
{
    int64_t now = loop_now_us(s->loop);

    if (now - s->updates_us >= SECOND_US) {
        s->updates_us = now;
        s->updates = 0;
    }
    if (++s->updates <= TLS_UPDATES_MAX || s->flood)
        return;
    s->flood = true;
    tls_say(s, TLS_REFUSAL_OTHER,
            "the peer asked for new keys more than %d times in a second",
            TLS_UPDATES_MAX);
}

void
tls_on_message(int writing, int version, int type, const void *buf, size_t n, SSL *ssl,
               void *arg)
{
    const unsigned char *p = buf;
    struct tls *s;

    (void)version, (void)arg;
    if (type == SSL3_RT_HEADER || type == SSL3_RT_INNER_CONTENT_TYPE || n == 0)
        return; /* nearly all */
    s = SSL_get_app_data(ssl);
    if (s->state != TLS_OPEN)
        return;
    if (type == SSL3_RT_HANDSHAKE && !writing &&
        (p[0] == SSL3_MT_KEY_UPDATE || p[0] == SSL3_MT_CLIENT_HELLO ||
         p[0] == SSL3_MT_HELLO_REQUEST))
        watch_count(s);
    /* The answer to a renegotiation that is not done. */
    if (type == SSL3_RT_ALERT && writing && n == 2 && p[1] == SSL_AD_NO_RENEGOTIATION)
        watch_count(s);
}
