/* SPDX-License-Identifier: Apache-2.0 */
/* main/guard.h - does a new config make more calls fail than the one before? Counts in, verdict out; pure, the caller has the clock. One thread.
 *
 * A config is bad when, at any time in the window after it came, at least GUARD_CALLS calls ended, at least GUARD_FAILURES of them failed, and the share of
 * failed calls is more than GUARD_SHARE and more than double the share of the window before. */
#ifndef OUTRIGGER_MAIN_GUARD_H
#define OUTRIGGER_MAIN_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum {
    GUARD_STEPS = 60,   /* samples per window */
    GUARD_CALLS = 50,   /* fewer say nothing */
    GUARD_FAILURES = 5, /* one unlucky call of 50 is no reason */
    GUARD_SHARE = 1,    /* percent that are always forgiven */
};

struct guard_count { /* since the start of the process */
    int64_t calls, failed;
};

enum guard_verdict { GUARD_WAIT, GUARD_BAD, GUARD_GOOD };

struct guard {
    int64_t window_us;
    struct {
        int64_t at_us;
        struct guard_count count;
    } past[GUARD_STEPS + 1]; /* a ring, oldest at `first` */
    size_t first, n;
    bool on; /* between guard_begin and the verdict */
    int64_t since_us;
    struct guard_count base;   /* when the config came */
    struct guard_count before; /* in the window before it */
};

void guard_init(struct guard *g, int64_t window_us);
/* Time from one guard_note to the next. */
int64_t guard_step_us(const struct guard *g);
/* The counts as they are now: what a later guard_begin looks back at. */
void guard_note(struct guard *g, int64_t now_us, struct guard_count now);
/* A new config comes into force. */
void guard_begin(struct guard *g, int64_t now_us, struct guard_count now);
/* BAD and GOOD end it. */
enum guard_verdict guard_look(struct guard *g, int64_t now_us, struct guard_count now);
/* Adds "12 of 80 calls failed (15.0 %), in the time before 1 of 100 (1.0 %)". */
void guard_print(const struct guard *g, struct guard_count now, struct strbuf *out);

#endif
