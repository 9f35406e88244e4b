/* SPDX-License-Identifier: Apache-2.0 */
/* admin/accept.c - a list of names with weights, read from left to right. */
#include "admin/accept.h"

#include <string.h>
#include <strings.h>

enum { WEIGHT_ONE = 1000 };

/* One member of a list: its name, the version that it asks for, and its weight in thousandths. */
struct member {
    struct slice name, version;
    int weight;
};

static struct slice
trim(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Cuts what is in front of the next `mark` off *rest. Marks inside of quotes do not count. */
static struct slice
cut(struct slice *rest, char mark)
{
    bool quoted = false;
    size_t n = 0;
    struct slice first;

    for (; n < rest->n && (quoted || rest->p[n] != (uint8_t)mark); n++)
        quoted ^= rest->p[n] == '"';
    first = slice_make(rest->p, n);
    n += n < rest->n;
    *rest = slice_make(rest->p + n, rest->n - n);
    return trim(first);
}

static bool
is(struct slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

/* "0", "0.5", "1.000": at most three digits behind the point. Anything else is 0, so what we do not understand is not used. */
static int
weight_read(struct slice s)
{
    int w = 0, unit = WEIGHT_ONE / 10;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') ||
        (s.n > 1 && s.p[1] != '.'))
        return 0;
    w = (s.p[0] - '0') * WEIGHT_ONE;
    for (size_t i = 2; i < s.n; i++, unit /= 10) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        w += (s.p[i] - '0') * unit;
    }
    return w > WEIGHT_ONE ? 0 : w;
}

static struct slice
unquote(struct slice s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return slice_make(s.p + 1, s.n - 2);
    return s;
}

/* False: the list is at its end. */
static bool
member_next(struct slice *list, struct member *m)
{
    struct slice text;

    if (list->n == 0)
        return false;
    text = cut(list, ',');
    *m = (struct member){ .weight = WEIGHT_ONE };
    m->name = cut(&text, ';');
    while (text.n) {
        struct slice value = cut(&text, ';'), key = cut(&value, '=');

        if (is(key, "q"))
            m->weight = weight_read(trim(value));
        else if (is(key, "version"))
            m->version = unquote(trim(value));
    }
    return true;
}

static int
max(int a, int b)
{
    return a > b ? a : b;
}

bool
accept_openmetrics(struct slice accept)
{
    int open = 0, text = -1, range = -1, any = -1;
    struct member m;

    while (member_next(&accept, &m)) {
        if (is(m.name, "application/openmetrics-text") &&
            (m.version.n == 0 || is(m.version, "1.0.0")))
            open = max(open, m.weight);
        else if (is(m.name, "text/plain"))
            text = max(text, m.weight);
        else if (is(m.name, "text/*"))
            range = max(range, m.weight);
        else if (is(m.name, "*/*"))
            any = max(any, m.weight);
    }
    text = text >= 0 ? text : range >= 0 ? range : any;
    return open > 0 && open >= text;
}

bool
accept_gzip(struct slice accept_encoding)
{
    int gzip = -1, any = -1, identity = -1;
    struct member m;

    while (member_next(&accept_encoding, &m)) {
        if (is(m.name, "gzip") || is(m.name, "x-gzip"))
            gzip = max(gzip, m.weight);
        else if (is(m.name, "identity"))
            identity = max(identity, m.weight);
        else if (is(m.name, "*"))
            any = max(any, m.weight);
    }
    gzip = gzip >= 0 ? gzip : any;
    return gzip > 0 && gzip >= identity;
}
