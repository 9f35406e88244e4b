/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/xfcc.c - see xfcc.h. Our element is made once per connection. */
#include "proxy/xfcc.h"

#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "h2/headers.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "proxy/down.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"

/* Backends of gRPC stop at 8 KiB of headers: names beyond this are left out. */
enum { ELEMENT_MAX = 4096, TEXT_MAX = 2 * ELEMENT_MAX };

static const char header[] = "x-forwarded-client-cert";

const char *const xfcc_words[] = { "sanitize",    "forwardOnly",       "appendForward",
                                   "sanitizeSet", "alwaysForwardOnly", NULL };

/* --- our element ------------------------------------------------------------------------ */

/* A value with a separator in it stands between quotes. */
static void
add_value(struct strbuf *out, const char *text, bool quoted)
{
    quoted = quoted || strpbrk(text, ",;=\"\\") != NULL;
    strbuf_puts(out, quoted ? "\"" : "");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            strbuf_puts(out, "\\");
        strbuf_add(out, p, 1);
    }
    strbuf_puts(out, quoted ? "\"" : "");
}

/* Of what may stand in a header: such bytes are in no honest name. */
static bool
is_plain(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p > 0x7e)
            return false;
    }
    return true;
}

static void
add_pair(struct strbuf *out, const char *key, const char *text, bool quoted)
{
    if (!is_plain(text) || out->len + strlen(text) > ELEMENT_MAX)
        return;
    strbuf_puts(out, out->len ? ";" : "");
    strbuf_puts(out, key);
    strbuf_puts(out, "=");
    add_value(out, text, quoted);
}

void
xfcc_print(const struct tls_peer *p, struct strbuf *out)
{
    if (p->our_uri[0])
        add_pair(out, "By", p->our_uri, false);
    add_pair(out, "Hash", p->sha256, false);
    add_pair(out, "Subject", p->subject, true);
    for (size_t i = 0; i < p->n_sans; i++) {
        if (p->sans[i].kind == TLS_SAN_URI)
            add_pair(out, "URI", p->sans[i].text, false);
        else if (p->sans[i].kind == TLS_SAN_DNS)
            add_pair(out, "DNS", p->sans[i].text, false);
    }
}

/* NULL: the client has no certificate that was verified. */
static const char *
down_element(struct down *d)
{
    const struct tls_peer *p;
    struct strbuf out;

    if (d->xfcc)
        return d->xfcc;
    p = down_peer(d);
    if (!p || !p->has_cert || !p->verified)
        return NULL;
    strbuf_init(&out, TEXT_MAX);
    xfcc_print(p, &out);
    d->xfcc = strbuf_steal(&out);
    return d->xfcc;
}

/* --- the request ------------------------------------------------------------------------ */

static bool
is_header(const struct h2_field *f)
{
    return f->namelen == sizeof(header) - 1 &&
           memcmp(f->name, header, sizeof(header) - 1) == 0;
}

/* Takes the header out wherever it stands. */
static size_t
fields_strip(struct h2_field *f, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (!is_header(&f[i]))
            f[kept++] = f[i];
    }
    return kept;
}

/* What the client said, then ours, as one value. NULL: no memory; then nothing is told. */
static const char *
fields_join(struct arena *a, const struct h2_field *f, size_t n, const char *element,
            size_t *ret_len)
{
    size_t len = strlen(element);
    char *text, *to;

    for (size_t i = 0; i < n; i++)
        len += is_header(&f[i]) ? f[i].valuelen + 1 : 0;
    text = to = arena_alloc(a, len);
    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!is_header(&f[i]) || f[i].valuelen == 0)
            continue;
        memcpy(to, f[i].value, f[i].valuelen);
        to += f[i].valuelen;
        *to++ = ',';
    }
    memcpy(to, element, strlen(element));
    *ret_len = (size_t)(to - text) + strlen(element);
    return text;
}

size_t
xfcc_apply(struct down *d, struct arena *a, struct h2_field *f, size_t n)
{
    enum xfcc_mode mode = d->front->conf->forward_client_cert;
    const char *text = NULL;
    size_t len = 0;

    if (mode == XFCC_ALWAYS_FORWARD_ONLY)
        return n;
    if (mode != XFCC_SANITIZE)
        text = down_element(d);
    if (mode == XFCC_FORWARD_ONLY && text)
        return n;
    if (mode == XFCC_APPEND_FORWARD && text)
        text = fields_join(a, f, n, text, &len);
    else if (text)
        len = strlen(text);
    n = fields_strip(f, n);
    if (text && mode != XFCC_FORWARD_ONLY)
        f[n++] = (struct h2_field){ .name = (uint8_t *)(uintptr_t)header,
                                    .value = (uint8_t *)(uintptr_t)text,
                                    .namelen = sizeof(header) - 1,
                                    .valuelen = len,
                                    .flags = H2_FIELD_STATIC };
    return n;
}
