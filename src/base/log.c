/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.c - a line is built on the stack and leaves with one write, so that lines
 * of many threads never mix. A field that does not fit is left out whole: a JSON line
 * stays valid. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compat.h"

enum {
    LOG_LINE_MAX = 8192,
    LOG_VALUE_MAX = 1024,
    LOG_TAIL_ROOM = 32, /* for what ends a line: "cut" and the brackets */
    LOG_WINDOW_US = 10 * 1000 * 1000,
};

_Atomic int log_level_now = LOG_INFO;
static _Atomic int log_format_now = LOG_TEXT;
static _Atomic int log_fd_now = STDERR_FILENO;

static const char *const log_words[] = { "error", "warn", "info", "debug" };

struct log_line {
    char s[LOG_LINE_MAX];
    size_t len, max;
    bool full;
    bool json;
};

void
log_setup(enum log_level level, enum log_format format)
{
    atomic_store(&log_level_now, (int)level);
    atomic_store(&log_format_now, (int)format);
}

void
log_set_fd(int fd)
{
    atomic_store(&log_fd_now, fd);
}

int
log_level_parse(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(log_words); i++) {
        if (strcmp(word, log_words[i]) == 0)
            return (int)i;
    }
    return -1;
}

static void
line_add(struct log_line *l, const char *s, size_t n)
{
    if (n > l->max - l->len)
        l->full = true;
    if (l->full)
        return;
    memcpy(l->s + l->len, s, n);
    l->len += n;
}

static void
line_puts(struct log_line *l, const char *s)
{
    line_add(l, s, strlen(s));
}

static PRINTF_LIKE(2, 3) void line_printf(struct log_line *l, const char *fmt, ...)
{
    char part[64];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(part, sizeof(part), fmt, ap);
    va_end(ap);
    if (n > 0)
        line_add(l, part, (size_t)n < sizeof(part) ? (size_t)n : sizeof(part) - 1);
}

static bool
log_is_plain(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* The bytes between quotes, each run of plain ones in one copy. */
static void
line_add_quoted(struct log_line *l, struct slice v)
{
    size_t n = v.n < LOG_VALUE_MAX ? v.n : LOG_VALUE_MAX;

    line_puts(l, "\"");
    for (size_t i = 0; i < n;) {
        size_t from = i;

        while (i < n && log_is_plain(v.p[i]))
            i++;
        line_add(l, (const char *)v.p + from, i - from);
        if (i == n)
            break;
        if (v.p[i] == '"' || v.p[i] == '\\')
            line_printf(l, "\\%c", v.p[i]);
        else
            line_printf(l, l->json ? "\\u%04x" : "\\x%02x", v.p[i]);
        i++;
    }
    line_puts(l, v.n > n ? "...\"" : "\"");
}

static void
line_add_value(struct log_line *l, struct slice v)
{
    bool bare = !l->json && v.n > 0 && v.n <= LOG_VALUE_MAX;

    for (size_t i = 0; bare && i < v.n; i++)
        bare = log_is_plain(v.p[i]) && v.p[i] != ' ' && v.p[i] != '=';
    if (bare)
        line_add(l, (const char *)v.p, v.n);
    else
        line_add_quoted(l, v);
}

static void
line_add_key(struct log_line *l, const char *key)
{
    line_puts(l, l->json ? ",\"" : " ");
    line_puts(l, key);
    line_puts(l, l->json ? "\":" : "=");
}

static void
line_add_field(struct log_line *l, const struct log_field *f)
{
    size_t start = l->len;

    line_add_key(l, f->key);
    if (f->kind == LOG_F_INT)
        line_printf(l, "%" PRId64, f->num);
    else if (f->kind == LOG_F_BYTES)
        line_add_value(l, f->bytes);
    else
        line_add_value(l, slice_of(f->str ? f->str : ""));
    if (l->full)
        l->len = start;
}

static void
line_add_head(struct log_line *l, enum log_level level, const char *msg)
{
    int64_t now_us = clock_wall_us();
    time_t sec = (time_t)(now_us / 1000000);
    const char *word = log_words[level];
    struct tm tm;

    gmtime_r(&sec, &tm);
    if (l->json)
        line_puts(l, "{\"time\":\"");
    line_printf(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                (int)(now_us / 1000 % 1000));
    line_printf(l, l->json ? "\",\"level\":\"%s\",\"msg\":" : " %s ", word);
    if (l->json)
        line_add_quoted(l, slice_of(msg));
    else
        line_puts(l, msg);
}

static void
line_add_ctx(struct log_line *l, const struct log_ctx *ctx)
{
    if (ctx->worker >= 0)
        line_add_field(l, &LI("worker", ctx->worker));
    if (ctx->conn)
        line_add_field(l, &LI("conn", ctx->conn));
    if (ctx->call)
        line_add_field(l, &LI("call", ctx->call));
}

void
log_write(const struct log_ctx *ctx, enum log_level level, const char *msg,
          const struct log_field *fields)
{
    int saved_errno = errno;
    struct log_line line UNINITIALIZED; /* 8 KiB that need no zeroing */
    struct log_line *l = &line;

    l->len = 0;
    l->max = sizeof(l->s) - LOG_TAIL_ROOM;
    l->full = false;
    l->json = atomic_load_explicit(&log_format_now, memory_order_relaxed) == LOG_JSON;
    line_add_head(l, level, msg);
    for (const struct log_field *f = fields; f && f->key; f++)
        line_add_field(l, f);
    if (ctx)
        line_add_ctx(l, ctx);
    l->max = sizeof(l->s);
    if (l->full) {
        l->full = false;
        line_add_field(l, &LI("cut", 1));
    }
    line_puts(l, l->json ? "}\n" : "\n");

    /* A reader that is gone or slow loses lines; the proxy goes on. */
    int fd = atomic_load_explicit(&log_fd_now, memory_order_relaxed);

    while (write(fd, l->s, l->len) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

bool
log_limit_pass(struct log_limit *l, unsigned burst)
{
    int64_t now = clock_real.now_us(clock_real.arg);
    int64_t start = atomic_load(&l->window_start_us);

    /* Of many threads at the end of a window one opens the next. */
    if (now - start >= LOG_WINDOW_US &&
        atomic_compare_exchange_strong(&l->window_start_us, &start, now)) {
        unsigned left_out = atomic_exchange(&l->left_out, 0);

        atomic_store(&l->count, 0);
        if (left_out > 0)
            log_at(NULL, LOG_WARN, "lines like the next one were left out",
                   LI("count", left_out));
    }
    if (atomic_fetch_add(&l->count, 1) < burst)
        return true;
    atomic_fetch_add(&l->left_out, 1);
    return false;
}
