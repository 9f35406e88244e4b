/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h - one structured line per event: fixed words, then fields.
 *     log_at(&conn->log, LOG_WARN, "connect failed", LS("endpoint", name), LI("errno", e));
 * The level is tested before the arguments are built.
 * Text: `2026-11-22T15:33:15.123Z warn connect failed endpoint=10.0.0.1:50051 worker=0`.
 * JSON: one object per line with time, level, msg and the fields.
 * Bytes outside 0x20..0x7e are escaped in values (no log injection); a value is cut at
 * 1 KiB, a line at 8 KiB.  Lines go to stderr with one write each; any thread.
 * log_limit_pass lets at most `burst` lines per 10 s and call site through and says how
 * many were left out. */
#ifndef OUTRIGGER_BASE_LOG_H
#define OUTRIGGER_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* embedded in what logs: joined to each of its lines. Ids of 0 and a worker below 0
 * are left out. */
struct log_ctx {
    int worker; /* -1: main thread */
    uint64_t conn, call;
};

struct log_field {
    const char *key;
    enum { LOG_F_STR, LOG_F_INT, LOG_F_BYTES } kind;
    const char *str;
    int64_t num;
    struct slice bytes;
};

#define LS(k, v) ((struct log_field){ .key = (k), .kind = LOG_F_STR, .str = (v) })
#define LI(k, v) \
    ((struct log_field){ .key = (k), .kind = LOG_F_INT, .num = (int64_t)(v) })
#define LB(k, v) ((struct log_field){ .key = (k), .kind = LOG_F_BYTES, .bytes = (v) })

extern _Atomic int log_level_now;

#define log_at(ctx, level, msg, ...)                                                    \
    do {                                                                                \
        if ((int)(level) <= atomic_load_explicit(&log_level_now, memory_order_relaxed)) \
            log_write((ctx), (level), (msg),                                            \
                      (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } });   \
    } while (0)

/* State of one rate-limited call site (static in the function that logs). */
struct log_limit {
    _Atomic int64_t window_start_us;
    _Atomic unsigned count, left_out;
};

void log_setup(enum log_level level, enum log_format format);
void log_set_fd(int fd);               /* where lines go; 2 at start. For tests. */
int log_level_parse(const char *word); /* enum log_level, or -1 */
/* fields ends at a NULL key. ctx may be NULL. */
void log_write(const struct log_ctx *ctx, enum log_level level, const char *msg,
               const struct log_field *fields);
/* True when this line may be written now; otherwise it is counted, and the count
 * appears as a line when the window ends. */
bool log_limit_pass(struct log_limit *l, unsigned burst);

#endif
