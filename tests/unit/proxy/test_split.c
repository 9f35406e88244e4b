/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted choice of a target: shares, stickiness, and how little moves when the list changes. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "proxy/route_conf.h"
#include "proxy/split.h"

enum { CALLS = 100 * 1000, USERS = 20 * 1000 };

static struct conf_pair v2[] = { { "version", "v2" } };

static void
shares_by_chance_follow_the_weights(void **state)
{
    const struct to_conf to[] = { { .pool = "a", .weight = 95 },
                                  { .pool = "off", .weight = 0 },
                                  { .pool = "b", .weight = 5 } };
    struct split *s = split_new(to, ARRAY_LEN(to));
    unsigned hits[3] = { 0 };
    struct rng rng;

    (void)state;
    rng_seed(&rng, 42);
    for (int i = 0; i < CALLS; i++)
        hits[split_random(s, &rng)]++;
    split_free(s);
    assert_int_equal(hits[1], 0);
    assert_in_range(hits[2], CALLS * 47 / 1000, CALLS * 53 / 1000); /* 0.3 points */
}

static void
weights_of_32_bits_do_not_overflow(void **state)
{
    const struct to_conf to[] = { { .pool = "a", .weight = 4294967294u },
                                  { .pool = "b", .weight = 1 } };
    struct split *s = split_new(to, ARRAY_LEN(to));
    struct rng rng;

    (void)state;
    rng_seed(&rng, 7);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(split_random(s, &rng), 0);
    split_free(s);
}

/* Where each user goes. */
static void
place_users(const struct to_conf *to, size_t n, unsigned char places[USERS])
{
    struct split *s = split_new(to, n);
    char name[24];

    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof(name), "user-%d", i);
        places[i] = (unsigned char)split_sticky(s, slice_of(name));
        assert_int_equal(places[i], split_sticky(s, slice_of(name)));
    }
    split_free(s);
}

static unsigned
count(const unsigned char places[USERS], unsigned target)
{
    unsigned n = 0;

    for (int i = 0; i < USERS; i++)
        n += places[i] == target;
    return n;
}

static void
sticky_shares_follow_the_weights(void **state)
{
    static unsigned char places[USERS];
    const struct to_conf to[] = { { .pool = "a", .weight = 95 },
                                  { .pool = "off", .weight = 0 },
                                  { .pool = "b", .weight = 5 } };

    (void)state;
    place_users(to, ARRAY_LEN(to), places);
    assert_int_equal(count(places, 1), 0);
    assert_in_range(count(places, 2), USERS * 44 / 1000, USERS * 56 / 1000);
}

static void
a_new_target_takes_its_share_and_nobody_else_moves(void **state)
{
    static unsigned char before[USERS], after[USERS];
    const struct to_conf two[] = { { .pool = "a", .weight = 1 },
                                   { .pool = "b", .weight = 1 } };
    const struct to_conf three[] = { { .pool = "c", .weight = 2 },
                                     { .pool = "a", .weight = 1 },
                                     { .pool = "b", .weight = 1 } };

    (void)state;
    place_users(two, 2, before);
    place_users(three, 3, after);
    assert_in_range(count(after, 0), USERS * 48 / 100, USERS * 52 / 100);
    for (int i = 0; i < USERS; i++) {
        if (after[i] != 0) /* the places of a and b are one further */
            assert_int_equal(after[i] - 1, before[i]);
    }
}

static void
a_larger_weight_only_draws(void **state)
{
    static unsigned char before[USERS], after[USERS];
    const struct to_conf old[] = { { .pool = "a", .weight = 95 },
                                   { .pool = "a", .subset = { v2, 1 }, .weight = 5 } };
    const struct to_conf new[] = { { .pool = "a", .weight = 90 },
                                   { .pool = "a", .subset = { v2, 1 }, .weight = 10 } };
    unsigned moved = 0;

    (void)state;
    place_users(old, 2, before);
    place_users(new, 2, after);
    for (int i = 0; i < USERS; i++) {
        assert_true(after[i] >= before[i]); /* nobody leaves v2 */
        moved += after[i] != before[i];
    }
    assert_in_range(moved, USERS * 4 / 100, USERS * 6 / 100);
}

static void
a_target_listed_twice_counts_twice(void **state)
{
    static unsigned char places[USERS];
    const struct to_conf to[] = { { .pool = "a", .weight = 1 },
                                  { .pool = "b", .weight = 1 },
                                  { .pool = "a", .weight = 1 } };

    (void)state;
    place_users(to, 3, places);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(count(places, i), USERS * 31 / 100, USERS * 36 / 100);
}

/* Other proxies must come to the same answer: these places may never change. */
static void
places_are_the_same_everywhere(void **state)
{
    static const char *const users[] = {
        "alice", "bob",    "carol",  "dave",    "",      "eve",   "frank", "grace",
        "heidi", "ivan",   "judy",   "mallory", "peggy", "sybil", "trent", "victor",
        "wendy", "walter", "olivia", "rupert",  "u1",    "u2",    "u3",    "u4"
    };
    const struct to_conf to[] = { { .pool = "a", .weight = 1 },
                                  { .pool = "a", .subset = { v2, 1 }, .weight = 1 },
                                  { .pool = "b", .weight = 1 } };
    struct split *s = split_new(to, 3);
    char got[32] = "";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        got[i] = (char)('0' + split_sticky(s, slice_of(users[i])));
    split_free(s);
    assert_string_equal(got, "000010100100120212120222");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_by_chance_follow_the_weights),
        cmocka_unit_test(weights_of_32_bits_do_not_overflow),
        cmocka_unit_test(sticky_shares_follow_the_weights),
        cmocka_unit_test(a_new_target_takes_its_share_and_nobody_else_moves),
        cmocka_unit_test(a_larger_weight_only_draws),
        cmocka_unit_test(a_target_listed_twice_counts_twice),
        cmocka_unit_test(places_are_the_same_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
