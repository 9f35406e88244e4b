/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of verified tokens: what it finds, what it forgets, how much it holds. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "filter/token.h"
#include "filter/token_cache.h"
#include "jwtmake.h"

#define NOW_MS INT64_C(1700000000000)

static struct token_home *home;
static struct reaper reaper;
static struct jwtkey *key;
static struct slice audience;
static struct token_rules rules;
static struct token_draft draft;
static const int a_provider, b_provider; /* owners: only their addresses count */

static int
setup(void **state)
{
    (void)state;
    key = jwtkey_new(SIG_HS256, NULL, 0);
    home = token_home_new();
    audience = slice_of("orders");
    rules = (struct token_rules){ .issuer = slice_of("me"),
                                  .audiences = &audience,
                                  .n_audiences = 1,
                                  .algs = SIG_SET_HS };
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    reap_run(&reaper);
    assert_int_equal(home->alive, 0);
    token_home_close(home);
    jwtkey_free(key);
    return 0;
}

static struct token *
make(unsigned number, int64_t exp_s)
{
    char payload[128], *text;
    struct token *t;

    snprintf(payload, sizeof(payload),
             "{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":%lld,\"jti\":\"%06u\"}",
             (long long)exp_s, number);
    text = jwt_make(key, payload);
    assert_int_equal(token_draft_read(&draft, slice_of(text), SIG_SET_HS), JWT_OK);
    assert_int_equal(token_make(home, &draft, &rules, NOW_MS, &t), JWT_OK);
    xfree(text);
    return t;
}

static size_t
put(struct token_cache *c, struct token *t, const void *owner, uint64_t version)
{
    return token_cache_put(c, token_cache_hash(c, t->text), t, owner, version);
}

static struct token *
find(struct token_cache *c, struct slice text, const void *owner, uint64_t version,
     int64_t now_ms)
{
    return token_cache_find(c, token_cache_hash(c, text), text, owner, version, now_ms);
}

static void
a_token_is_found_by_all_of_its_text(void **state)
{
    struct token_cache *c = token_cache_new(10, 1 << 20, &reaper);
    struct token *t = make(1, 1800000000);
    char *text = xstrndup((const char *)t->text.p, t->text.n);

    (void)state;
    assert_null(find(c, t->text, &a_provider, 1, NOW_MS));
    assert_int_equal(put(c, t, &a_provider, 1), 0);
    assert_ptr_equal(find(c, slice_of(text), &a_provider, 1, NOW_MS), t);
    for (size_t i = 0; text[i]; i++) {
        text[i] ^= 1;
        assert_null(find(c, slice_of(text), &a_provider, 1, NOW_MS));
        /* Also when the hash is the same, as it is for all but the end of the text. */
        assert_null(token_cache_find(c, t->hash, slice_of(text), &a_provider, 1, NOW_MS));
        text[i] ^= 1;
    }
    assert_null(token_cache_find(c, t->hash, slice_make(text, strlen(text) - 1),
                                 &a_provider, 1, NOW_MS));
    assert_null(find(c, slice_make(text, 0), &a_provider, 1, NOW_MS));
    assert_int_equal(token_cache_count(c), 1);
    xfree(text);
    token_drop(t, &reaper);
    token_cache_free(c);
}

static void
a_token_is_good_for_whom_it_was_checked(void **state)
{
    struct token_cache *c = token_cache_new(10, 1 << 20, &reaper);
    struct token *t = make(1, 1800000000), *u = make(1, 1800000000);

    (void)state;
    put(c, t, &a_provider, 1);
    assert_null(find(c, t->text, &b_provider, 1, NOW_MS));
    put(c, u, &b_provider, 1);
    assert_ptr_equal(find(c, t->text, &a_provider, 1, NOW_MS), t);
    assert_ptr_equal(find(c, t->text, &b_provider, 1, NOW_MS), u);
    token_drop(t, &reaper);
    token_drop(u, &reaper);
    token_cache_free(c);
}

static void
tokens_die_with_their_keys_and_their_time(void **state)
{
    struct token_cache *c = token_cache_new(10, 1 << 20, &reaper);
    struct token *t = make(1, 1700000100), *u = make(2, 1700000100),
                 *v = make(3, 1700000100);

    (void)state;
    v->from_ms = NOW_MS;
    put(c, t, &a_provider, 1);
    put(c, u, &a_provider, 1);
    put(c, v, &a_provider, 1);
    assert_null(find(c, t->text, &a_provider, 2, NOW_MS));
    assert_null(find(c, t->text, &a_provider, 1, NOW_MS)); /* gone */
    assert_ptr_equal(find(c, u->text, &a_provider, 1, INT64_C(1700000099999)), u);
    assert_null(find(c, u->text, &a_provider, 1, INT64_C(1700000100000)));
    assert_null(find(c, u->text, &a_provider, 1, NOW_MS));
    assert_null(
        find(c, v->text, &a_provider, 1, NOW_MS - 1)); /* the clock was set back */
    assert_int_equal(token_cache_count(c), 0);
    assert_int_equal(token_cache_bytes(c), 0);
    token_drop(t, &reaper);
    token_drop(u, &reaper);
    token_drop(v, &reaper);
    token_cache_free(c);
}

static void
the_one_that_was_not_used_for_longest_goes(void **state)
{
    struct token_cache *c = token_cache_new(3, 1 << 20, &reaper);
    struct token *t[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        t[i] = make(i, 1800000000);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(put(c, t[i], &a_provider, 1), 0);
    assert_ptr_equal(find(c, t[0]->text, &a_provider, 1, NOW_MS), t[0]);
    assert_int_equal(put(c, t[3], &a_provider, 1), 1); /* 1 goes */
    assert_int_equal(put(c, t[4], &a_provider, 1), 1); /* 2 goes */
    assert_non_null(find(c, t[0]->text, &a_provider, 1, NOW_MS));
    assert_null(find(c, t[1]->text, &a_provider, 1, NOW_MS));
    assert_null(find(c, t[2]->text, &a_provider, 1, NOW_MS));
    assert_int_equal(token_cache_count(c), 3);
    for (unsigned i = 0; i < 5; i++)
        token_drop(t[i], &reaper);
    token_cache_free(c);
}

static void
bytes_are_bounded_too(void **state)
{
    struct token *t = make(0, 1800000000);
    size_t size = t->size, max = 4 * size + size / 2;
    struct token_cache *c = token_cache_new(1000, max, &reaper);

    (void)state;
    token_drop(t, &reaper);
    for (unsigned i = 0; i < 100; i++) {
        t = make(i, 1800000000);
        assert_int_equal(put(c, t, &a_provider, 1), i < 4 ? 0 : 1);
        assert_true(token_cache_bytes(c) <= max);
        token_drop(t, &reaper);
    }
    assert_int_equal(token_cache_count(c), 4);
    reap_run(&reaper);
    assert_int_equal(home->alive, 4);
    token_cache_free(c);
    c = token_cache_new(1000, size - 1, &reaper); /* too small for one */
    t = make(0, 1800000000);
    put(c, t, &a_provider, 1);
    assert_int_equal(token_cache_count(c), 0);
    token_drop(t, &reaper);
    token_cache_free(c);
}

static void
a_cache_of_0_keeps_nothing(void **state)
{
    struct token_cache *c = token_cache_new(0, 1 << 20, &reaper);
    struct token *t = make(1, 1800000000);

    (void)state;
    put(c, t, &a_provider, 1);
    assert_null(find(c, t->text, &a_provider, 1, NOW_MS));
    token_drop(t, &reaper);
    token_cache_free(c);
}

/* Against a model without any cleverness. */
static void
random_use_agrees_with_a_list(void **state)
{
    enum { TOKENS = 40, ROOM = 12, STEPS = 20000 };
    struct token_cache *c = token_cache_new(ROOM, 1 << 20, &reaper);
    struct token *t[TOKENS];
    unsigned used[TOKENS] = { 0 }, clock = 0; /* 0: not in the cache */
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (unsigned i = 0; i < TOKENS; i++)
        t[i] = make(i, 1800000000);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rng_below(&rng, TOKENS), n = 0, oldest = TOKENS;
        struct token *got = find(c, t[i]->text, &a_provider, 1, NOW_MS);

        assert_ptr_equal(got, used[i] ? t[i] : NULL);
        if (!got)
            put(c, t[i], &a_provider, 1);
        used[i] = ++clock;
        for (unsigned k = 0; k < TOKENS; k++) {
            n += used[k] > 0;
            if (used[k] && (oldest == TOKENS || used[k] < used[oldest]))
                oldest = k;
        }
        if (n > ROOM)
            used[oldest] = 0;
    }
    for (unsigned i = 0; i < TOKENS; i++)
        token_drop(t[i], &reaper);
    token_cache_free(c);
}

/* What calls hold stays good when the cache goes. */
static void
held_tokens_outlive_the_cache(void **state)
{
    struct token_cache *c = token_cache_new(10, 1 << 20, &reaper);
    struct token *t = make(1, 1800000000);

    (void)state;
    put(c, t, &a_provider, 1);
    token_cache_free(c);
    assert_int_equal(home->alive, 1);
    assert_true(slice_eq_str(t->claims.v[0].value, "me"));
    token_drop(t, &reaper);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_found_by_all_of_its_text),
        TEST(a_token_is_good_for_whom_it_was_checked),
        TEST(tokens_die_with_their_keys_and_their_time),
        TEST(the_one_that_was_not_used_for_longest_goes),
        TEST(bytes_are_bounded_too),
        TEST(a_cache_of_0_keeps_nothing),
        TEST(random_use_agrees_with_a_list),
        TEST(held_tokens_outlive_the_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
