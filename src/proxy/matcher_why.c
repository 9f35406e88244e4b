/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher_why.c - why a call does not fit a match, for people. */
#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/redact.h"
#include "h2/headers.h"
#include "proxy/matcher_int.h"

enum { SHOWN_MAX = 64 };

/* Text from a stranger: cut, and safe for a terminal. */
static void
put_quoted(struct strbuf *out, struct slice s)
{
    size_t n = s.n < SHOWN_MAX ? s.n : SHOWN_MAX;

    strbuf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';

        strbuf_add(out, &c, 1);
    }
    strbuf_puts(out, n < s.n ? "...\"" : "\"");
}

static bool
put_differs(struct strbuf *why, const char *what, struct slice got, const char *relation,
            const char *want)
{
    strbuf_printf(why, "%s is ", what);
    put_quoted(why, got);
    strbuf_printf(why, ", %s \"%s\"", relation, want);
    return true;
}

static bool
why_path(struct match_search *s, const struct match_rule *r, struct strbuf *why)
{
    const struct match_input *in = s->in;
    const struct match_conf *c = r->conf;

    if (c->service && !slice_eq(r->service, in->service))
        return put_differs(why, "the service", in->service, "not", c->service);
    if (c->method && !slice_eq(r->method, in->method))
        return put_differs(why, "the method", in->method, "not", c->method);
    if (r->path.p && !slice_eq(r->path, in->path))
        return put_differs(why, "the path", in->path, "not", c->path.exact);
    if (r->path_prefix.p && !slice_begins(in->path, r->path_prefix))
        return put_differs(why, "the path", in->path, "which does not begin with",
                           c->path.prefix);
    if (c->path.on && c->path.regex && !(r->path_regex && path_regex_fits(s, r)))
        return put_differs(why, "the path", in->path, "which does not fit",
                           c->path.regex);
    return false;
}

static bool
why_host(const struct match_search *s, const struct match_rule *r, struct strbuf *why)
{
    const struct match_text *hosts = r->conf->hosts.items;

    for (size_t i = 0; s->host.p && i < r->host_count; i++) {
        if (host_fits(s->host, &r->hosts[i]))
            return false;
    }
    if (r->host_count == 0)
        return false;
    if (!s->in->authority.p) {
        strbuf_puts(why, "the call names no host");
        return true;
    }
    put_differs(why, "the host", s->host.p ? s->host : s->in->authority, "not",
                hosts[0].text);
    if (r->host_count > 1)
        strbuf_printf(why, " or one of %zu others", r->host_count - 1);
    return true;
}

/* "not "v2"", "which does not begin with "x"" ... for the compare that failed. */
static void
put_wish(const struct header_rule *r, struct strbuf *why)
{
    const struct header_match_conf *c = r->conf;
    const struct match_text *one_of = c->one_of.items;
    const char *no = c->invert ? "" : "not ";

    if (conf_key_is_secret(c->name)) {
        strbuf_puts(why, "which is not what the route looks for (hidden, as its name is "
                         "that of a secret)");
        return;
    }
    switch ((enum header_kind)r->kind) {
    case HEADER_EXACT:
        strbuf_printf(why, c->invert ? "and must not be \"%s\"" : "not \"%s\"", c->exact);
        break;
    case HEADER_PREFIX:
        strbuf_printf(why,
                      c->invert ? "which begins with \"%s\""
                                : "which does not begin with \"%s\"",
                      c->prefix);
        break;
    case HEADER_SUFFIX:
        strbuf_printf(
            why, c->invert ? "which ends with \"%s\"" : "which does not end with \"%s\"",
            c->suffix);
        break;
    case HEADER_CONTAINS:
        strbuf_printf(
            why, c->invert ? "which contains \"%s\"" : "which does not contain \"%s\"",
            c->contains);
        break;
    case HEADER_ONE_OF:
        strbuf_printf(why, "%sone of %zu values (\"%s\"%s)", no, r->one_of_count,
                      one_of[0].text, r->one_of_count > 1 ? ", ..." : "");
        break;
    case HEADER_RANGE:
        strbuf_printf(why, "%sa number from %" PRId64 " to below %" PRId64, no, r->from,
                      r->to);
        break;
    case HEADER_REGEX:
        strbuf_printf(why, c->invert ? "which fits \"%s\"" : "which does not fit \"%s\"",
                      c->regex);
        break;
    case HEADER_PRESENT:
        break;
    }
}

static bool
why_header(struct match_search *s, const struct header_rule *r, struct strbuf *why)
{
    struct slice v = { 0 };
    enum header_seen seen = header_see(s, r->name, r->number, &v);
    unsigned gave_up = s->in->gave_up;
    uint8_t room[REGEX_TEXT_MAX];

    if (header_fits(s, r))
        return false;
    strbuf_printf(why, "header %s ", r->conf->name);
    if (r->kind == HEADER_PRESENT) {
        strbuf_puts(why, seen == HEADER_MISSING ? "is missing" : "is there");
    } else if (seen == HEADER_MISSING && !r->empty) {
        strbuf_puts(why, "is missing");
    } else if (s->in->gave_up > gave_up) {
        strbuf_puts(why, "is too long, or its regular expression took too many steps");
    } else if (seen != HEADER_MISSING && r->bin &&
               header_join(s->in->headers, r->name, true, room, &v) != 0) {
        strbuf_puts(why, "is not base64");
    } else {
        if (seen == HEADER_SEVERAL &&
            header_join(s->in->headers, r->name, false, room, &v))
            v.n = 0;
        if (r->bin) {
            strbuf_puts(why, "has other bytes, ");
        } else {
            strbuf_puts(why, "is ");
            put_quoted(why, v);
            strbuf_puts(why, ", ");
        }
        put_wish(r, why);
    }
    return true;
}

static bool
why_san(const struct match_search *s, const struct match_rule *r, struct strbuf *why)
{
    for (size_t i = 0; i < r->san_count; i++) {
        if (san_fits(s->in->peer, &r->sans[i]))
            return false;
    }
    if (r->san_count == 0)
        return false;
    strbuf_puts(why, s->in->peer
                         ? "no name in the client's verified certificate fits \"san\""
                         : "the client has no verified certificate");
    return true;
}

bool
matcher_why_not(const struct matcher *m, size_t i, struct match_input *in,
                struct strbuf *why)
{
    const struct match_rule *r = &m->rules[i];
    struct match_search s;

    in->gave_up = 0;
    search_init(&s, m, in);
    if (why_host(&s, r, why) || why_path(&s, r, why) || why_san(&s, r, why))
        return true;
    for (size_t k = 0; k < r->header_count; k++) {
        if (why_header(&s, &r->headers[k], why))
            return true;
    }
    return false;
}
