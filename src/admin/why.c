/* SPDX-License-Identifier: Apache-2.0 */
/* admin/why.c - from records of failed calls to what people read. */
#include "admin/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "admin/actions.h"
#include "admin/query.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/status.h"
#include "obs/failed_log.h"

enum {
    GOOD = 200,
    BAD_QUERY = 400,
    SENTENCE_MAX = 4096,
    DEFAULT_SHOWN = 20,
    PAGE_MAX = 8 << 20
};

/* --- which ---------------------------------------------------------------------------- */

struct wanted {
    const char *method, *reason, *pool, *endpoint, *listener; /* NULL: any */
    int code;                                                 /* -1: any */
    size_t n;
};

static bool
wanted_set(struct wanted *w, const char *key, const char *value, const char **ret_why)
{
    const struct {
        const char *key, **to;
    } words[] = { { "method", &w->method },
                  { "reason", &w->reason },
                  { "pool", &w->pool },
                  { "endpoint", &w->endpoint },
                  { "listener", &w->listener } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(key, words[i].key) == 0) {
            *words[i].to = value;
            return true;
        }
    }
    if (strcmp(key, "code") == 0) {
        *ret_why = "code is a gRPC code: Unavailable, UNAVAILABLE or 14";
        w->code = query_code(value);
        return w->code >= 0;
    }
    if (strcmp(key, "n") == 0) {
        char *end;
        long n = strtol(value, &end, 10);

        *ret_why = "n is a number from 1 to 1000";
        w->n = (size_t)n;
        return *end == '\0' && n >= 1 && n <= WHY_SHOWN_MAX;
    }
    *ret_why = "known are method, code, reason, pool, endpoint, listener and n";
    return false;
}

static bool
wanted_read(struct wanted *w, struct query *q, const char *text, const char **ret_why)
{
    const char *key, *value;
    enum query_step step;

    *w = (struct wanted){ .code = -1, .n = DEFAULT_SHOWN };
    if (!query_begin(q, text, ret_why))
        return false;
    while ((step = query_next(q, &key, &value, ret_why)) == QUERY_WORD) {
        if (!wanted_set(w, key, value, ret_why))
            return false;
    }
    return step == QUERY_END;
}

static bool
is(const char *wanted, const char *value)
{
    return !wanted || strcmp(wanted, value) == 0;
}

static bool
wanted_fits(const struct wanted *w, const struct failed_call *c)
{
    return (!w->method || strstr(c->method, w->method)) && is(w->pool, c->pool) &&
           is(w->endpoint, c->endpoint) && is(w->listener, c->listener) &&
           (w->code < 0 || w->code == c->code) &&
           (!w->reason || strcasecmp(w->reason, c->reason) == 0);
}

/* --- prints --------------------------------------------------------------------------- */

struct print {
    struct wanted wanted;
    struct strbuf *out;
    int64_t now_us;
    size_t entries;       /* that were shown */
    uint64_t kept, shown; /* calls */
    bool full;            /* JSON: also what /stats.json leaves out */
};

static void
put_ms(struct strbuf *out, int64_t us)
{
    strbuf_printf(out, "%" PRId64 ".%" PRId64 " ms", us / 1000, us % 1000 / 100);
}

static void
put_time(struct strbuf *out, int64_t wall_us, bool date)
{
    time_t s = (time_t)(wall_us / 1000000);
    struct tm tm;

    gmtime_r(&s, &tm);
    if (date)
        strbuf_printf(out, "%04d-%02d-%02dT", tm.tm_year + 1900, tm.tm_mon + 1,
                      tm.tm_mday);
    strbuf_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                  (int)(wall_us / 1000 % 1000));
}

/* 1,200 */
static void
put_count(struct strbuf *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            strbuf_puts(out, ",");
        strbuf_add(out, &digits[i], 1);
    }
}

/* Nobody who calls us may move somebody's cursor. */
static void
put_plain(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c < 0x7f)
            strbuf_add(out, text, 1);
        else
            strbuf_printf(out, "\\x%02x", c);
    }
}

static void
put_part(struct strbuf *out, const char *name, const char *value)
{
    if (!value[0])
        return;
    strbuf_printf(out, "%s ", name);
    put_plain(out, value);
    strbuf_puts(out, ", ");
}

static void
put_sentence(const struct print *p, const struct failed_call *c, bool json)
{
    struct strbuf text;

    strbuf_init(&text, SENTENCE_MAX);
    strbuf_puts(&text, "");
    why_sentence(c, &text);
    if (json)
        json_text_add(p->out, text.s);
    else
        put_plain(p->out, text.s);
    strbuf_done(&text);
}

static int64_t
age_us(const struct print *p, int64_t wall_us)
{
    return p->now_us > wall_us ? p->now_us - wall_us : 0;
}

/* 12:00:01.123  3.2 s ago  x 1,200 in 42.1 s  Unavailable STREAM_LIMIT  /a.B/C */
static void
put_line(const struct print *p, const struct failed_entry *e)
{
    const struct failed_call *c = &e->call;
    int64_t age = age_us(p, c->wall_us), span = c->wall_us - e->first_us;

    put_time(p->out, c->wall_us, false);
    strbuf_printf(p->out, "  %" PRId64 ".%" PRId64 " s ago  ", age / 1000000,
                  age / 100000 % 10);
    if (e->count > 1) {
        strbuf_puts(p->out, "x ");
        put_count(p->out, e->count);
        strbuf_printf(p->out, " in %" PRId64 ".%" PRId64 " s  ", span / 1000000,
                      span / 100000 % 10);
    }
    strbuf_printf(p->out, "%s%s%s  ", grpc_code_label(c->code), c->reason[0] ? " " : "",
                  c->reason);
    put_plain(p->out, c->method);
    strbuf_puts(p->out, "\n");
}

static bool
print_text(void *arg, const struct failed_entry *e)
{
    struct print *p = arg;
    const struct failed_call *c = &e->call;
    const char *advice = why_advice(c->reason);

    p->kept += e->count;
    if (p->entries == p->wanted.n || !wanted_fits(&p->wanted, c))
        return true;
    p->entries++;
    p->shown += e->count;
    strbuf_puts(p->out, "\n");
    put_line(p, e);
    strbuf_puts(p->out, "    ");
    put_sentence(p, c, false);
    strbuf_puts(p->out, "\n    ");
    if (advice)
        strbuf_printf(p->out, "what to do: %s\n    ", advice);
    put_part(p->out, "pool", c->pool);
    put_part(p->out, "endpoint", c->endpoint);
    put_part(p->out, "listener", c->listener);
    put_part(p->out, "route", c->route);
    put_part(p->out, "client", c->client);
    put_part(p->out, "trace", c->trace_id);
    put_ms(p->out, c->total_us);
    strbuf_puts(p->out, "\n");
    return true;
}

static void
put_member(struct strbuf *out, const char *key, const char *value)
{
    strbuf_printf(out, ",\"%s\":", key);
    json_text_add(out, value);
}

static void
put_more(struct strbuf *out, const struct failed_call *c)
{
    const char *advice = why_advice(c->reason);

    put_member(out, "message", c->text);
    put_member(out, "advice", advice ? advice : "");
    put_member(out, "listener", c->listener);
    put_member(out, "route", c->route);
    put_member(out, "client", c->client);
    strbuf_printf(out, ",\"attempts\":%u,\"cancelled\":%s", c->attempts,
                  c->cancelled ? "true" : "false");
}

static bool
print_json(void *arg, const struct failed_entry *e)
{
    struct print *p = arg;
    struct strbuf *out = p->out;
    const struct failed_call *c = &e->call;

    if (!wanted_fits(&p->wanted, c))
        return true;
    strbuf_puts(out, p->entries++ ? ",\n{\"time\":\"" : "\n{\"time\":\"");
    put_time(out, c->wall_us, true);
    strbuf_printf(
        out, "Z\",\"ageMs\":%" PRId64 ",\"count\":%" PRIu64 ",\"firstAgeMs\":%" PRId64,
        age_us(p, c->wall_us) / 1000, e->count, age_us(p, e->first_us) / 1000);
    put_member(out, "method", c->method);
    put_member(out, "code", grpc_code_label(c->code));
    put_member(out, "reason", c->reason);
    strbuf_puts(out, ",\"why\":");
    put_sentence(p, c, true);
    put_member(out, "pool", c->pool);
    put_member(out, "endpoint", c->endpoint);
    strbuf_printf(out, ",\"ms\":%" PRId64 ".%03" PRId64, c->total_us / 1000,
                  c->total_us % 1000);
    put_member(out, "traceId", c->trace_id);
    if (p->full)
        put_more(out, c);
    strbuf_puts(out, "}");
    return p->entries < p->wanted.n;
}

void
why_print_failed(const struct failed_log *log, struct strbuf *out)
{
    struct print p = { .wanted = { .code = -1, .n = WHY_SHOWN },
                       .out = out,
                       .now_us = clock_wall_us() };

    strbuf_puts(out, "[");
    failed_log_walk(log, print_json, &p);
    strbuf_puts(out, "]");
}

/* --- pages ---------------------------------------------------------------------------- */

static void
page_head(const struct print *p, struct strbuf *out)
{
    if (p->kept == 0)
        strbuf_puts(out, "no call has failed since the start\n");
    else if (p->shown == 0)
        strbuf_printf(out, "none of the last %" PRIu64 " failed calls fits\n", p->kept);
    else
        strbuf_printf(out,
                      "%" PRIu64 " of the last %" PRIu64
                      " failed calls, newest first; times are UTC%s\n",
                      p->shown, p->kept,
                      p->shown > p->entries ? "; of calls of one kind, the newest" : "");
}

static int
page_answer(const struct failed_log *log, const char *text, bool json, struct strbuf *out,
            const char **ret_type)
{
    struct print p = { .now_us = clock_wall_us(), .full = true };
    const char *why = "";
    struct query q;
    struct strbuf body;

    if (!wanted_read(&p.wanted, &q, text, &why)) {
        strbuf_printf(out, "%s\n", why);
        return BAD_QUERY;
    }
    strbuf_init(&body, PAGE_MAX);
    strbuf_puts(&body, "");
    p.out = &body;
    failed_log_walk(log, json ? print_json : print_text, &p);
    if (json) {
        *ret_type = "application/json";
        strbuf_printf(out, "{\"version\":1,\"failed\":[%s\n]}\n", body.s);
    } else {
        page_head(&p, out);
        strbuf_add(out, body.s, body.len);
    }
    strbuf_done(&body);
    return GOOD;
}

static int
page_why(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    return page_answer(arg, query, false, out, ret_type);
}

static int
page_why_json(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    return page_answer(arg, query, true, out, ret_type);
}

void
why_open(struct admin *a, const struct failed_log *log)
{
    admin_set_query(a, "/why", page_why, (void *)(uintptr_t)log);
    admin_set_query(a, "/why.json", page_why_json, (void *)(uintptr_t)log);
}
