/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe_http.c - the first bytes, a request's head, an answer's head. It is stricter than it must be where two readers could understand two things, although
 * nothing is passed on from here. */
#include "admin/probe_http.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"

enum { TLS_HANDSHAKE = 0x16 };

enum probe_protocol
probe_sniff(const void *bytes, size_t n)
{
    static const char pri[] = { 'P', 'R', 'I' };
    const char *p = bytes;
    size_t k = n < sizeof(pri) ? n : sizeof(pri);

    if (n == 0)
        return PROBE_UNDECIDED;
    if (p[0] == TLS_HANDSHAKE)
        return PROBE_TLS;
    if (memcmp(p, pri, k) != 0)
        return PROBE_HTTP1;
    return k == sizeof(pri) ? PROBE_HTTP2 : PROBE_UNDECIDED;
}

/* RFC 9110 5.6.2 */
static bool
is_token(struct slice s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && (c == 0 || !strchr(others, c)))
            return false;
    }
    return s.n > 0;
}

/* No controls but tabs; bytes above ASCII are let through. */
static bool
is_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    }
    return true;
}

static struct slice
slice_trim(struct slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_make(s.p + 1, s.n - 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* ASCII letters of either case. */
static bool
slice_is_word(struct slice s, const char *lower)
{
    size_t n = strlen(lower);

    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.p[i];

        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t)lower[i])
            return false;
    }
    return true;
}

/* Takes what stands before the first `c` out of *s, which keeps what is behind. False: there is none. */
static bool
slice_cut(struct slice *s, char c, struct slice *ret)
{
    const uint8_t *at = s->n > 0 ? memchr(s->p, c, s->n) : NULL;

    if (!at)
        return false;
    *ret = slice_make(s->p, (size_t)(at - s->p));
    *s = slice_make(at + 1, s->n - ret->n - 1);
    return true;
}

/* A word of a list: "close" in "TE, close". */
static bool
list_has(struct slice list, const char *word)
{
    struct slice item;

    while (slice_cut(&list, ',', &item)) {
        if (slice_is_word(slice_trim(item), word))
            return true;
    }
    return slice_is_word(slice_trim(list), word);
}

/* "/path?query", or "http://host/path?query" as a client writes it to a proxy. */
static int
target_parse(struct slice target, struct probe_request *r)
{
    if (slice_starts(target, "http://")) {
        const uint8_t *slash = memchr(target.p + 7, '/', target.n - 7);

        if (!slash)
            return ERR_SYNTAX;
        target = slice_make(slash, target.n - (size_t)(slash - target.p));
    }
    if (target.n == 0 || target.p[0] != '/')
        return ERR_SYNTAX;
    for (size_t i = 0; i < target.n; i++) {
        if (target.p[i] <= ' ' || target.p[i] >= 0x7f)
            return ERR_SYNTAX;
    }
    r->query = target;
    if (slice_cut(&r->query, '?', &r->path))
        return ERR_OK;
    r->path = target;
    r->query = slice_make(NULL, 0);
    return ERR_OK;
}

static int
first_line_parse(struct slice line, struct probe_request *r)
{
    struct slice method, target;

    if (!slice_cut(&line, ' ', &method) || !slice_cut(&line, ' ', &target) ||
        !is_token(method) || target_parse(target, r) != ERR_OK)
        return ERR_SYNTAX;
    r->get = slice_eq_str(method, "GET");
    r->head = slice_eq_str(method, "HEAD");
    r->keep = slice_eq_str(line, "HTTP/1.1");
    return r->keep || slice_eq_str(line, "HTTP/1.0") ? ERR_OK : ERR_SYNTAX;
}

static int
field_parse(struct slice line, struct probe_request *r)
{
    struct slice name, value;

    if (!slice_cut(&line, ':', &name) || !is_token(name) || !is_text(line))
        return ERR_SYNTAX;
    value = slice_trim(line);
    if (slice_is_word(name, "connection")) {
        r->keep = r->keep && !list_has(value, "close");
    } else if (slice_is_word(name, "content-length")) {
        r->body |= !slice_eq_str(value, "0");
    } else if (slice_is_word(name, "transfer-encoding")) {
        r->body = true;
    } else if (slice_is_word(name, "accept")) {
        r->accept = value;
    } else if (slice_is_word(name, "accept-encoding")) {
        r->accept_encoding = value;
    }
    return ERR_OK;
}

/* The next line without its end, CR LF or LF. False: it is not complete. */
static bool
line_take(struct slice *rest, struct slice *ret)
{
    if (!slice_cut(rest, '\n', ret))
        return false;
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

int
probe_request_parse(const void *bytes, size_t n, struct probe_request *ret)
{
    struct slice rest = slice_make(bytes, n < PROBE_HEAD_MAX ? n : PROBE_HEAD_MAX), line;
    struct probe_request r = { 0 };

    for (unsigned i = 0; line_take(&rest, &line); i++) {
        int rv;

        if (i > 0 && line.n == 0) {
            r.size = (size_t)((const uint8_t *)rest.p - (const uint8_t *)bytes);
            *ret = r;
            return ERR_OK;
        }
        rv = i == 0 ? first_line_parse(line, &r) : field_parse(line, &r);
        if (rv != ERR_OK)
            return rv;
    }
    return n >= PROBE_HEAD_MAX ? ERR_LIMIT : ERR_AGAIN;
}

static const char *
status_words(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Service Unavailable";
    }
}

void
probe_answer_head(struct strbuf *out, int status, const char *type, const char *encoding,
                  size_t length, bool keep, const char *more)
{
    strbuf_printf(out,
                  "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                  "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
                  status, status_words(status), type, length);
    if (encoding)
        strbuf_printf(out, "Content-Encoding: %s\r\n", encoding);
    strbuf_printf(out, "Connection: %s\r\n%s\r\n", keep ? "keep-alive" : "close", more);
}
