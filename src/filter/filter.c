/* SPDX-License-Identifier: Apache-2.0 */
/* filter/filter.c - what filters may do with a call. */
#include "filter/filter.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "h2/edit.h"

enum { TEXT_MAX = 512 };

enum filter_verdict
filter_refuse(struct filter_call *fc, const struct filter_refusal *why, const char *fmt,
              ...)
{
    UNINITIALIZED char text[TEXT_MAX];
    const char *kept;
    va_list ap;
    int n;

    if (fc->refused) /* the first one counts */
        return FILTER_DONE;
    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    if (n >= TEXT_MAX)
        n = TEXT_MAX - 1;
    kept = arena_copy(fc->arena, text, (size_t)n + 1);
    fc->refusal = *why;
    fc->text = kept ? kept : ""; /* the code alone still tells what matters */
    if (why->details.n) {
        const void *details = arena_copy(fc->arena, why->details.p, why->details.n);

        fc->refusal.details = slice_make(details, details ? why->details.n : 0);
    }
    fc->refused = true;
    return FILTER_DONE;
}

struct slice
filter_header(const struct filter_call *fc, struct slice name)
{
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(fc->request, name, &at);

    return e ? slice_make(e->f.value, e->f.valuelen) : (struct slice){ 0 };
}

/* --- edits -------------------------------------------------------------------------- */

static bool
filter_keep(struct filter_call *fc, struct slice *s)
{
    s->p = arena_copy(fc->arena, s->n ? s->p : (const void *)"", s->n ? s->n : 1);
    return s->p != NULL;
}

bool
filter_set(struct filter_call *fc, struct h2_headers *h, struct slice name,
           struct slice value, bool secret)
{
    return filter_keep(fc, &name) && filter_keep(fc, &value) &&
           h2_headers_set(h, fc->slab, name, value, secret ? H2_FIELD_NO_INDEX : 0) ==
               ERR_OK;
}

bool
filter_add(struct filter_call *fc, struct h2_headers *h, struct slice name,
           struct slice value, bool secret)
{
    return filter_keep(fc, &name) && filter_keep(fc, &value) &&
           h2_headers_add(h, fc->slab, name, value, secret ? H2_FIELD_NO_INDEX : 0) ==
               ERR_OK;
}

unsigned
filter_remove(struct h2_headers *h, struct slice name)
{
    return h2_headers_remove(h, name);
}

bool
filter_answer_header(struct filter_call *fc, struct slice name, struct slice value)
{
    struct filter_field *f;

    if (!h2_name_legal(name) || !h2_value_legal(value) || !filter_keep(fc, &name) ||
        !filter_keep(fc, &value))
        return false;
    f = arena_alloc(fc->arena, sizeof(*f));
    if (!f)
        return false;
    *f = (struct filter_field){
        .next = fc->answer, .name = name, .value = value, .step = (uint8_t)filter_step(fc)
    };
    fc->answer = f;
    return true;
}

bool
filter_answer_taken(const struct filter_call *fc, struct slice name)
{
    for (const struct filter_field *f = fc->answer; f; f = f->next) {
        if (f->step != filter_step(fc) && slice_eq(f->name, name))
            return true;
    }
    return false;
}

void
filter_answer_take_back(struct filter_call *fc)
{
    struct filter_field **at = &fc->answer;

    while (*at) {
        if ((*at)->step == filter_step(fc))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

void
filter_ask_match(struct filter_call *fc)
{
    fc->wants_match = true;
}
