/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_lines.c */
#include "resolve/k8s_lines.h"

#include <string.h>

#include "base/err.h"

void
k8s_lines_init(struct k8s_lines *l, size_t max)
{
    *l = (struct k8s_lines){ .max = max };
    strbuf_init(&l->text, 2 * max);
}

void
k8s_lines_done(struct k8s_lines *l)
{
    strbuf_done(&l->text);
    l->begin = l->seen = 0;
}

int
k8s_lines_feed(struct k8s_lines *l, const void *p, size_t n)
{
    size_t left = l->text.len - l->begin;

    if (left == 0) {
        strbuf_done(&l->text); /* between objects nothing is held */
        l->seen = 0;
    } else if (l->begin > 0) {
        memmove(l->text.s, l->text.s + l->begin, left + 1);
        l->text.len = left;
        l->seen -= l->begin;
    }
    l->begin = 0;
    strbuf_add(&l->text, p, n);
    return l->text.cut ? ERR_LIMIT : ERR_OK;
}

int
k8s_lines_next(struct k8s_lines *l, struct slice *ret)
{
    for (;;) {
        const char *from = l->text.s + l->seen, *end;

        end = l->text.len > l->seen ? memchr(from, '\n', l->text.len - l->seen) : NULL;
        if (!end) {
            l->seen = l->text.len;
            return l->seen - l->begin > l->max ? ERR_LIMIT : ERR_AGAIN;
        }
        *ret = slice_make(l->text.s + l->begin, (size_t)(end - l->text.s) - l->begin);
        l->begin = l->seen = (size_t)(end - l->text.s) + 1;
        if (ret->n > l->max)
            return ERR_LIMIT;
        if (ret->n > 0)
            return ERR_OK;
    }
}
