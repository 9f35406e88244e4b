/* SPDX-License-Identifier: Apache-2.0 */
/* Verified tokens: dates to the millisecond, issuer and audience, required claims, what headers get. Signatures are in test_jwt_hostile.c. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "filter/token.h"
#include "jwtmake.h"

#define NOW_S  INT64_C(1700000000)
#define NOW_MS (NOW_S * 1000)

static struct token_home *home;
static struct reaper reaper;
static struct jwtkey *key;
static struct slice audiences[2];
static struct token_rules rules;
static struct token_draft draft;

static int
begin(void **state)
{
    (void)state;
    key = jwtkey_new(SIG_HS256, NULL, 0);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    jwtkey_free(key);
    return 0;
}

static int
setup(void **state)
{
    (void)state;
    home = token_home_new();
    audiences[0] = slice_of("orders");
    audiences[1] = slice_of("stock");
    rules = (struct token_rules){
        .issuer = slice_of("me"),
        .audiences = audiences,
        .n_audiences = 2,
        .algs = SIG_SET_HS,
        .skew_ms = 60000,
        .require_exp = true,
    };
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    reap_run(&reaper);
    assert_int_equal(home->alive, 0);
    token_home_close(home);
    return 0;
}

/* What the rules say of a payload at this time; *ret: the token, to be dropped. */
static enum jwt_result
judge(const char *payload, int64_t now_ms, struct token **ret)
{
    char *text = jwt_make(key, payload);
    enum jwt_result r = token_draft_read(&draft, slice_of(text), rules.algs);

    if (r == JWT_OK)
        r = token_make(home, &draft, &rules, now_ms, ret);
    xfree(text);
    return r;
}

static void
expect(const char *payload, int64_t now_ms, enum jwt_result want)
{
    struct token *t;
    enum jwt_result r = judge(payload, now_ms, &t);

    if (r != want)
        fail_msg("%s at %lld: result %d, not %d", payload, (long long)now_ms, r, want);
    if (r == JWT_OK)
        token_drop(t, &reaper);
}

/* A payload with these dates: "exp":..., and so on. */
static void
expect_dates(const char *dates, int64_t now_ms, enum jwt_result want)
{
    char payload[256];

    snprintf(payload, sizeof(payload), "{\"iss\":\"me\",\"aud\":\"orders\"%s%s}",
             dates[0] ? "," : "", dates);
    expect(payload, now_ms, want);
}

static void
tokens_end_at_exp_and_the_skew(void **state)
{
    (void)state;
    expect_dates("\"exp\":1700000000", NOW_MS, JWT_OK);
    expect_dates("\"exp\":1700000000", NOW_MS + 59999, JWT_OK);
    expect_dates("\"exp\":1700000000", NOW_MS + 60000, JWT_EXPIRED);
    expect_dates("\"exp\":1699999940", NOW_MS - 1, JWT_OK);
    expect_dates("\"exp\":1699999940", NOW_MS, JWT_EXPIRED);
    rules.skew_ms = 0;
    expect_dates("\"exp\":1700000000", NOW_MS - 1, JWT_OK);
    expect_dates("\"exp\":1700000000", NOW_MS, JWT_EXPIRED);
    rules.skew_ms = 1500;
    expect_dates("\"exp\":1700000000", NOW_MS + 1499, JWT_OK);
    expect_dates("\"exp\":1700000000", NOW_MS + 1500, JWT_EXPIRED);
    expect_dates("\"exp\":0", NOW_MS, JWT_EXPIRED);
    expect_dates("\"exp\":-1", NOW_MS, JWT_EXPIRED);
    expect_dates("\"exp\":-9223372036854775808", NOW_MS, JWT_EXPIRED);
    expect_dates("\"exp\":9223372036854775807", NOW_MS, JWT_OK);
    expect_dates("\"exp\":1700000000000", NOW_MS, JWT_OK); /* ms by mistake: far away */
}

static void
exp_is_a_whole_number_and_there(void **state)
{
    static const char *const bad[] = { "1800000000.5", "1.8e9", "\"1800000000\"",
                                       "null",         "true",  "[]",
                                       "[1800000000]", "{}",    "1800000000.0" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char dates[64];

        snprintf(dates, sizeof(dates), "\"exp\":%s", bad[i]);
        expect_dates(dates, NOW_MS, JWT_MALFORMED);
        rules.require_exp = false;
        expect_dates(dates, NOW_MS, JWT_MALFORMED);
        rules.require_exp = true;
    }
    expect_dates("", NOW_MS, JWT_NO_EXPIRY);
    expect_dates("\"Exp\":1800000000", NOW_MS, JWT_NO_EXPIRY);
    rules.require_exp = false;
    expect_dates("", NOW_MS, JWT_OK);
    expect_dates("\"exp\":1", NOW_MS, JWT_EXPIRED); /* what is there counts */
}

static void
tokens_begin_at_nbf_and_iat(void **state)
{
    static const char *const names[] = { "nbf", "iat" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char dates[128];

        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":1700000060", names[i]);
        expect_dates(dates, NOW_MS, JWT_OK);
        expect_dates(dates, NOW_MS - 1, JWT_NOT_YET);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":1700000060.25",
                 names[i]);
        expect_dates(dates, NOW_MS + 250, JWT_OK);
        expect_dates(dates, NOW_MS + 249, JWT_NOT_YET);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":1e300", names[i]);
        expect_dates(dates, NOW_MS, JWT_NOT_YET);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":-1e300", names[i]);
        expect_dates(dates, NOW_MS, JWT_OK);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":9223372036854775807",
                 names[i]);
        expect_dates(dates, NOW_MS, JWT_NOT_YET);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":\"1\"", names[i]);
        expect_dates(dates, NOW_MS, JWT_MALFORMED);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":null", names[i]);
        expect_dates(dates, NOW_MS, JWT_MALFORMED);
        snprintf(dates, sizeof(dates), "\"exp\":1800000000,\"%s\":[1]", names[i]);
        expect_dates(dates, NOW_MS, JWT_MALFORMED);
    }
    expect_dates("\"exp\":1800000000,\"iat\":1,\"nbf\":1700000100", NOW_MS, JWT_NOT_YET);
    expect_dates("\"exp\":1800000000,\"iat\":1700000100,\"nbf\":1", NOW_MS, JWT_NOT_YET);
    expect_dates("\"exp\":1699990000,\"nbf\":1700001000", NOW_MS, JWT_EXPIRED);
}

static void
a_token_knows_when_it_may_be_used(void **state)
{
    struct token *t;

    (void)state;
    assert_int_equal(
        judge("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1700000100,\"nbf\":"
              "1699999000,\"iat\":1699999500}",
              NOW_MS, &t),
        JWT_OK);
    assert_int_equal(t->from_ms, INT64_C(1699999500000) - 60000);
    assert_int_equal(t->until_ms, INT64_C(1700000100000) + 60000);
    token_drop(t, &reaper);
    rules.require_exp = false;
    assert_int_equal(judge("{\"iss\":\"me\",\"aud\":\"orders\"}", NOW_MS, &t), JWT_OK);
    assert_true(t->from_ms == INT64_MIN && t->until_ms == INT64_MAX);
    token_drop(t, &reaper);
}

static void
issuer_and_audience_are_compared_letter_for_letter(void **state)
{
    static const struct {
        const char *claims;
        enum jwt_result want;
    } rows[] = {
        { "\"iss\":\"me\",\"aud\":\"orders\"", JWT_OK },
        { "\"iss\":\"me\",\"aud\":\"stock\"", JWT_OK },
        { "\"iss\":\"me\",\"aud\":[\"x\",\"stock\"]", JWT_OK },
        { "\"iss\":\"\\u006de\",\"aud\":[null,7,{\"a\":[]},\"orders\"]", JWT_OK },
        { "\"iss\":\"me\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":null", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":\"\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":[]", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":\"Orders\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":\"orders \"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":\"order\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":\"orders stock\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":{\"a\":\"orders\"}", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":[[\"orders\"]]", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":[{\"\":\"orders\"}]", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"aud\":[\"x\"],\"z\":[\"orders\"]", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"Aud\":\"orders\"", JWT_AUDIENCE },
        { "\"iss\":\"me\",\"x\":{\"aud\":\"orders\"}", JWT_AUDIENCE },
        { "\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":null,\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":[\"me\"],\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":\"ME\",\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":\"me/\",\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":\"\",\"aud\":\"orders\"", JWT_ISSUER },
        { "\"iss\":\"me \",\"aud\":\"orders\"", JWT_ISSUER },
        { "\"x\":{\"iss\":\"me\"},\"aud\":\"orders\"", JWT_ISSUER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char payload[256];

        snprintf(payload, sizeof(payload), "{\"exp\":1800000000,%s}", rows[i].claims);
        expect(payload, NOW_MS, rows[i].want);
    }
}

static void
required_claims_have_exactly_their_value(void **state)
{
    static struct conf_pair pairs[] = { { "admin", "true" },
                                        { "r.roles", "user" },
                                        { "tenant", "7" } };
    static const struct conf_map required = { pairs, 3 };
    static const struct {
        const char *claims;
        enum jwt_result want;
    } rows[] = {
        { "\"admin\":true,\"r\":{\"roles\":[\"a\",\"user\"]},\"tenant\":7", JWT_OK },
        { "\"admin\":\"true\",\"r\":{\"roles\":\"user\"},\"tenant\":\"7\"", JWT_OK },
        { "\"admin\":false,\"r\":{\"roles\":[\"user\"]},\"tenant\":7", JWT_CLAIM },
        { "\"admin\":true,\"r\":{\"roles\":[\"users\"]},\"tenant\":7", JWT_CLAIM },
        { "\"admin\":true,\"r\":{\"roles\":[\"user\"]},\"tenant\":77", JWT_CLAIM },
        { "\"admin\":true,\"r\":{\"roles\":[\"user\"]},\"tenant\":7.0", JWT_CLAIM },
        { "\"admin\":true,\"roles\":[\"user\"],\"tenant\":7", JWT_CLAIM },
        { "\"admin\":true,\"r\":{\"roles\":[\"user\"]}", JWT_CLAIM },
        { "\"admin\":null,\"r\":{\"roles\":[\"user\"]},\"tenant\":7", JWT_CLAIM },
    };

    (void)state;
    rules.required = &required;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char payload[256];

        snprintf(payload, sizeof(payload),
                 "{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000,%s}",
                 rows[i].claims);
        expect(payload, NOW_MS, rows[i].want);
    }
}

static void
headers_get_what_a_header_can_hold(void **state)
{
    static struct conf_pair pairs[] = { { "x-v", "v" } };
    static const struct conf_map headers = { pairs, 1 };
    static const struct {
        const char *json, *text; /* text NULL: no header */
        bool lost;
    } rows[] = {
        { "\"v\":\"joe\"", "joe", false },
        { "\"v\":7", "7", false },
        { "\"v\":true", "true", false },
        { "\"v\":-1.50", "-1.50", false },
        { "\"v\":\"a b, c\"", "a b, c", false },
        { "\"v\":[\"a\",\"b\",3]", "a,b,3", false },
        { "\"v\":[\"a\"]", "a", false },
        { "\"x\":1", NULL, false },
        { "\"v\":null", NULL, false },
        { "\"v\":[]", NULL, false },
        { "\"v\":{\"w\":1}", NULL, false },
        { "\"v\":\"\"", NULL, true },
        { "\"v\":\" a\"", NULL, true },
        { "\"v\":\"a \"", NULL, true },
        { "\"v\":\"a\\r\\nx-admin: 1\"", NULL, true },
        { "\"v\":\"a\\tb\"", NULL, true },
        { "\"v\":\"\xc3\xa4\"", NULL, true },
        { "\"v\":\"\\u007f\"", NULL, true },
        { "\"v\":[\"a\",\"b,admin\"]", NULL, true },
        { "\"v\":[\"a\",\"\"]", NULL, true },
        { "\"v\":[\"a\",\"b\\n\"]", NULL, true },
    };

    (void)state;
    rules.headers = &headers;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char payload[256];
        struct token *t;

        snprintf(payload, sizeof(payload),
                 "{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000,%s}",
                 rows[i].json);
        assert_int_equal(judge(payload, NOW_MS, &t), JWT_OK);
        assert_int_equal(t->n_values, 1);
        if (rows[i].text ? !slice_eq_str(t->values[0].text, rows[i].text)
                         : t->values[0].text.p != NULL)
            fail_msg("%s", rows[i].json);
        assert_int_equal(t->values_lost, rows[i].lost);
        token_drop(t, &reaper);
    }
}

static void
long_values_are_no_headers(void **state)
{
    static struct conf_pair pairs[] = { { "x-l", "l" }, { "x-v", "v" } };
    static const struct conf_map headers = { pairs, 2 };
    struct strbuf b;

    (void)state;
    rules.headers = &headers;
    for (unsigned n = 4096; n <= 4097; n++) {
        struct token *t;

        strbuf_init(&b, 16 * 1024);
        strbuf_puts(&b, "{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000,\"v\":\"");
        for (unsigned i = 0; i < n; i++)
            strbuf_puts(&b, "v");
        strbuf_puts(&b, "\",\"l\":[");
        for (unsigned i = 0; i < 20; i++)
            strbuf_printf(&b, "%s\"%08u\"", i ? "," : "", i);
        strbuf_puts(&b, "]}");
        assert_int_equal(judge(b.s, NOW_MS, &t), JWT_OK);
        assert_int_equal(t->values[0].text.n, 179);
        assert_int_equal(t->values[1].text.n, n == 4096 ? 4096 : 0);
        assert_int_equal(t->values_lost, n == 4096 ? 0 : 1);
        token_drop(t, &reaper);
        strbuf_done(&b);
    }
}

static void
a_token_has_its_own_copy_of_everything(void **state)
{
    char *text = jwt_make(key, "{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000,"
                               "\"a\":{\"b\":[\"c\\n\"]}}");
    char *copy = xstrdup(text);
    struct token *t;

    (void)state;
    assert_int_equal(token_draft_read(&draft, slice_of(text), SIG_SET_HS), JWT_OK);
    assert_int_equal(token_make(home, &draft, &rules, NOW_MS, &t), JWT_OK);
    memset(text, 'x', strlen(text));
    memset(&draft, 'x', sizeof(draft));
    assert_true(slice_eq_str(t->text, copy));
    assert_int_equal(t->payload.p - t->text.p, strchr(copy, '.') + 1 - copy);
    assert_int_equal(t->payload.n, strrchr(copy, '.') - strchr(copy, '.') - 1);
    assert_int_equal(t->claims.n, 4);
    assert_true(claims_has(&t->claims, slice_of("a.b"), slice_of("c\n")));
    xfree(copy);
    xfree(text);
    token_drop(t, &reaper);
}

/* What a call found in a token is good until the end of the turn in which it was given back. */
static void
memory_of_a_token_goes_after_the_turn(void **state)
{
    struct token *t;

    (void)state;
    assert_int_equal(
        judge("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000}", NOW_MS, &t),
        JWT_OK);
    ref_hold(&t->ref);
    token_drop(t, &reaper);
    reap_run(&reaper);
    assert_int_equal(home->alive, 1);
    token_drop(t, &reaper);
    assert_int_equal(home->alive, 1);
    assert_true(slice_eq_str(t->claims.v[0].value, "me"));
    reap_run(&reaper);
    assert_int_equal(home->alive, 0);
}

static void
a_home_that_is_closed_goes_with_its_last_token(void **state)
{
    struct token_home *mine = home;
    struct token *t;

    (void)state;
    assert_int_equal(
        judge("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":1800000000}", NOW_MS, &t),
        JWT_OK);
    token_home_close(mine);
    assert_int_equal(mine->alive, 1);
    token_drop(t, NULL); /* and the home: the leak checker sees it otherwise */
    home = token_home_new();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens_end_at_exp_and_the_skew),
        TEST(exp_is_a_whole_number_and_there),
        TEST(tokens_begin_at_nbf_and_iat),
        TEST(a_token_knows_when_it_may_be_used),
        TEST(issuer_and_audience_are_compared_letter_for_letter),
        TEST(required_claims_have_exactly_their_value),
        TEST(headers_get_what_a_header_can_hold),
        TEST(long_values_are_no_headers),
        TEST(a_token_has_its_own_copy_of_everything),
        TEST(memory_of_a_token_goes_after_the_turn),
        TEST(a_home_that_is_closed_goes_with_its_last_token),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
