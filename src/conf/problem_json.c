/* SPDX-License-Identifier: Apache-2.0 */
/* conf/problem_json.c - the problems of a file for editors and CI jobs. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/problem.h"

enum { MEANT_MAX = 256, TEXT_MAX = 8192 };

/* What is meant instead stands at the end of the sentence, so that people and programs are
 * told the same. False: the text names nothing. */
static bool
suggestion_of(const char *text, char out[MEANT_MAX])
{
    static const char *const words[] = { "; did you mean ", "; in outrigger this is " };
    const char *at = NULL;
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (const char *next = text; (next = strstr(next, words[i])) != NULL;) {
            next += strlen(words[i]);
            at = !at || next > at ? next : at;
        }
    }
    n = at ? strlen(at) : 0;
    n -= n > 0 && at[n - 1] == '?';
    if (n > 2 && at[0] == '"' && at[n - 1] == '"') {
        at++;
        n -= 2;
    }
    if (n == 0 || n >= MEANT_MAX)
        return false;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

/* A JSON string without what only harms: control characters, broken UTF-8. */
static void
put_text(struct strbuf *out, const char *text)
{
    struct strbuf safe;

    strbuf_init(&safe, TEXT_MAX);
    problems_put_safe(&safe, text, strlen(text), false);
    conf_put_string(out, safe.s ? safe.s : "");
    strbuf_done(&safe);
}

static void
put_problem(const struct problems *ps, const struct problem *p, struct strbuf *out)
{
    size_t line, column, end_line, end_column;
    char meant[MEANT_MAX];

    strbuf_puts(out, "    { \"file\": ");
    put_text(out, ps->name);
    if (p->end > 0) {
        scan_line_column(ps->text, ps->n, p->at, &line, &column);
        scan_line_column(ps->text, ps->n, p->end, &end_line, &end_column);
        strbuf_printf(out, ", \"line\": %zu, \"column\": %zu", line, column);
        strbuf_printf(out, ", \"endLine\": %zu, \"endColumn\": %zu", end_line,
                      end_column);
    }
    strbuf_printf(out, ", \"severity\": \"%s\", \"code\": \"%s\", \"message\": ",
                  p->warning ? "warning" : "error", p->code);
    put_text(out, p->text);
    if (suggestion_of(p->text, meant)) {
        strbuf_puts(out, ", \"suggestion\": ");
        put_text(out, meant);
    }
    strbuf_puts(out, " }");
}

void
problems_print_json(struct problems *ps, bool good, struct strbuf *out)
{
    problems_sort(ps);
    strbuf_puts(out, "{\n  \"file\": ");
    put_text(out, ps->name);
    strbuf_printf(out, ",\n  \"good\": %s,\n  \"errors\": %u,\n  \"warnings\": %u,\n",
                  good ? "true" : "false", ps->errors, ps->warnings);
    strbuf_puts(out, "  \"problems\": [");
    for (size_t i = 0; i < ps->n_kept; i++) {
        strbuf_puts(out, i ? ",\n" : "\n");
        put_problem(ps, &ps->kept[i], out);
    }
    strbuf_puts(out, ps->n_kept ? "\n  ]\n}\n" : "]\n}\n");
}
