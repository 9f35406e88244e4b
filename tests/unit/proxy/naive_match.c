/* SPDX-License-Identifier: Apache-2.0 */
/* naive_match.c - one rule after the other; C strings, so values have no NUL. */
#include "naive_match.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 1024 };

static void
text_of(struct slice s, char out[TEXT_MAX])
{
    snprintf(out, TEXT_MAX, "%.*s", (int)s.n, s.p ? (const char *)s.p : "");
}

static void
append(char out[TEXT_MAX], const char *text)
{
    size_t n = strlen(out);

    snprintf(out + n, TEXT_MAX - n, "%s", text);
}

static bool
begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool
ends(const char *s, const char *with)
{
    return strlen(s) >= strlen(with) && strcmp(s + strlen(s) - strlen(with), with) == 0;
}

static bool
fits_regex(const char *s, const char *pattern)
{
    char whole[TEXT_MAX];
    regex_t r;
    bool yes;

    snprintf(whole, sizeof whole, "^(%s)$", pattern);
    if (regcomp(&r, whole, REG_EXTENDED | REG_NOSUB) != 0)
        abort();
    yes = regexec(&r, s, 0, NULL, 0) == 0;
    regfree(&r);
    return yes;
}

static void
lower(char *s)
{
    for (; *s; s++)
        *s = (char)tolower((unsigned char)*s);
}

/* --- host ------------------------------------------------------------------------ */

static void
host_of(const char *text, char out[TEXT_MAX])
{
    char *colon;
    size_t n;

    snprintf(out, TEXT_MAX, "%s", text);
    colon = strrchr(out, ':');
    if (colon && (out[0] == '[' ? colon[-1] == ']' : strchr(out, ':') == colon))
        *colon = '\0';
    n = strlen(out);
    if (n && out[n - 1] == '.')
        out[n - 1] = '\0';
    lower(out);
}

static bool
host_fits_one(const char *host, const char *pattern)
{
    char want[TEXT_MAX];
    size_t n;

    host_of(pattern, want);
    n = strlen(want);
    if (want[0] == '*')
        return ends(host, want + 1) && strlen(host) > n - 1;
    if (want[n - 1] == '*') {
        want[n - 1] = '\0';
        return begins(host, want) && strlen(host) > n - 1;
    }
    return strcmp(host, want) == 0;
}

static bool
hosts_fit(const struct match_conf *m, const struct rig_call *c)
{
    const struct match_text *hosts = m->hosts.items;
    char text[TEXT_MAX], host[TEXT_MAX];

    text_of(c->in.authority, text);
    host_of(text, host);
    for (size_t i = 0; i < m->hosts.n; i++) {
        if (strcmp(hosts[i].text, "*") == 0 ||
            (c->in.authority.p && host_fits_one(host, hosts[i].text)))
            return true;
    }
    return m->hosts.n == 0;
}

/* --- headers ---------------------------------------------------------------------- */

/* Bit by bit. False: not base64. */
static bool
decode(const char *text, char out[TEXT_MAX])
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strcspn(text, "="), bits = 0;

    if (text[len] && (strlen(text) % 4 || strspn(text + len, "=") != strlen(text) - len ||
                      strlen(text) - len > 2))
        return false;
    if (len % 4 == 1)
        return false;
    memset(out, 0, TEXT_MAX);
    for (size_t i = 0; i < len; i++) {
        const char *d = strchr(digits, text[i]);

        if (!d)
            return false;
        for (int b = 5; b >= 0; b--, bits++) {
            if ((d - digits) >> b & 1)
                out[bits / 8] = (char)(out[bits / 8] | 128 >> bits % 8);
        }
    }
    out[bits / 8] = '\0';
    return true;
}

/* Each part between commas decoded. */
static bool
decode_list(const char *text, char out[TEXT_MAX])
{
    char part[TEXT_MAX], plain[TEXT_MAX];

    for (out[0] = '\0';; text += strcspn(text, ",") + 1) {
        snprintf(part, sizeof part, "%.*s", (int)strcspn(text, ","), text);
        if (!decode(part, plain))
            return false;
        append(out, plain);
        if (!strchr(text, ','))
            return true;
        append(out, ",");
    }
}

static bool
value_fits(const struct header_match_conf *h, const char *value, bool bin)
{
    const struct match_text *one_of = h->one_of.items;
    char want[TEXT_MAX], got[TEXT_MAX], *end;
    const char *text = h->exact    ? h->exact
                       : h->prefix ? h->prefix
                       : h->suffix ? h->suffix
                                   : h->contains;

    snprintf(got, sizeof got, "%s", value);
    if (h->ignore_case)
        lower(got);
    for (size_t i = 0; i < h->one_of.n; i++) {
        if (bin)
            decode(one_of[i].text, want);
        else
            snprintf(want, sizeof want, "%s", one_of[i].text);
        if (h->ignore_case)
            lower(want);
        if (strcmp(want, got) == 0)
            return true;
    }
    if (h->one_of.n)
        return false;
    if (h->regex)
        return fits_regex(got, h->regex);
    if (h->range.on) {
        long long n = strtoll(got, &end, 10);

        return (isdigit((unsigned char)got[0]) || got[0] == '-') && end > got && !*end &&
               n >= h->range.from && n < h->range.to;
    }
    if (bin)
        decode(text, want);
    else
        snprintf(want, sizeof want, "%s", text);
    if (h->ignore_case)
        lower(want);
    if (h->exact)
        return strcmp(got, want) == 0;
    if (h->prefix)
        return begins(got, want);
    if (h->suffix)
        return ends(got, want);
    return strstr(got, want) != NULL;
}

static bool
header_fits_one(const struct header_match_conf *h, const struct rig_call *c)
{
    char joined[TEXT_MAX] = "", plain[TEXT_MAX], value[TEXT_MAX];
    bool bin = ends(h->name, "-bin"), found = false;

    for (unsigned i = 0; i < c->headers.n; i++) {
        const struct h2_field *f = &c->headers.v[i].f;

        if (f->namelen != strlen(h->name) || memcmp(f->name, h->name, f->namelen) != 0)
            continue;
        text_of(slice_make(f->value, f->valuelen), value);
        if (found)
            append(joined, ",");
        append(joined, value);
        found = true;
    }
    if (h->present != CONF_UNSET)
        return (found == (h->present == CONF_TRUE)) != h->invert;
    if (!found && !h->missing_is_empty)
        return false;
    if (bin && !decode_list(joined, plain))
        return false;
    return value_fits(h, bin ? plain : joined, bin) != h->invert;
}

bool
naive_fits(const struct match_conf *m, const struct rig_call *c)
{
    const struct header_match_conf *h = m->headers.items;
    char path[TEXT_MAX], want[TEXT_MAX];
    const char *method;

    text_of(c->in.path, path);
    method = strrchr(path, '/') + 1;
    snprintf(want, sizeof want, "/%s/", m->service ? m->service : "");
    if ((m->service && !begins(path, want)) ||
        (m->method && strcmp(m->method, method) != 0))
        return false;
    if (m->path.on && ((m->path.exact && strcmp(m->path.exact, path) != 0) ||
                       (m->path.prefix && !begins(path, m->path.prefix)) ||
                       (m->path.regex && !fits_regex(path, m->path.regex))))
        return false;
    if (!hosts_fit(m, c))
        return false;
    for (size_t i = 0; i < m->headers.n; i++) {
        if (!header_fits_one(&h[i], c))
            return false;
    }
    return true;
}
