/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: how parts are written, what each takes from a call, and that calls share a hash exactly when all parts are equal. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/claims.h"
#include "filter/filter.h"
#include "filter/key.h"
#include "h2/headers.h"
#include "net/addr.h"

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

struct call {
    struct filter_call fc;
    struct h2_headers request;
    struct h2_entry fields[4];
    struct addr address;
    struct claim claim[2];
    struct claims claims;
    const char *identity;
};

static const struct sip_secret secret = { 1, 2 };

static const char *
identity_of(const struct filter_call *fc)
{
    return CONTAINER_OF(fc, struct call, fc)->identity;
}

static const struct filter_host host = { .identity = identity_of };

/* Stand-in for jwt's. */
const struct claim *
claims_find(const struct claims *c, struct slice name, size_t *at)
{
    for (; *at < c->n; (*at)++) {
        if (slice_eq(c->v[*at].name, name))
            return &c->v[(*at)++];
    }
    return NULL;
}

static void
call_header(struct call *c, const char *name, const char *value)
{
    c->fields[c->request.n++].f = (struct h2_field){
        .name = (uint8_t *)name,
        .value = (uint8_t *)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
    };
}

static void
call_init(struct call *c, const char *address)
{
    const char *why = "";

    *c = (struct call){ 0 };
    if (address)
        assert_int_equal(addr_parse(address, false, &c->address, &why), ERR_OK);
    c->request.v = c->fields;
    c->fc = (struct filter_call){
        .host = &host,
        .request = &c->request,
        .address = &c->address,
        .worker = 1,
        .connection = 42,
        .route = "orders",
        .path = slice_of("/shop.Cart/Add"),
        .service = slice_of("shop.Cart"),
        .method = slice_of("Add"),
    };
}

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
take(struct call *c, const char *part, char room[KEY_ROOM])
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
expect(struct call *c, const char *part, const char *want)
{
    char room[KEY_ROOM];
    struct slice got = take(c, part, room);

    if (want ? !slice_eq_str(got, want) : got.p != NULL)
        fail_msg("%s is \"%.*s\", not \"%s\"", part, (int)got.n,
                 got.p ? (const char *)got.p : "", want ? want : "(none)");
}

static struct sip_hash
hash(struct call *c, const char *json, bool *missing)
{
    struct conf_snapshot *s = load(json);
    struct sip_hash h = key_hash(key_of(s), &c->fc, &secret, missing);

    conf_drop(s);
    return h;
}

static void
takes_what_its_words_say(void **state)
{
    struct call c;

    (void)state;
    call_init(&c, "10.1.2.3:999");
    call_header(&c, "x-tenant", "blue");
    call_header(&c, "x-tenant", "red");
    call_header(&c, "x-empty", "");
    c.claim[0] = (struct claim){ slice_of("sub"), slice_of("ann") };
    c.claim[1] = (struct claim){ slice_of("realm.role"), slice_of("boss") };
    c.claims = (struct claims){ 2, c.claim };
    c.fc.claims = &c.claims;
    c.fc.client = slice_of("billing");
    c.identity = "spiffe://shop/cart";
    expect(&c, "header:x-tenant", "blue");
    expect(&c, "header:x-empty", "");
    expect(&c, "claim:sub", "ann");
    expect(&c, "claim:realm.role", "boss");
    expect(&c, "san", "spiffe://shop/cart");
    expect(&c, "client", "billing");
    expect(&c, "connection", "1.42");
    expect(&c, "method", "Add");
    expect(&c, "service", "shop.Cart");
    expect(&c, "path", "/shop.Cart/Add");
    expect(&c, "route", "orders");
    c.fields[0].f.value = (uint8_t *)"shop:443";
    c.fields[0].f.valuelen = 8;
    c.request.first[H2_TOKEN_HOST] = 1;
    expect(&c, "host", "shop:443");
}

static void
what_is_not_there_is_missing(void **state)
{
    static const char *const parts[] = { "header:x-tenant", "claim:sub", "address", "san",
                                         "client",          "host" };
    struct call c;

    (void)state;
    call_init(&c, NULL);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        expect(&c, parts[i], NULL);
}

static void
addresses_are_cut_to_their_bits(void **state)
{
    struct call c;

    (void)state;
    call_init(&c, "10.1.2.3:999");
    expect(&c, "address", "10.1.2.3");
    expect(&c, "address/24", "10.1.2.0/24");
    expect(&c, "address/9", "10.0.0.0/9");
    expect(&c, "address/32", "10.1.2.3");
    expect(&c, "address/1", "0.0.0.0/1");
    call_init(&c, "[2001:db8:1:2:3:4:5:6]:999");
    expect(&c, "address", "2001:db8:1:2::/64");
    expect(&c, "address/24", "2001:db8:1:2::/64");
    expect(&c, "address/24/47", "2001:db8::/47");
    expect(&c, "address/32/128", "2001:db8:1:2:3:4:5:6");
    call_init(&c, "[::ffff:10.1.2.3]:999");
    expect(&c, "address/16", "10.1.0.0/16");
    call_init(&c, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1");
    expect(&c, "address/1/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
    call_init(&c, "unix:/tmp/x");
    expect(&c, "address/8", "unix");
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
    struct call a, b;
    bool missing = true;
    struct sip_hash h;

    (void)state;
    call_init(&a, "10.1.2.3:1");
    call_header(&a, "x-tenant", "blue");
    call_init(&b, "10.1.2.4:2");
    call_header(&b, "x-tenant", "blue");
    h = hash(&a, json, &missing);
    assert_false(missing);
    assert_true(sip_hash_equal(h, hash(&b, json, &missing)));
    b.fc.method = slice_of("Adds");
    assert_false(sip_hash_equal(h, hash(&b, json, &missing)));
    /* Bytes cannot wander from one part into the next. */
    b.fields[0].f.value = (uint8_t *)"blueA";
    b.fields[0].f.valuelen = 5;
    b.fc.method = slice_of("dd");
    assert_false(sip_hash_equal(h, hash(&b, json, &missing)));
}

static void
missing_is_not_empty(void **state)
{
    const char *json = "{ \"key\": [\"header:a\", \"header:b\"] }";
    struct call none, empty, other;
    struct sip_hash h[3];
    bool missing = false;

    (void)state;
    call_init(&none, NULL);
    call_init(&empty, NULL);
    call_header(&empty, "a", "");
    call_init(&other, NULL);
    call_header(&other, "b", "");
    h[0] = hash(&none, json, &missing);
    assert_true(missing);
    h[1] = hash(&empty, json, &missing);
    assert_true(missing);
    h[2] = hash(&other, json, &missing);
    assert_false(sip_hash_equal(h[0], h[1]));
    assert_false(sip_hash_equal(h[0], h[2]));
    assert_false(sip_hash_equal(h[1], h[2]));
    call_header(&empty, "b", "");
    hash(&empty, json, &missing);
    assert_false(missing);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_its_words_say),
        cmocka_unit_test(what_is_not_there_is_missing),
        cmocka_unit_test(addresses_are_cut_to_their_bits),
        cmocka_unit_test(refuses_what_is_no_part),
        cmocka_unit_test(equal_parts_share_a_hash),
        cmocka_unit_test(missing_is_not_empty),
        cmocka_unit_test(prints_its_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
