/* SPDX-License-Identifier: Apache-2.0 */
/* filter/pattern.c */
#include "filter/pattern.h"

#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "grpc/path.h"

enum { TEXT_MAX = 1024 };

#define PATH_CHARS                                                   \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" \
    "_.-/"

struct pattern
pattern_read(const char *text)
{
    size_t n = strlen(text);
    struct slice s = slice_of(text);

    if (n == 1 && text[0] == '*')
        return (struct pattern){ PATTERN_ANY, { 0 } };
    if (n && text[n - 1] == '*')
        return (struct pattern){ PATTERN_PREFIX, { s.p, n - 1 } };
    if (n && text[0] == '*')
        return (struct pattern){ PATTERN_SUFFIX, { s.p + 1, n - 1 } };
    return (struct pattern){ PATTERN_EXACT, s };
}

bool
pattern_fits(const struct pattern *p, struct slice value)
{
    size_t n = p->text.n;

    switch (p->kind) {
    case PATTERN_EXACT:
        return slice_eq(value, p->text);
    case PATTERN_PREFIX:
        return value.n >= n && memcmp(value.p, p->text.p, n) == 0;
    case PATTERN_SUFFIX:
        return value.n >= n && memcmp(value.p + value.n - n, p->text.p, n) == 0;
    case PATTERN_ANY:
        return value.n > 0;
    }
    return false;
}

/* --- checks ------------------------------------------------------------------------- */

int
pattern_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);
    const char *star = strchr(text, '*');

    if (n == 0 || n > TEXT_MAX)
        *ret_why = "it must have 1 to 1024 characters";
    else if (star && star != text && star != text + n - 1)
        *ret_why = "a * stands at the start (\"*abc\": what ends with abc) or at the end "
                   "(\"abc*\": what begins with abc)";
    else if (n > 1 && star == text && strchr(text + 1, '*'))
        *ret_why = "only one * may stand in it, at the start or at the end";
    else
        return ERR_OK;
    return ERR_SYNTAX;
}

int
pattern_method_valid(const char *text, const char **ret_why)
{
    struct slice service, method;
    struct pattern p;
    char path[TEXT_MAX + 2];
    size_t n;

    if (pattern_valid(text, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    p = pattern_read(text);
    path[0] = '/';
    n = text[0] != '/' && p.kind != PATTERN_SUFFIX;
    if (p.text.n)
        memcpy(path + n, p.text.p, p.text.n);
    n += p.text.n;
    path[n] = '\0';
    if (strspn(path, PATH_CHARS) != n)
        *ret_why = "the path of a call has only letters, digits and _ . - in "
                   "\"/package.Service/Method\"";
    else if (p.kind == PATTERN_EXACT &&
             path_split(slice_make(path, n), &service, &method) != ERR_OK)
        *ret_why = "a method is \"package.Service/Method\"; all of a service are "
                   "\"package.Service/*\"";
    else
        return ERR_OK;
    return ERR_SYNTAX;
}

/* --- rows --------------------------------------------------------------------------- */

static const struct conf_field method_fields[] = {
    { .key = "method",
      .type = CONF_STRING,
      .at = offsetof(struct pattern_conf, text),
      .required = true,
      .valid = pattern_method_valid,
      .code = "E0371",
      .example = "\"grpc.health.v1.Health/*\"",
      .help =
          "\"package.Service/Method\", with a * at the end or at the start for more." },
    { .key = NULL },
};

const struct conf_struct pattern_method_struct = {
    .name = "method",
    .size = sizeof(struct pattern_conf),
    .fields = method_fields,
    .short_key = "method",
};

static const struct conf_field value_fields[] = {
    { .key = "value",
      .type = CONF_STRING,
      .at = offsetof(struct pattern_conf, text),
      .required = true,
      .valid = pattern_valid,
      .code = "E0371",
      .example = "\"mobile-*\"",
      .help = "The whole value, or with a * at the end its start, with a * at the start "
              "its end." },
    { .key = NULL },
};

const struct conf_struct pattern_value_struct = {
    .name = "value",
    .size = sizeof(struct pattern_conf),
    .fields = value_fields,
    .short_key = "value",
};

/* --- sets --------------------------------------------------------------------------- */

void
pattern_set_init(struct pattern_set *s, const struct conf_list *list, bool methods)
{
    const struct pattern_conf *c = list->items;

    s->n = list->n;
    s->v = s->n ? xcalloc(s->n, sizeof(s->v[0])) : NULL;
    s->methods = methods;
    for (size_t i = 0; i < s->n; i++)
        s->v[i] = pattern_read(c[i].text);
}

void
pattern_set_done(struct pattern_set *s)
{
    xfree(s->v);
    s->v = NULL;
    s->n = 0;
}

/* "a.B/C" is for the path "/a.B/C". An end may begin anywhere. */
static bool
method_fits(const struct pattern *p, struct slice path)
{
    if (path.n && p->kind != PATTERN_SUFFIX && p->text.n && p->text.p[0] != '/')
        path = slice_make(path.p + 1, path.n - 1);
    return pattern_fits(p, path);
}

bool
pattern_set_fits(const struct pattern_set *s, struct slice value)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->methods ? method_fits(&s->v[i], value) : pattern_fits(&s->v[i], value))
            return true;
    }
    return false;
}
