/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: how parts are written, what each takes from a call, and that calls share a hash exactly when all parts are equal. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/bucket_table.h"
#include "filter/claims.h"
#include "filter/key.h"
#include "filterrig.h"

struct root {
    struct conf_list key;
};

static const struct conf_field root_fields[] = {
    { .key = "key",
      .type = CONF_LIST,
      .at = offsetof(struct root, key),
      .sub = &key_part_struct,
      .max = KEY_PARTS_MAX,
      .one_ok = true,
      .help = "the key",
      .example = "[]" },
    { .key = NULL },
};

static const struct conf_struct root_struct = {
    .name = "file",
    .size = sizeof(struct root),
    .fields = root_fields,
};

static const struct sip_secret secret = { 1, 2 };

static struct rigcall *
call_from(const char *address)
{
    struct rigcall *c = rig_call("shop.Cart/Add");
    const char *why = "";

    c->address = (struct addr){ 0 };
    if (address)
        assert_int_equal(addr_parse(address, false, &c->address, &why), ERR_OK);
    return c;
}

static int
setup(void **state)
{
    rig_setup(state);
    rig_chain(NULL, 0);
    return 0;
}

#define KEY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

static struct conf_snapshot *
load(const char *json)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 4096);
    if (conf_load_text(&root_struct, "t.json", json, strlen(json), &problems, &s) !=
        ERR_OK)
        fail_msg("%s", problems.s);
    strbuf_done(&problems);
    return s;
}

static const struct conf_list *
key_of(const struct conf_snapshot *s)
{
    return &((const struct root *)conf_root(s))->key;
}

static struct slice
take(struct rigcall *c, const char *part, char room[KEY_ROOM])
{
    char json[128];
    struct conf_snapshot *s;
    struct slice got;

    snprintf(json, sizeof(json), "{ \"key\": \"%s\" }", part);
    s = load(json);
    assert_int_equal(key_of(s)->n, 1);
    got = key_part_get(key_of(s)->items, &c->fc, room);
    /* What is not made in room belongs to the call, or is a literal: never to the config. */
    conf_drop(s);
    return got;
}

static void
expect(struct rigcall *c, const char *part, const char *want)
{
    char room[KEY_ROOM];
    struct slice got = take(c, part, room);

    if (want ? !slice_eq_str(got, want) : got.p != NULL)
        fail_msg("%s is \"%.*s\", not \"%s\"", part, (int)got.n,
                 got.p ? (const char *)got.p : "", want ? want : "(none)");
}

static struct sip_hash
hash(struct rigcall *c, const char *json, bool *missing)
{
    struct conf_snapshot *s = load(json);
    struct sip_hash h = key_hash(key_of(s), &c->fc, &secret, missing);

    conf_drop(s);
    return h;
}

static void
takes_what_its_words_say(void **state)
{
    struct claim v[] = { { slice_of("sub"), slice_of("ann") },
                         { slice_of("realm.role"), slice_of("boss") },
                         { slice_of("realm.role"), slice_of("cook") } };
    struct claims claims = { ARRAY_LEN(v), v };
    struct rigcall *c = call_from("10.1.2.3:999");

    (void)state;
    rig_header(c, "x-tenant", "blue");
    rig_header(c, "x-tenant", "red");
    rig_header(c, "x-empty", "");
    c->fc.claims = &claims;
    c->fc.client = slice_of("billing");
    c->identity = "spiffe://shop/cart";
    c->connection = 42;
    c->fc.worker = 1;
    expect(c, "header:x-tenant", "blue");
    expect(c, "header:x-empty", "");
    expect(c, "claim:sub", "ann");
    expect(c, "claim:realm.role", "boss");
    expect(c, "address", "10.1.2.3");
    expect(c, "san", "spiffe://shop/cart");
    expect(c, "client", "billing");
    expect(c, "connection", "1.42");
    expect(c, "method", "Add");
    expect(c, "service", "shop.Cart");
    expect(c, "path", "/shop.Cart/Add");
    expect(c, "host", "test.example");
    expect(c, "route", "routes[0]");
    rig_end(c, GRPC_OK);
}

static void
what_is_not_there_is_missing(void **state)
{
    static const char *const parts[] = { "header:x-tenant", "claim:sub", "address", "san",
                                         "client" };
    struct rigcall *c = call_from(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        expect(c, parts[i], NULL);
    rig_end(c, GRPC_OK);
}

static void
addresses_are_cut_to_their_bits(void **state)
{
    static const struct {
        const char *from, *part, *want;
    } rows[] = {
        { "10.1.2.3:999", "address", "10.1.2.3" },
        { "10.1.2.3:999", "address/24", "10.1.2.0/24" },
        { "10.1.2.3:999", "address/9", "10.0.0.0/9" },
        { "10.1.2.3:999", "address/32", "10.1.2.3" },
        { "10.1.2.3:999", "address/1", "0.0.0.0/1" },
        { "[2001:db8:1:2:3:4:5:6]:999", "address", "2001:db8:1:2::/64" },
        { "[2001:db8:1:2:3:4:5:6]:999", "address/24", "2001:db8:1:2::/64" },
        { "[2001:db8:1:2:3:4:5:6]:999", "address/24/47", "2001:db8::/47" },
        { "[2001:db8:1:2:3:4:5:6]:999", "address/32/128", "2001:db8:1:2:3:4:5:6" },
        { "[::ffff:10.1.2.3]:999", "address/16", "10.1.0.0/16" },
        { "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1", "address/1/127",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
        { "unix:/tmp/x", "address/8", "unix" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = call_from(rows[i].from);

        expect(c, rows[i].part, rows[i].want);
        rig_end(c, GRPC_OK);
    }
}

static void
refuses_what_is_no_part(void **state)
{
    static const char *const bad[] = {
        "",           "tenant",        "header:",       "header:X-Tenant", "header:a b",
        "claim:",     "methods",       "address/",      "address/33",      "address/0",
        "address/8/", "address/8/129", "address/8/8/8", "address24",       "address/0x8",
        "san:",       "header:t-bin",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct conf_snapshot *s = NULL;
        struct strbuf problems;
        char json[128];

        snprintf(json, sizeof(json), "{ \"key\": [\"method\", \"%s\"] }", bad[i]);
        strbuf_init(&problems, 4096);
        if (conf_load_text(&root_struct, "t.json", json, strlen(json), &problems, &s) !=
            ERR_SYNTAX)
            fail_msg("\"%s\" was taken", bad[i]);
        if (!strstr(problems.s, "E0430") || !strstr(problems.s, "key[1]") ||
            !strstr(problems.s, "write ") == !strstr(problems.s, "name one with"))
            fail_msg("\"%s\": %s", bad[i], problems.s);
        strbuf_done(&problems);
    }
}

static void
equal_parts_share_a_hash(void **state)
{
    const char *json = "{ \"key\": [\"header:x-tenant\", \"method\"] }";
    struct rigcall *a = call_from("10.1.2.3:1"), *b = call_from("10.1.2.4:2"),
                   *shifted = call_from("10.1.2.3:1");
    bool missing = true;
    struct sip_hash h;

    (void)state;
    rig_header(a, "x-tenant", "blue");
    rig_header(b, "x-tenant", "blue");
    h = hash(a, json, &missing);
    assert_false(missing);
    assert_true(sip_hash_equal(h, hash(b, json, &missing)));
    b->fc.method = slice_of("Adds");
    assert_false(sip_hash_equal(h, hash(b, json, &missing)));
    /* Bytes cannot wander from one part into the next. */
    rig_header(shifted, "x-tenant", "blueA");
    shifted->fc.method = slice_of("dd");
    assert_false(sip_hash_equal(h, hash(shifted, json, &missing)));
    rig_end(a, GRPC_OK);
    rig_end(b, GRPC_OK);
    rig_end(shifted, GRPC_OK);
}

static void
missing_is_not_empty(void **state)
{
    const char *json = "{ \"key\": [\"header:a\", \"header:b\"] }";
    struct rigcall *none = call_from(NULL), *empty = call_from(NULL),
                   *other = call_from(NULL);
    struct sip_hash h[3];
    bool missing = false;

    (void)state;
    rig_header(empty, "a", "");
    rig_header(other, "b", "");
    h[0] = hash(none, json, &missing);
    assert_true(missing);
    h[1] = hash(empty, json, &missing);
    assert_true(missing);
    h[2] = hash(other, json, &missing);
    assert_true(missing);
    assert_false(sip_hash_equal(h[0], h[1]));
    assert_false(sip_hash_equal(h[0], h[2]));
    assert_false(sip_hash_equal(h[1], h[2]));
    rig_header(empty, "b", "");
    hash(empty, json, &missing);
    assert_false(missing);
    rig_end(none, GRPC_OK);
    rig_end(empty, GRPC_OK);
    rig_end(other, GRPC_OK);
}

static void
prints_its_parts(void **state)
{
    struct conf_snapshot *s = load("{ \"key\": [\"header:x-tenant\", \"address/24\"] }");
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 128);
    key_print(key_of(s), &out);
    assert_string_equal(out.s, "header:x-tenant, address/24");
    strbuf_done(&out);
    conf_drop(s);
}

/* --- floods (reliability.md E2) ------------------------------------------------------- */

enum { FLOOD_KEYS = 100000, FLOOD_PAIRS = 17, FLOOD_LEN = 2 * FLOOD_PAIRS };

/* The hash that tables of many languages use for strings. Nobody needs to know more to make keys that share it: "Aa" and "BB" do. */
static uint32_t
plain_hash(const char *p, size_t n)
{
    uint32_t h = 0;

    while (n--)
        h = 31 * h + (uint8_t)*p++;
    return h;
}

static void
crafted_key(unsigned i, char out[FLOOD_LEN])
{
    for (unsigned k = 0; k < FLOOD_PAIRS; k++)
        memcpy(out + 2 * k, i >> k & 1 ? "Aa" : "BB", 2);
}

static void
random_key(struct rng *rng, char out[FLOOD_LEN])
{
    for (unsigned k = 0; k < FLOOD_LEN; k++)
        out[k] = (char)('a' + rng_below(rng, 26));
}

/* Entries that a search looks at, over all keys of a table that has them; *ret_most: for the worst of them. */
static uint64_t
steps_of_flood(bool crafted, const struct sip_secret *with, uint32_t *ret_most)
{
    struct conf_snapshot *s = load("{ \"key\": \"client\" }");
    struct rigcall *c = call_from(NULL);
    struct sip_hash *of = calloc(FLOOD_KEYS, sizeof(*of));
    struct bucket_table *t;
    struct bucket_rule rule;
    struct rng rng;
    uint64_t sum = 0;

    assert_non_null(of);
    unit_seed(&rng);
    assert_true(bucket_rule_init(&rule, 10, 1000000, 5));
    t = bucket_table_new(&rule, FLOOD_KEYS + FLOOD_KEYS / 8); /* no shard is ever full */
    for (unsigned i = 0; i < FLOOD_KEYS; i++) {
        char text[FLOOD_LEN];
        enum bucket_place place;
        bool missing;

        if (crafted)
            crafted_key(i, text);
        else
            random_key(&rng, text);
        if (crafted)
            assert_int_equal(plain_hash(text, FLOOD_LEN),
                             plain_hash("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", FLOOD_LEN));
        c->fc.client = slice_make(text, FLOOD_LEN);
        of[i] = key_hash(key_of(s), &c->fc, with, &missing);
        assert_true(bucket_table_take(t, of[i], 1, 0, NULL, &place));
        assert_int_equal(place, BUCKET_ADDED);
    }
    *ret_most = 0;
    for (unsigned i = 0; i < FLOOD_KEYS; i++) {
        uint32_t steps = bucket_table_steps(t, of[i]);

        sum += steps;
        *ret_most = steps > *ret_most ? steps : *ret_most;
    }
    bucket_table_free(t);
    free(of);
    c->fc.client = (struct slice){ 0 };
    rig_end(c, GRPC_OK);
    conf_drop(s);
    return sum;
}

/* In a table with that hash each search would look at 50,000 of them. */
static void
keys_that_collide_elsewhere_are_like_all_others_here(void **state)
{
    uint32_t most_crafted, most_random;
    uint64_t crafted, random;
    struct sip_secret own;

    (void)state;
    sip_secret_make(&own);
    crafted = steps_of_flood(true, &own, &most_crafted);
    random = steps_of_flood(false, &own, &most_random);
    assert_true(random >= FLOOD_KEYS); /* each is found */
    assert_true(crafted >= FLOOD_KEYS);
    assert_true(crafted <= 2 * random);
    assert_true(crafted <= 2 * FLOOD_KEYS);
    assert_true(most_crafted <= 20);
    assert_true(most_random <= 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(takes_what_its_words_say),
        KEY_TEST(what_is_not_there_is_missing),
        KEY_TEST(addresses_are_cut_to_their_bits),
        KEY_TEST(refuses_what_is_no_part),
        KEY_TEST(equal_parts_share_a_hash),
        KEY_TEST(missing_is_not_empty),
        KEY_TEST(prints_its_parts),
        KEY_TEST(keys_that_collide_elsewhere_are_like_all_others_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
