/* SPDX-License-Identifier: Apache-2.0 */
/* filter/template.c - texts with variables. */
#include "filter/template.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "filter/claims.h"
#include "h2/headers.h"

struct template_part {
    enum template_var var;
    struct slice text; /* the characters, or the name of the header or claim */
};

struct template
{
    unsigned wants;
    size_t n;
    struct slice whole; /* without variables: what to write */
    struct template_part parts[];
};

static const char *const var_words[TEMPLATE_VARS] = {
    [TEMPLATE_PEER] = "peer",
    [TEMPLATE_SAN] = "san",
    [TEMPLATE_ROUTE] = "route",
    [TEMPLATE_SERVICE] = "service",
    [TEMPLATE_METHOD] = "method",
    [TEMPLATE_POOL] = "pool",
    [TEMPLATE_LISTENER] = "listener",
    [TEMPLATE_CLIENT] = "client",
    [TEMPLATE_REQUEST_ID] = "requestId",
};

static const char known[] =
    "known are %{peer} %{san} %{client} %{claim:NAME} %{requestId} %{route} %{service} "
    "%{method} %{header:NAME} %{pool} %{listener}; write %%{ for a plain %{";

/* --- reading ---------------------------------------------------------------------- */

static bool
header_name_ok(struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.'))
            return false;
    }
    return name.n > 0 && name.n <= 256;
}

/* Names of claims are any text: URLs are common. */
static bool
claim_name_ok(struct slice name)
{
    return name.n > 0 && name.n <= 256;
}

/* What stands between the braces. */
static bool
var_find(struct slice word, struct template_part *ret)
{
    for (size_t i = 0; i < TEMPLATE_VARS; i++) {
        if (var_words[i] && slice_eq_str(word, var_words[i])) {
            ret->var = (enum template_var)i;
            return true;
        }
    }
    if (slice_starts(word, "claim:")) {
        ret->var = TEMPLATE_CLAIM;
        ret->text = slice_make(word.p + 6, word.n - 6);
        return claim_name_ok(ret->text);
    }
    if (!slice_starts(word, "header:"))
        return false;
    ret->var = TEMPLATE_HEADER;
    ret->text = slice_make(word.p + 7, word.n - 7);
    return header_name_ok(ret->text);
}

/* The next part of *text, which moves on. False: a variable that is not known or has no end. */
static bool
part_read(const char **text, struct template_part *ret)
{
    const char *s = *text, *end;

    *ret = (struct template_part){ .var = TEMPLATE_TEXT };
    if (strncmp(s, "%%{", 3) == 0) {
        ret->text = slice_make(s + 1, 2);
        *text = s + 3;
        return true;
    }
    if (strncmp(s, "%{", 2) == 0) {
        end = strchr(s, '}');
        *text = end ? end + 1 : s + strlen(s);
        return end && var_find(slice_make(s + 2, (size_t)(end - s - 2)), ret);
    }
    for (end = s + 1; *end && strncmp(end, "%{", 2) != 0 && strncmp(end, "%%{", 3) != 0;
         end++)
        ;
    ret->text = slice_make(s, (size_t)(end - s));
    *text = end;
    return true;
}

int
template_check(const char *text, char why[TEMPLATE_WHY_MAX])
{
    struct template_part part;
    size_t n = 0;

    while (*text) {
        const char *from = text;

        if (!part_read(&text, &part)) {
            snprintf(why, TEMPLATE_WHY_MAX, "\"%.*s\" is no variable; %s",
                     (int)(text - from < 40 ? text - from : 40), from, known);
            return ERR_SYNTAX;
        }
        if (++n > TEMPLATE_PARTS_MAX) {
            snprintf(why, TEMPLATE_WHY_MAX, "it has more than %d parts; make it shorter",
                     TEMPLATE_PARTS_MAX);
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

struct template *
template_new(const char *text)
{
    struct template *t;
    const char *at = text;

    if (!text)
        return NULL;
    t = xcalloc(1, sizeof(*t) + TEMPLATE_PARTS_MAX * sizeof(t->parts[0]));
    while (*at && t->n < TEMPLATE_PARTS_MAX) {
        if (part_read(&at, &t->parts[t->n]))
            t->wants |= 1u << t->parts[t->n++].var;
    }
    t->wants &= ~(1u << TEMPLATE_TEXT);
    /* With a "%%{" in it, it is written like any other. */
    if (t->wants == 0 && t->n == 1 && t->parts[0].text.n == strlen(text))
        t->whole = t->parts[0].text;
    return xrealloc(t, sizeof(*t) + t->n * sizeof(t->parts[0]));
}

void
template_free(struct template *t)
{
    xfree(t);
}

unsigned
template_wants(const struct template *t)
{
    return t ? t->wants : 0;
}

struct slice
template_only_header(const struct template *t)
{
    if (t->n == 1 && t->parts[0].var == TEMPLATE_HEADER)
        return t->parts[0].text;
    return (struct slice){ 0 };
}

/* --- writing ---------------------------------------------------------------------- */

/* out NULL: only counts. */
struct writer {
    char *out;
    size_t n;
};

static void
write_plain(struct writer *w, struct slice s)
{
    if (w->out && s.n)
        memcpy(w->out + w->n, s.p, s.n);
    w->n += s.n;
}

static void
write_safe(struct writer *w, struct slice s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool plain = c >= 0x20 && c <= 0x7e;

        if (w->out && plain) {
            w->out[w->n] = (char)c;
        } else if (w->out) {
            w->out[w->n] = '%';
            w->out[w->n + 1] = hex[c >> 4];
            w->out[w->n + 2] = hex[c & 15];
        }
        w->n += plain ? 1 : 3;
    }
}

static void
write_header(struct writer *w, const struct h2_headers *h, struct slice name)
{
    bool found = false;

    for (unsigned i = 0; h && i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (!slice_eq(slice_make(f->name, f->namelen), name))
            continue;
        if (found)
            write_plain(w, slice_of(","));
        write_safe(w, slice_make(f->value, f->valuelen));
        found = true;
    }
}

static void
write_claim(struct writer *w, const struct claims *claims, struct slice name)
{
    const struct claim *c;
    bool found = false;

    for (size_t at = 0; (c = claims_find(claims, name, &at)) != NULL; found = true) {
        if (found)
            write_plain(w, slice_of(","));
        write_safe(w, c->value);
    }
}

static void
write_all(struct writer *w, const struct template *t, const struct template_values *v)
{
    w->n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct template_part *p = &t->parts[i];

        if (p->var == TEMPLATE_TEXT)
            write_plain(w, p->text);
        else if (p->var == TEMPLATE_HEADER)
            write_header(w, v->headers, p->text);
        else if (p->var == TEMPLATE_CLAIM)
            write_claim(w, v->claims, p->text);
        else
            write_safe(w, v->v[p->var]);
    }
}

static struct slice
trim(struct slice s)
{
    while (s.n && s.p[0] == ' ') {
        s.p++;
        s.n--;
    }
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

int
template_write(const struct template *t, const struct template_values *values,
               struct arena *arena, size_t max, struct slice *ret)
{
    struct writer w = { 0 };

    if (t->whole.p || t->n == 0) {
        *ret = trim(t->whole);
        return ret->n > max ? ERR_LIMIT : ERR_OK;
    }
    write_all(&w, t, values);
    if (w.n > max)
        return ERR_LIMIT;
    w.out = arena_alloc(arena, w.n ? w.n : 1);
    if (!w.out)
        return ERR_NOMEM;
    write_all(&w, t, values);
    *ret = trim(slice_make(w.out, w.n));
    return ERR_OK;
}
