/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: equal to gRPC's; and the walk of ring_hash over it. */
#include "lbtest.h"

#include "lb/hash.h"
#include "lb/ring.h"

static struct lbtest t;
static const struct ring_size grpc_size = { .least = 1024, .most = 4096 };

static void
hashes_are_xxh64(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {
        { "", 0xef46db3751d8e999 },
        { "a", 0xd24ec4f1a98c6e5b },
        { "abc", 0x44bc2cf5ad770999 },
        { "The quick brown fox jumps over the lazy dog", 0x0b242d361fda71bc },
        { "10.0.0.1:50051_0", 0x742389647ea72c09 },
        { "10.0.0.1:50051_1", 0x583290db217695a0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(lb_hash(rows[i].text, strlen(rows[i].text)), rows[i].hash);
    assert_int_equal(lb_hash_join(0, 5), 5);
    assert_int_equal(lb_hash_join(0x8000000000000001, 4), 7);
}

static bool
ring_has(const struct ring *r, uint64_t hash, uint32_t index)
{
    size_t at = ring_find(r, hash);

    return r->v[at].hash == hash && r->v[at].index == index;
}

static void
ring_has_the_known_size_and_entries(void **state)
{
    static const struct {
        uint32_t weights[5];
        size_t n, entries;
    } rows[] = {
        { { 1, 1, 1 }, 3, 1026 },
        { { 3, 3, 4 }, 3, 1027 },
        { { 1, 1, 1, 1, 1 }, 5, 1025 },
        { { 1000, 1000, 1000 }, 3, 1026 }, /* our unit changes nothing */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ring r = { 0 };

        lbtest_open(&t, "ring_hash", 1);
        for (size_t k = 0; k < rows[i].n; k++)
            t.eps[k].weight = rows[i].weights[k];
        t.list.n = rows[i].n;
        ring_build(&r, &t.list, &grpc_size);
        assert_int_equal(r.n, rows[i].entries);
        for (size_t k = 1; k < r.n; k++)
            assert_true(r.v[k - 1].hash <= r.v[k].hash);
        assert_true(ring_has(&r, 0x742389647ea72c09, 0));
        assert_true(ring_has(&r, 0x583290db217695a0, 0));
        ring_free(&r);
        lbtest_close(&t);
    }
}

static void
find_is_the_first_at_or_behind(void **state)
{
    struct ring_entry v[7];
    struct ring r = { .v = v };

    (void)state;
    for (size_t n = 1; n <= 7; n++) {
        r.n = n;
        v[n - 1] = (struct ring_entry){ .hash = 10 * n };
        for (uint64_t h = 0; h <= 80; h++) {
            size_t expected = (h + 9) / 10; /* 1: v[0] */

            expected = expected == 0 ? 0 : expected > n ? 0 : expected - 1;
            assert_int_equal(ring_find(&r, h), expected);
        }
    }
}

static void
order_of_the_list_does_not_matter(void **state)
{
    struct ring a = { 0 }, b = { 0 };

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    t.list.n = 7;
    ring_build(&a, &t.list, &grpc_size);
    for (size_t i = 0; i < 7; i++)
        t.v[i] = &t.eps[6 - i];
    ring_build(&b, &t.list, &grpc_size);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.v[i].hash, b.v[i].hash);
        assert_int_equal(a.v[i].index, 6 - b.v[i].index);
    }
    ring_free(&a);
    ring_free(&b);
    lbtest_close(&t);
}

static int
pick_key(uint64_t number)
{
    t.how.hashed = true;
    t.how.hash = lb_hash(&number, sizeof(number));
    return lbtest_pick(&t);
}

enum { KEYS = 20000, N = 10 };
static int first_pick[KEYS];

static unsigned
moved_keys(void)
{
    unsigned moved = 0;

    for (uint64_t k = 0; k < KEYS; k++)
        moved += pick_key(k) != first_pick[k];
    return moved;
}

/* When one of n goes down, exactly its keys move, and come back with it. */
static void
only_its_keys_move_when_one_goes_down(void **state)
{
    unsigned count[N] = { 0 };

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    lbtest_ready(&t, N);
    for (uint64_t k = 0; k < KEYS; k++) {
        first_pick[k] = pick_key(k);
        assert_int_equal(pick_key(k), first_pick[k]);
        count[first_pick[k]]++;
    }
    for (size_t i = 0; i < N; i++) {
        lbtest_state(&t, i, i % 2 ? 'f' : 'u');
        lbtest_update(&t);
        for (uint64_t k = 0; k < KEYS; k++) {
            int now = pick_key(k);

            assert_true(first_pick[k] == (int)i ? now != (int)i : now == first_pick[k]);
        }
        if (count[i] > KEYS / N + KEYS * 2 / 100)
            fail_msg("%u of %d keys moved", count[i], KEYS);
        lbtest_state(&t, i, 'R');
        lbtest_update(&t);
        assert_int_equal(moved_keys(), 0);
    }
    lbtest_close(&t);
}

/* When one leaves the list, the others get more places (gRPC's ring keeps its size, not the places of each): 103 become 114 here, so some keys of the
 * others move too. That is the price of the same ring in all proxies and clients. */
static void
few_keys_move_when_one_leaves_the_list(void **state)
{
    unsigned moved;

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    lbtest_ready(&t, N);
    for (uint64_t k = 0; k < KEYS; k++)
        first_pick[k] = pick_key(k);
    lbtest_ready(&t, N - 1);
    moved = moved_keys();
    if (moved > KEYS / N + KEYS * 9 / 100)
        fail_msg("%u of %d keys moved", moved, KEYS);
    lbtest_close(&t);
}

/* With places of its own for each endpoint one that leaves moves its keys and no others: at most 1/n + 2 %. Weights keep their share. */
static void
only_its_keys_move_when_places_are_fixed(void **state)
{
    for (int weighted = 0; weighted < 2; weighted++) {
        unsigned moved = 0, own = 0;

        (void)state;
        lbtest_init(&t, "ring_hash", 1);
        t.conf.places_per_endpoint = 100;
        lbtest_start(&t);
        lbtest_ready(&t, N);
        for (size_t i = 0; i < N && weighted; i++)
            t.eps[i].weight = (uint32_t)(i % 3 + 1) * LB_WEIGHT_ONE / 2;
        lbtest_update(&t);
        for (uint64_t k = 0; k < KEYS; k++) {
            first_pick[k] = pick_key(k);
            own += first_pick[k] == N - 1;
        }
        lbtest_ready(&t, N - 1);
        moved = moved_keys();
        assert_int_equal(moved, own);
        if (!weighted && moved > KEYS / N + KEYS * 2 / 100)
            fail_msg("%u of %d keys moved", moved, KEYS);
        lbtest_close(&t);
    }
}

static void
keys_of_the_source_replace_addresses(void **state)
{
    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    lbtest_ready(&t, 3);
    for (uint64_t k = 0; k < 50; k++) {
        int before = pick_key(k);

        t.eps[before].key = "shard-x"; /* a pod with a new address and its old name */
        lbtest_update(&t);
        t.eps[before].key = t.keys[before];
        lbtest_update(&t);
        assert_int_equal(pick_key(k), before);
    }
    t.eps[0].key = "shard-0";
    t.eps[1].key = "shard-1";
    t.eps[2].key = "shard-2";
    lbtest_update(&t);
    t.how.hash = lb_hash("shard-1_7", 9);
    assert_int_equal(lbtest_pick(&t), 1);
    lbtest_close(&t);
}

/* A place on the ring whose walk meets the endpoints in the order 0, 1, 2. */
static void
seek_order(void)
{
    t.how.hashed = true;
    lbtest_set(&t, "RRR");
    for (uint64_t h = 1;; h++) {
        t.how.hash = lb_hash(&h, sizeof(h));
        lbtest_set(&t, "RRR");
        if (lbtest_pick(&t) != 0)
            continue;
        lbtest_set(&t, "fRR");
        if (lbtest_pick(&t) == 1)
            return;
    }
}

static void
walk_with_a_key(void **state)
{
    static const struct {
        const char *eps;
        int pick;
        const char *wanted; /* after the pick */
    } rows[] = {
        { "RRR", 0, "yyy" },       { "fRR", 1, "yyy" },       { "ffR", 2, "yyy" },
        { "fff", LB_NONE, "yyy" }, { "iRR", LB_WAIT, "yyy" }, { "cRR", LB_WAIT, "yyy" },
        { "iii", LB_WAIT, "ynn" }, { "fii", LB_WAIT, "yyn" }, { "fci", LB_WAIT, "yyn" },
        { "FRR", 1, "yyy" },       { "FcR", 2, "yyy" },       { "FFF", LB_WAIT, "yyy" },
        { "uRR", 1, "yyy" },       { "FiR", 2, "yyy" },       { "ffi", LB_WAIT, "yyy" },
    };

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got;

        seek_order();
        lbtest_set(&t, "fff"); /* forget who was asked */
        lbtest_set(&t, rows[i].eps);
        got = lbtest_pick(&t);
        if (got != rows[i].pick)
            fail_msg("\"%s\": picked %d", rows[i].eps, got);
        lbtest_wanted(&t, rows[i].wanted);
    }
    lbtest_close(&t);
}

static void
walk_without_a_key_connects_one_at_a_time(void **state)
{
    unsigned wanted = 0;

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    lbtest_set(&t, "iiii");
    assert_int_equal(lbtest_pick(&t), LB_WAIT);
    assert_true(t.how.connect);
    for (int k = 0; k < 100; k++) {
        assert_int_equal(lbtest_pick(&t), LB_WAIT);
        assert_false(t.how.connect);
    }
    for (size_t i = 0; i < 4; i++)
        wanted += t.eps[i].wanted;
    assert_int_equal(wanted, 1);
    lbtest_set(&t, "iRii");
    for (int k = 0; k < 100; k++)
        assert_int_equal(lbtest_pick(&t), 1);
    lbtest_close(&t);
}

/* A ring in trouble tries an idle endpoint though no call comes by it. */
static void
trouble_connects_an_idle_one(void **state)
{
    static const struct {
        const char *eps, *wanted;
    } rows[] = { { "ffii", "yyyn" }, { "fiii", "yynn" }, { "ffci", "yyyn" },
                 { "ffRi", "yyyn" }, { "iiii", "nnnn" }, { "iRii", "nynn" } };

    (void)state;
    lbtest_open(&t, "ring_hash", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lbtest_set(&t, "ffff");
        lbtest_set(&t, rows[i].eps);
        lbtest_wanted(&t, rows[i].wanted);
    }
    lbtest_close(&t);
}

/* hashBalanceFactor: one hot key spreads as soon as its endpoint has more than its bound. */
static void
bounded_load_passes_over_the_hot_one(void **state)
{
    (void)state;
    lbtest_init(&t, "ring_hash", 1);
    t.conf.hash_balance_factor = 150;
    lbtest_start(&t);
    lbtest_ready(&t, 4);
    for (int k = 0; k < 400; k++) {
        int i = pick_key(1);

        assert_in_range(i, 0, 3);
        t.eps[i].active++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(t.eps[i].active, 0, 151);
    assert_in_range(t.eps[pick_key(1)].active, 0, 151);
    lbtest_close(&t);
    lbtest_open(&t, "ring_hash", 1); /* off: the key stays */
    lbtest_ready(&t, 4);
    for (int k = 0; k < 400; k++)
        t.eps[pick_key(1)].active++;
    assert_int_equal(t.eps[pick_key(1)].active, 400);
    lbtest_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_xxh64),
        cmocka_unit_test(ring_has_the_known_size_and_entries),
        cmocka_unit_test(find_is_the_first_at_or_behind),
        cmocka_unit_test(order_of_the_list_does_not_matter),
        cmocka_unit_test(only_its_keys_move_when_one_goes_down),
        cmocka_unit_test(few_keys_move_when_one_leaves_the_list),
        cmocka_unit_test(only_its_keys_move_when_places_are_fixed),
        cmocka_unit_test(keys_of_the_source_replace_addresses),
        cmocka_unit_test(walk_with_a_key),
        cmocka_unit_test(walk_without_a_key_connects_one_at_a_time),
        cmocka_unit_test(trouble_connects_an_idle_one),
        cmocka_unit_test(bounded_load_passes_over_the_hot_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
