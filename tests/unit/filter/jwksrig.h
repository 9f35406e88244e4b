/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/jwksrig.h - a source of keys in a test: its fetches are made by hand, and so is time. */
#ifndef OUTRIGGER_TESTS_UNIT_JWKSRIG_H
#define OUTRIGGER_TESTS_UNIT_JWKSRIG_H

#include "unit.h"

#include <string.h>

#include "base/xalloc.h"
#include "filter/jwks.h"
#include "filter/jwks_source.h"
#include "jwtmake.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "vclock.h"

#define URL "https://id.example/jwks.json?secret"

static struct vclock now;
static struct loop *loop;
static struct stats stats;
static struct jwks_view view;
static struct jwtkey *a, *b;
static char *set_a, *set_b, *set_ab;

/* ---- fetches by hand ---- */

static struct {
    unsigned started, cancelled;
    bool open;
    fetch_fn *fn;
    void *arg;
    struct fetch_args args;
} net;

static inline void *
start(const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    assert_false(net.open); /* one at a time */
    net.started++;
    net.open = true;
    net.fn = fn;
    net.arg = arg;
    net.args = *args;
    return &net;
}

static inline void
cancel(void *fetch)
{
    assert_ptr_equal(fetch, &net);
    assert_true(net.open);
    net.open = false;
    net.cancelled++;
}

static const struct jwks_fetch_ops ops = { start, cancel };

static inline void
answer(const char *why, const char *text)
{
    assert_true(net.open);
    net.open = false;
    net.fn(net.arg, why, slice_of(text));
}

/* ---- the world ---- */

static inline int
begin(void **state)
{
    struct jwtkey *both[2];

    (void)state;
    a = jwtkey_new(SIG_EDDSA, "a", 0);
    b = jwtkey_new(SIG_EDDSA, "b", 0);
    both[0] = a;
    both[1] = b;
    set_a = jwtkeys_set(&a, 1);
    set_b = jwtkeys_set(&b, 1);
    set_ab = jwtkeys_set(both, 2);
    return 0;
}

static inline int
end(void **state)
{
    (void)state;
    xfree(set_a);
    xfree(set_b);
    xfree(set_ab);
    jwtkey_free(a);
    jwtkey_free(b);
    return 0;
}

static inline int
setup(void **state)
{
    (void)state;
    loop = loop_new(vclock_init(&now));
    memset(&stats, 0, sizeof(stats));
    memset(&net, 0, sizeof(net));
    jwks_source_use(&ops);
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    jwks_view_done(&view);
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 0);
    loop_free(loop);
    return 0;
}

static inline struct jwks_source *
open_from(const char *from)
{
    const struct jwks_conf conf = {
        .from = from,
        .refresh_ms = 600000,
        .timeout_ms = 5000,
        .max_stale_ms = 3600000,
    };

    return jwks_source_open(loop, &stats, &conf);
}

static inline void
pass_ms(int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms < 1000 ? ms : 1000;

        vclock_advance_ms(&now, step);
        loop_turn(loop, false);
        ms -= step;
    }
    loop_turn(loop, false);
}

static inline enum jwks_state
look(struct jwks_source *s)
{
    return jwks_source_look(s, &view, loop_now_us(loop));
}

static inline bool
has(const char *kid)
{
    return jwks_has(view.keys, slice_of(kid));
}

static inline bool
ask(struct jwks_source *s, const char *kid)
{
    return jwks_source_ask(s, slice_of(kid), loop_now_us(loop));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
