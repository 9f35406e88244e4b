/* SPDX-License-Identifier: Apache-2.0 */
/* conf/problem.c - places are found by walking the text along the path: it costs
 * nothing while the file is good. */
#include "conf/problem.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/jsonc.h"
#include "conf/mask.h"

enum {
    MESSAGE_MAX = 1024,
    LINE_SHOWN_MAX = 150, /* bytes; a longer line is shown in part */
    EXCERPT_BEFORE =
        90, /* characters of a long line that are shown before and after the caret */
    EXCERPT_AFTER = 40,
    STEPS_MAX = JSONC_DEPTH_MAX + 8,
};

void
problems_init(struct problems *ps, const char *name, const char *text, size_t n)
{
    *ps = (struct problems){ .name = name, .text = text, .n = n };
}

void
problems_done(struct problems *ps)
{
    for (size_t i = 0; i < ps->n_kept; i++)
        xfree(ps->kept[i].text);
    ps->n_kept = 0;
}

/* True when one more problem of this kind would only be counted. */
static bool
problems_full_for(const struct problems *ps, bool warning)
{
    return ps->n_kept == PROBLEMS_KEPT && (warning || ps->n_kept_warnings == 0);
}

bool
problems_full(const struct problems *ps)
{
    return problems_full_for(ps, false);
}

/* A free place; a warning gives its place to an error. The caller has made sure that there
 * is one. */
static struct problem *
problems_slot(struct problems *ps)
{
    size_t i = ps->n_kept;

    if (ps->n_kept < PROBLEMS_KEPT)
        return &ps->kept[ps->n_kept++];
    while (!ps->kept[--i].warning)
        ;
    xfree(ps->kept[i].text);
    ps->n_kept_warnings--;
    memmove(&ps->kept[i], &ps->kept[i + 1], (ps->n_kept - 1 - i) * sizeof ps->kept[0]);
    return &ps->kept[ps->n_kept - 1];
}

/* From a place in the JSON to the one in the user's text. */
static void
problems_map(const struct problems *ps, size_t *at, size_t *end)
{
    size_t low = 0, high = ps->n_marks;

    if (!ps->marks || *end == 0)
        return;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ps->marks[middle].json_at <= *at)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low > 0 ? ps->marks[low - 1].at : 0;
    *end = low > 0 ? ps->marks[low - 1].end : 1;
}

size_t
problems_line(const struct problems *ps, size_t at)
{
    size_t end = at + 1, line, column;

    problems_map(ps, &at, &end);
    scan_line_column(ps->text, ps->n, at, &line, &column);
    return line;
}

static void PRINTF_LIKE(6, 0)
    problems_vadd(struct problems *ps, bool warning, size_t at, size_t end,
                  const char *code, const char *fmt, va_list ap)
{
    struct strbuf text;

    if (warning)
        ps->warnings++;
    else
        ps->errors++;
    if (problems_full_for(ps, warning))
        return;
    strbuf_init(&text, MESSAGE_MAX);
    strbuf_vprintf(&text, fmt, ap);
    if (text.cut)
        memcpy(text.s + text.len - 3, "...", 3);
    problems_map(ps, &at, &end);
    ps->n_kept_warnings += warning;
    *problems_slot(ps) = (struct problem){ .code = code,
                                           .text = strbuf_steal(&text),
                                           .warning = warning,
                                           .at = at,
                                           .end = end };
}

void
problems_add_at(struct problems *ps, size_t at, size_t end, const char *code,
                const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    problems_vadd(ps, false, at, end, code, fmt, ap);
    va_end(ap);
}

void
problems_add(struct problems *ps, const char *code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    problems_vadd(ps, false, 0, 0, code, fmt, ap);
    va_end(ap);
}

/* The steps from the root to `place`; returns how many. */
static size_t
place_steps(const struct conf_place *place, struct scan_step steps[STEPS_MAX])
{
    size_t n = 0, i;

    for (const struct conf_place *p = place; p->up; p = p->up)
        n++;
    if (n > STEPS_MAX)
        n = STEPS_MAX;
    i = n;
    for (const struct conf_place *p = place; p->up && i > 0; p = p->up)
        steps[--i] = p->step;
    return n;
}

/* Adds the parts of "routes[0].to" to the steps. Keys are cut out into `room`. */
static size_t
path_steps(const char *path, char *room, size_t room_size, struct scan_step *steps,
           size_t n)
{
    snprintf(room, room_size, "%s", path);
    for (char *part = room; *part && n < STEPS_MAX;) {
        size_t len = strcspn(part, ".["), rest = len + strcspn(part + len, ".");
        char *next = part + rest + (part[rest] == '.');

        if (part[len] == '[' && n + 1 < STEPS_MAX)
            steps[n + (len > 0)] =
                (struct scan_step){ .index = strtoul(part + len + 1, NULL, 10) };
        if (len > 0)
            steps[n] = (struct scan_step){ .key = part };
        n += (size_t)(len > 0) + (part[len] == '[' && n + 1 < STEPS_MAX);
        part[len] = '\0';
        part = next;
    }
    return n;
}

static void PRINTF_LIKE(6, 0)
    problems_vadd_steps(struct problems *ps, bool warning, const struct scan_step *steps,
                        size_t n_steps, const char *code, const char *fmt,
                        enum problem_spot spot, va_list ap)
{
    struct scan_place at = { 0 };

    if (ps->json && !problems_full_for(ps, warning))
        at = scan_find(ps->json, ps->json_n, steps, n_steps);
    if (spot == SPOT_KEY && at.found && at.key_end)
        problems_vadd(ps, warning, at.key_at, at.key_end, code, fmt, ap);
    else
        problems_vadd(ps, warning, at.at, at.end, code, fmt, ap);
}

void
problems_add_key(struct conf_place *place, const char *key, enum problem_spot spot,
                 const char *code, const char *fmt, ...)
{
    struct scan_step steps[STEPS_MAX + 1];
    size_t n = place_steps(place, steps);
    va_list ap;

    if (key)
        steps[n++] = (struct scan_step){ .key = key };
    va_start(ap, fmt);
    problems_vadd_steps(place->out, false, steps, n, code, fmt, spot, ap);
    va_end(ap);
}

/* key may be NULL; index -1: none; sub may be NULL. */
static void PRINTF_LIKE(7, 0)
    place_report(struct conf_place *place, bool warning, const char *key, long index,
                 const char *sub, const char *code, const char *fmt, va_list ap)
{
    struct scan_step steps[STEPS_MAX + 2];
    char key_room[256], sub_room[256];
    size_t n = place_steps(place, steps);

    if (key)
        n = path_steps(key, key_room, sizeof key_room, steps, n);
    if (index >= 0)
        steps[n++] = (struct scan_step){ .index = (size_t)index };
    if (sub)
        n = path_steps(sub, sub_room, sizeof sub_room, steps, n);
    problems_vadd_steps(place->out, warning, steps, n, code, fmt, SPOT_VALUE, ap);
}

void
conf_problem(struct conf_place *place, const char *key, const char *code, const char *fmt,
             ...)
{
    va_list ap;

    va_start(ap, fmt);
    place_report(place, false, key, -1, NULL, code, fmt, ap);
    va_end(ap);
}

void
conf_problem_item(struct conf_place *place, const char *key, unsigned long i,
                  const char *sub, const char *code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    place_report(place, false, key, (long)i, sub, code, fmt, ap);
    va_end(ap);
}

void
conf_warning(struct conf_place *place, const char *key, const char *code, const char *fmt,
             ...)
{
    va_list ap;

    va_start(ap, fmt);
    place_report(place, true, key, -1, NULL, code, fmt, ap);
    va_end(ap);
}

void
conf_warning_item(struct conf_place *place, const char *key, unsigned long i,
                  const char *sub, const char *code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    place_report(place, true, key, (long)i, sub, code, fmt, ap);
    va_end(ap);
}

bool
conf_place_full(const struct conf_place *place)
{
    return problems_full(place->out);
}

bool
conf_place_clean(const struct conf_place *place)
{
    return !place->dirty;
}

bool
place_has_key(const struct conf_place *place, const char *key)
{
    return place->object && json_object_get(place->object, key);
}

void
place_path(const struct conf_place *place, const char *key, struct strbuf *out)
{
    struct scan_step steps[STEPS_MAX + 1];
    size_t n = place_steps(place, steps);

    if (key)
        steps[n++] = (struct scan_step){ .key = key };
    for (size_t i = 0; i < n; i++) {
        if (steps[i].key)
            strbuf_printf(out, "%s%s", i ? "." : "", steps[i].key);
        else
            strbuf_printf(out, "[%zu]", steps[i].index);
    }
}

void
problems_put_safe(struct strbuf *out, const char *s, size_t n, bool keep_tabs)
{
    for (size_t i = 0; i < n;) {
        size_t len = scan_char_len(s + i, n - i);
        unsigned char c = (unsigned char)s[i];
        bool c1 = len == 2 && c == 0xc2 && (unsigned char)s[i + 1] < 0xa0;

        if ((c == '\t' && keep_tabs) || (len == 1 ? c >= 0x20 && c < 0x7f : !c1))
            strbuf_add(out, s + i, len);
        else
            strbuf_puts(out, c == '\t' ? " " : "?");
        i += len;
    }
}

/* text[from..stop) with a star for each character of a secret. */
static void
put_part(const struct problems *ps, const bool *hide, size_t from, size_t stop,
         struct strbuf *out)
{
    for (size_t i = from; i < stop;) {
        size_t n = i;

        if (hide[i]) {
            strbuf_puts(out, "*");
            i += scan_char_len(ps->text + i, stop - i);
            continue;
        }
        while (n < stop && !hide[n])
            n++;
        problems_put_safe(out, ps->text + i, n - i, true);
        i = n;
    }
}

/* The line around `at` and the caret line; a long line is shown in part. */
static void
put_excerpt(const struct problems *ps, const struct problem *p, size_t line,
            const bool *hide, struct strbuf *out)
{
    size_t start = p->at, stop = p->at, from, chars = 0;
    bool more;

    while (start > 0 && ps->text[start - 1] != '\n')
        start--;
    while (stop < ps->n && ps->text[stop] != '\n')
        stop++;
    if (stop > start && ps->text[stop - 1] == '\r')
        stop--;
    if (start == 0 && ps->n >= 3 && memcmp(ps->text, "\xef\xbb\xbf", 3) == 0)
        start = 3;
    more = stop - start > LINE_SHOWN_MAX;
    from = more ? p->at : start;
    for (; from > start && chars < EXCERPT_BEFORE; chars++) {
        for (from--; from > start && ((unsigned char)ps->text[from] & 0xc0) == 0x80;)
            from--;
    }
    more = more && stop > p->at && stop - p->at > 2 * EXCERPT_AFTER;
    if (more) {
        stop = p->at;
        for (chars = 0; chars < EXCERPT_AFTER; chars++)
            stop += scan_char_len(ps->text + stop, ps->n - stop);
    }
    strbuf_printf(out, "%5zu | %s", line, from > start ? "..." : "");
    put_part(ps, hide, from, stop, out);
    strbuf_printf(out, "%s\n      | %s", more ? "..." : "", from > start ? "   " : "");
    for (size_t i = from; i < p->at; i += scan_char_len(ps->text + i, ps->n - i))
        strbuf_puts(out, ps->text[i] == '\t' ? "\t" : " ");
    strbuf_puts(out, "^");
    for (size_t i = p->at; i < stop;) {
        i += scan_char_len(ps->text + i, ps->n - i);
        if (i < p->end && i < stop)
            strbuf_puts(out, "~");
    }
    strbuf_puts(out, "\n");
}

bool
problems_is_excerpt(const char *line)
{
    size_t n = strspn(line, " 0123456789");

    return n >= 6 && line[n - 1] == ' ' && line[n] == '|';
}

static void
problem_print(const struct problems *ps, const struct problem *p, const bool *hide,
              struct strbuf *out)
{
    size_t line, column;

    problems_put_safe(out, ps->name, strlen(ps->name), false);
    if (p->end > 0) {
        scan_line_column(ps->text, ps->n, p->at, &line, &column);
        strbuf_printf(out, ":%zu:%zu", line, column);
    }
    strbuf_puts(out, p->warning ? ": warning: " : ": error: ");
    problems_put_safe(out, p->text, strlen(p->text), false);
    strbuf_printf(out, " [%s]\n", p->code);
    if (p->end > 0)
        put_excerpt(ps, p, line, hide, out);
}

static void
put_count(struct strbuf *out, unsigned n, const char *word)
{
    strbuf_printf(out, "%u %s%s", n, word, n == 1 ? "" : "s");
}

void
problems_sort(struct problems *ps)
{
    for (size_t i = 1; i < ps->n_kept; i++) {
        struct problem p = ps->kept[i];
        size_t j = i;

        for (; j > 0 && ps->kept[j - 1].at > p.at; j--)
            ps->kept[j] = ps->kept[j - 1];
        ps->kept[j] = p;
    }
}

void
problems_print(struct problems *ps, struct strbuf *out)
{
    unsigned total = ps->errors + ps->warnings, shown = 0;
    bool hide_warnings = ps->errors > 0 && total > PROBLEMS_PRINTED, *hide;

    if (total == 0)
        return;
    problems_sort(ps);
    hide = xcalloc(ps->n + 1,
                   sizeof(*hide)); /* of the whole text, as the line does not tell */
    conf_mask_text(ps->text, ps->n, hide);
    for (size_t i = 0; i < ps->n_kept && shown < PROBLEMS_PRINTED; i++) {
        if (ps->kept[i].warning && hide_warnings)
            continue;
        problem_print(ps, &ps->kept[i], hide, out);
        shown++;
    }
    xfree(hide);
    if (ps->errors > 0)
        put_count(out, ps->errors, "error");
    if (ps->warnings > 0) {
        strbuf_puts(out, ps->errors > 0 ? ", " : "");
        put_count(out, ps->warnings, "warning");
    }
    strbuf_puts(out, " in ");
    problems_put_safe(out, ps->name, strlen(ps->name), false);
    if (shown < total)
        strbuf_printf(out, " (the first %u are shown)", shown);
    if (ps->n_kept > 0)
        strbuf_printf(out, "; more: outrigger --explain %s", ps->kept[0].code);
    strbuf_puts(out, "\n");
}
