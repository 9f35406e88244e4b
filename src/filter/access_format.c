/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_format.c - a format as a list of parts. */
#include "filter/access_format.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/near.h"
#include "h2/edit.h"
#include "obs/line.h"

enum { NAMES_MAX = 64, WORD_MAX = 64 };

static const struct access_field *
field_find(struct slice name)
{
    const struct access_field *f;

    for (size_t i = 0; (f = access_field_at(i)); i++) {
        if (slice_eq_str(name, f->name))
            return f;
    }
    return NULL;
}

bool
access_header_valid(struct slice name)
{
    return name.n > 0 && name.n <= 256 && h2_name_legal(name);
}

/* Its place; -1: there are too many. */
static int
header_place(struct access_format *f, struct slice name)
{
    for (size_t i = 0; i < f->header_count; i++) {
        if (slice_eq(f->headers[i], name))
            return (int)i;
    }
    if (f->header_count == ACCESS_HEADERS_MAX)
        return -1;
    f->headers[f->header_count] = name;
    return (int)f->header_count++;
}

/* What stands between the braces. */
static int
part_variable(struct access_format *f, struct slice word, struct access_part *ret,
              const char **ret_why)
{
    if (!slice_starts(word, "header:")) {
        ret->field = field_find(word);
        *ret_why = "has a variable that is not known";
        if (!ret->field)
            f->unknown = word;
        return ret->field ? ERR_OK : ERR_SYNTAX;
    }
    word = slice_make(word.p + 7, word.n - 7);
    *ret_why = "has a %{header:NAME} whose NAME is no header; write it in lower case";
    if (!access_header_valid(word))
        return ERR_SYNTAX;
    ret->header = header_place(f, word);
    *ret_why = "has more than 16 different headers";
    return ret->header >= 0 ? ERR_OK : ERR_SYNTAX;
}

/* The next part of *text, which moves on. */
static int
part_read(struct access_format *f, const char **text, struct access_part *ret,
          const char **ret_why)
{
    const char *s = *text, *end;

    *ret = (struct access_part){ .header = -1 };
    if (strncmp(s, "%%{", 3) == 0) {
        ret->text = slice_make(s + 1, 2);
        *text = s + 3;
        return ERR_OK;
    }
    if (strncmp(s, "%{", 2) == 0) {
        end = strchr(s, '}');
        *ret_why = "has a \"%{\" without its \"}\"; write %%{ for a plain %{";
        if (!end)
            return ERR_SYNTAX;
        *text = end + 1;
        return part_variable(f, slice_make(s + 2, (size_t)(end - s) - 2), ret, ret_why);
    }
    end = s + 1;
    while (*end && strncmp(end, "%{", 2) != 0 && strncmp(end, "%%{", 3) != 0)
        end++;
    ret->text = slice_make(s, (size_t)(end - s));
    *text = end;
    return ERR_OK;
}

int
access_format_parse(const char *text, struct access_format *ret, const char **ret_why)
{
    ret->n = ret->header_count = 0;
    ret->unknown = slice_make(NULL, 0);
    for (const char *s = text; *s; s++) {
        *ret_why = "has a line end or another control character";
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return ERR_SYNTAX;
    }
    *ret_why = "is empty; leave it out for JSON lines";
    if (!*text)
        return ERR_SYNTAX;
    while (*text) {
        int rv;

        *ret_why = "has more than 128 parts";
        if (ret->n == ACCESS_PARTS_MAX)
            return ERR_SYNTAX;
        rv = part_read(ret, &text, &ret->parts[ret->n], ret_why);
        if (rv != ERR_OK)
            return rv;
        ret->n++;
    }
    return ERR_OK;
}

void
access_format_suggest(const struct access_format *f, struct strbuf *out)
{
    const char *names[NAMES_MAX], *near;
    const struct access_field *field;
    char word[WORD_MAX];
    size_t n = 0;

    while (n < ARRAY_LEN(names) && (field = access_field_at(n)))
        names[n++] = field->name;
    snprintf(word, sizeof(word), "%.*s",
             (int)(f->unknown.n < WORD_MAX ? f->unknown.n : WORD_MAX - 1),
             (const char *)f->unknown.p);
    near = near_find(word, names, n);
    if (near) {
        strbuf_printf(out, "; did you mean \"%%{%s}\"?", near);
        return;
    }
    strbuf_puts(out, "; known are %{header:NAME}");
    for (size_t i = 0; i < n; i++)
        strbuf_printf(out, " %%{%s}", names[i]);
}

void
access_format_write(const struct access_format *f, const struct access_record *r,
                    struct line *l)
{
    line_begin(l);
    for (size_t i = 0; i < f->n; i++) {
        const struct access_part *p = &f->parts[i];

        if (p->field) {
            if (!access_field_write(p->field, r, true, l))
                line_puts(l, "-");
        } else if (p->header >= 0) {
            struct slice v = r->headers[p->header].value;

            if (v.n > 0)
                line_value(l, v, LINE_TEXT);
            else
                line_puts(l, "-");
        } else {
            line_add(l, (const char *)p->text.p, p->text.n);
        }
    }
    line_end(l, l->cut ? " (cut)\n" : "\n");
}
