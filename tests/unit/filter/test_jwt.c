/* SPDX-License-Identifier: Apache-2.0 */
/* The filter jwt on calls without a proxy: where tokens are, whose they are, what backends get, waiting for keys, and what its settings may say. */
#include "filterrig.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/claims.h"
#include "filter/jwks_source.h"
#include "filter/jwt_result.h"
#include "filter/kinds.h"
#include "jwtmake.h"

#define URL "http://127.0.0.1:1/jwks.json"

static char dir[] = "/tmp/jwt-XXXXXX";
static struct jwtkey *a, *b, *rsa;
static char *set_a, *set_b, *set_ab;
static char text[8][4096]; /* of calls of printed() */

/* ---- fetches by hand ---- */

static struct {
    unsigned started;
    bool open;
    fetch_fn *fn;
    void *arg;
} net;

static void *
start(const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    (void)args;
    net.started++;
    net.open = true;
    net.fn = fn;
    net.arg = arg;
    return &net;
}

static void
cancel(void *fetch)
{
    (void)fetch;
    net.open = false;
}

static const struct jwks_fetch_ops ops = { start, cancel };

static void
answer(const char *why, const char *set)
{
    assert_true(net.open);
    net.open = false;
    net.fn(net.arg, why, slice_of(set));
}

/* ---- the world ---- */

static const char *printed(const char *fmt, ...) PRINTF_LIKE(1, 2);

static const char *
printed(const char *fmt, ...)
{
    static unsigned turn;
    char *to = text[turn++ % 8];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(to, sizeof(text[0]), fmt, ap);
    va_end(ap);
    return to;
}

static void
put(const char *name, const char *set)
{
    FILE *f = fopen(printed("%s/%s", dir, name), "w");

    assert_non_null(f);
    fputs(set, f);
    fclose(f);
}

static int
begin(void **state)
{
    struct jwtkey *both[2];

    (void)state;
    a = both[0] = jwtkey_new(SIG_EDDSA, "a", 0);
    b = both[1] = jwtkey_new(SIG_EDDSA, "b", 0);
    rsa = jwtkey_new(SIG_RS256, "r", 0);
    set_a = jwtkeys_set(&a, 1);
    set_b = jwtkeys_set(&b, 1);
    set_ab = jwtkeys_set(both, 2);
    if (!mkdtemp(dir))
        return -1;
    put("a.json", set_a);
    put("b.json", set_b);
    put("bad.json", "{\"keys\": [");
    put("weak.json", "{\"keys\": [{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}");
    return 0;
}

static int
end(void **state)
{
    static const char *const files[] = { "a.json", "b.json", "bad.json", "weak.json" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(printed("%s/%s", dir, files[i]));
    rmdir(dir);
    xfree(set_a);
    xfree(set_b);
    xfree(set_ab);
    jwtkey_free(a);
    jwtkey_free(b);
    jwtkey_free(rsa);
    return 0;
}

static int
setup(void **state)
{
    memset(&net, 0, sizeof(net));
    jwks_source_use(&ops);
    return rig_setup(state);
}

static int
teardown(void **state)
{
    rig_teardown(state);
    jwks_source_use(NULL);
    return 0;
}

/* The keys of one issuer, and more. */
static const char *
one(const char *more)
{
    return printed("{ \"issuer\": \"me\", \"audiences\": [\"orders\"], "
                   "\"jwks\": \"file:%s/a.json\"%s }",
                   dir, more);
}

static const char *
one_by_url(const char *more)
{
    return printed("{ \"issuer\": \"me\", \"audiences\": [\"orders\"], "
                   "\"jwks\": \"" URL "\"%s }",
                   more);
}

/* A token that is good for 100 s, with more claims. */
static const char *
token(const struct jwtkey *k, const char *iss, const char *aud, const char *more)
{
    char *made = jwt_make(k, printed("{\"iss\":\"%s\",\"aud\":\"%s\",\"exp\":%lld%s}",
                                     iss, aud, (long long)time(NULL) + 100, more));
    const char *kept = printed("%s", made);

    xfree(made);
    return kept;
}

static const char *
good(void)
{
    return token(a, "me", "orders", ",\"sub\":\"joe\",\"r\":{\"roles\":[\"x\",\"y\"]}");
}

static const char *
bearer(const char *t)
{
    return printed("Bearer %s", t);
}

static struct rigcall *
call_with(const char *name, const char *value)
{
    struct rigcall *c = rig_call("shop.Stock/Get");

    if (name)
        rig_header(c, name, value);
    return c;
}

/* A call with one header, from begin to end. reason NULL: it goes on. */
static void
expect_header(const char *name, const char *value, const char *reason)
{
    struct rigcall *c = call_with(name, value);
    enum filter_verdict v = rig_request(c);

    if (!reason) {
        if (v != FILTER_NEXT)
            fail_msg("%s: %s", value, c->fc.refusal.reason);
    } else {
        if (v != FILTER_DONE)
            fail_msg("%s: passed, not %s", value, reason);
        assert_string_equal(c->fc.refusal.reason, reason);
        assert_int_equal(c->fc.refusal.code, strcmp(reason, "JWT_WRONG_AUDIENCE") == 0
                                                 ? GRPC_PERMISSION_DENIED
                                                 : GRPC_UNAUTHENTICATED);
    }
    rig_end(c, v == FILTER_NEXT ? GRPC_OK : c->fc.refusal.code);
}

static void
expect(const char *value, const char *reason)
{
    expect_header("authorization", value, reason);
}

static int64_t
counted(enum jwt_result r)
{
    return rig_counted((enum stat_id)(STAT_JWT_0 + r));
}

/* ---- where a token is ---- */

static void
a_call_needs_a_token(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(""));
    c = call_with(NULL, NULL);
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_MISSING");
    assert_string_equal(c->fc.text, "this call needs a token; send it as the header "
                                    "\"authorization: Bearer TOKEN\"");
    rig_end(c, GRPC_UNAUTHENTICATED);
    assert_int_equal(counted(JWT_MISSING), 1);
}

static void
the_scheme_is_bearer_in_any_case(void **state)
{
    const char *t = good();

    (void)state;
    rig_only(&filter_jwt, one(""));
    expect(printed("Bearer %s", t), NULL);
    expect(printed("bearer %s", t), NULL);
    expect(printed("BEARER  %s", t), NULL);
    expect(printed("bEaReR    %s", t), NULL);
    expect(t, "JWT_MISSING"); /* no scheme, no token */
    expect(printed("Bearer%s", t), "JWT_MISSING");
    expect(printed("Bearer\t%s", t), "JWT_MISSING");
    expect(printed("Basic %s", t), "JWT_MISSING");
    expect(printed("Bearer: %s", t), "JWT_MISSING");
    expect(printed("Token %s", t), "JWT_MISSING");
    expect("Bearer", "JWT_MALFORMED"); /* with a blank at the end it is no legal header */
    expect("bearer", "JWT_MALFORMED");
    expect(printed("Bearer %s,%s", t, t), "JWT_MALFORMED");
    expect(printed("Bearer Bearer %s", t), "JWT_MALFORMED");
    expect(printed("Bearer \"%s\"", t), "JWT_MALFORMED");
}

static void
two_headers_are_refused_whatever_they_say(void **state)
{
    const char *values[] = { bearer(good()), "Bearer x", "Basic x", "" };

    (void)state;
    rig_only(&filter_jwt, one(", \"require\": \"optional\""));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            struct rigcall *c = call_with("authorization", values[i]);

            rig_header(c, "x-between", "1");
            rig_header(c, "authorization", values[k]);
            assert_int_equal(rig_request(c), FILTER_DONE);
            assert_string_equal(c->fc.refusal.reason, "JWT_TWICE");
            rig_end(c, GRPC_UNAUTHENTICATED);
        }
}

static void
tokens_may_come_in_other_headers(void **state)
{
    const char *t = good();

    (void)state;
    rig_only(&filter_jwt, one(", \"fromHeaders\": [\"x-token\", { \"name\": \"x-auth\", "
                              "\"prefix\": \"JWT \" }]"));
    expect_header("x-token", t, NULL);
    expect_header("x-auth", printed("jwt %s", t), NULL);
    expect_header("x-token", printed("Bearer %s", t), "JWT_MALFORMED");
    expect_header("x-auth", t, "JWT_MISSING");
    expect(bearer(t), "JWT_MISSING");
    expect_header("x-token", "", "JWT_MALFORMED");
}

static void
long_tokens_are_refused(void **state)
{
    static char large[9000];

    (void)state;
    rig_only(&filter_jwt, one(""));
    memset(large, 'A', sizeof(large) - 1);
    memcpy(large, "Bearer ", 7);
    expect(large, "JWT_TOO_LARGE");
    large[7 + 8192] = '\0';
    expect(large, "JWT_MALFORMED");
}

/* ---- what backends get ---- */

static void
the_token_goes_and_its_claims_come(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"claimToHeaders\": { \"x-user\": \"sub\", \"x-roles\": "
                              "\"r.roles\", \"x-none\": \"none\" }, \"payloadHeader\": "
                              "\"x-payload\""));
    for (unsigned i = 0; i < 2; i++) { /* new, and from the cache */
        const char *t = i ? "" : good();
        static char kept[4096];
        size_t at = 0;

        if (i == 0)
            snprintf(kept, sizeof(kept), "%s", t);
        c = call_with("authorization", bearer(kept));
        rig_header(c, "x-user", "admin"); /* what clients send is not believed */
        rig_header(c, "x-user", "root");
        rig_header(c, "x-none", "admin");
        rig_header(c, "x-payload", "e30");
        rig_header(c, "x-other", "1");
        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_null(rig_request_header(c, "authorization"));
        assert_string_equal(rig_request_header(c, "x-user"), "joe");
        assert_string_equal(rig_request_header(c, "x-roles"), "x,y");
        assert_null(rig_request_header(c, "x-none"));
        assert_string_equal(rig_request_header(c, "x-other"), "1");
        assert_memory_equal(rig_request_header(c, "x-payload"), strchr(kept, '.') + 1,
                            strlen(rig_request_header(c, "x-payload")));
        assert_int_equal(c->request.n, 4 + 2 + 4);
        assert_non_null(c->fc.claims);
        assert_true(
            slice_eq_str(claims_find(c->fc.claims, slice_of("sub"), &at)->value, "joe"));
        rig_end(c, GRPC_OK);
    }
    assert_int_equal(counted(JWT_OK), 1);
    assert_int_equal(counted(JWT_CACHED), 1);
}

static void
a_token_is_forwarded_when_it_should(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"forward\": true"));
    c = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_non_null(rig_request_header(c, "authorization"));
    rig_end(c, GRPC_OK);
}

static void
claims_that_no_header_can_hold_are_counted(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"claimToHeaders\": { \"x-user\": \"sub\" }"));
    c = call_with("authorization",
                  bearer(token(a, "me", "orders", ",\"sub\":\"a\\r\\nx-admin: 1\"")));
    rig_header(c, "x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_null(rig_request_header(c, "x-user"));
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_counted(STAT_JWT_VALUES_LOST), 1);
}

static void
methods_can_be_left_out(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"exceptMethods\": [\"grpc.health.v1.Health/*\", "
                              "\"shop.Stock/Ping\"], \"claimToHeaders\": { \"x-user\": "
                              "\"sub\" }"));
    assert_int_equal(rig_pass("grpc.health.v1.Health/Check"), GRPC_OK);
    assert_int_equal(rig_pass("shop.Stock/Ping"), GRPC_OK);
    assert_int_equal(rig_pass("shop.Stock/Pin"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("shop.Stock/PingX"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("grpc.health.v1.HealthX/Check"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("x.grpc.health.v1.Health/Check"), GRPC_UNAUTHENTICATED);
    assert_int_equal(counted(JWT_EXCEPTED), 2);
    c = rig_call("shop.Stock/Ping");
    rig_header(c, "authorization", "Bearer what ever");
    rig_header(c, "x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "authorization"), "Bearer what ever");
    assert_null(rig_request_header(c, "x-user")); /* still nobody's word but ours */
    assert_null(c->fc.claims);
    rig_end(c, GRPC_OK);
}

static void
optional_lets_no_token_pass_but_never_a_bad_one(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"require\": \"optional\", \"claimToHeaders\": { "
                              "\"x-user\": \"sub\" }"));
    c = call_with("x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_null(rig_request_header(c, "x-user"));
    assert_null(c->fc.claims);
    rig_end(c, GRPC_OK);
    assert_int_equal(counted(JWT_NONE), 1);
    expect("Basic joe", NULL);
    expect(bearer(good()), NULL);
    expect("Bearer x.y.z", "JWT_MALFORMED");
    expect(bearer(token(b, "me", "orders", "")), "JWT_UNKNOWN_KEY");
    expect(bearer(token(a, "me", "else", "")), "JWT_WRONG_AUDIENCE");
}

/* ---- several issuers ---- */

static const char *
two(const char *more_a, const char *more_b, const char *more)
{
    return printed(
        "{ \"providers\": [{ \"issuer\": \"a\", \"audiences\": \"orders\", \"jwks\": "
        "\"file:%s/a.json\"%s }, { \"issuer\": \"b\", \"audiences\": \"orders\", "
        "\"jwks\": \"file:%s/b.json\"%s }]%s }",
        dir, more_a, dir, more_b, more);
}

static void
the_issuer_says_whose_token_it_is(void **state)
{
    (void)state;
    rig_only(&filter_jwt, two("", "", ""));
    expect(bearer(token(a, "a", "orders", "")), NULL);
    expect(bearer(token(b, "b", "orders", "")), NULL);
    expect(bearer(token(a, "b", "orders", "")), "JWT_UNKNOWN_KEY"); /* a signs for b */
    expect(bearer(token(b, "a", "orders", "")), "JWT_UNKNOWN_KEY");
    expect(bearer(token(a, "c", "orders", "")), "JWT_UNKNOWN_ISSUER");
    assert_int_equal(counted(JWT_OK), 2);
}

/* The other one's key under the name of the own one. */
static void
keys_of_one_issuer_are_not_those_of_another(void **state)
{
    struct jwtkey *liar = jwtkey_new(SIG_EDDSA, "b", 0);
    struct jwtkey *set[] = { liar };
    char *json = jwtkeys_set(set, 1);

    (void)state;
    put("a.json", json); /* a publishes a key that is called as b's */
    rig_only(&filter_jwt, two("", "", ""));
    expect(bearer(token(liar, "a", "orders", "")), NULL);
    expect(bearer(token(liar, "b", "orders", "")), "JWT_BAD_SIGNATURE");
    put("a.json", set_a);
    xfree(json);
    jwtkey_free(liar);
}

static void
providers_of_one_issuer_may_differ_in_the_audience(void **state)
{
    (void)state;
    rig_only(
        &filter_jwt,
        printed("{ \"providers\": [{ \"issuer\": \"a\", \"audiences\": \"x\", \"jwks\": "
                "\"file:%s/a.json\", \"claimToHeaders\": { \"x-x\": \"sub\" } }, { "
                "\"issuer\": \"a\", \"audiences\": \"y\", \"jwks\": \"file:%s/a.json\", "
                "\"claimToHeaders\": { \"x-y\": \"sub\" } }] }",
                dir, dir));
    for (unsigned i = 0; i < 2; i++) {
        struct rigcall *c = call_with(
            "authorization", bearer(token(a, "a", i ? "x" : "y", ",\"sub\":\"joe\"")));

        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_int_equal(rig_request_header(c, "x-x") != NULL, i == 1);
        assert_int_equal(rig_request_header(c, "x-y") != NULL, i == 0);
        rig_end(c, GRPC_OK);
    }
    expect(bearer(token(a, "a", "z", "")), "JWT_WRONG_AUDIENCE");
}

static void
each_token_that_is_sent_must_be_good(void **state)
{
    const char *ta = token(a, "a", "orders", ""), *tb = token(b, "b", "orders", "");
    const struct {
        const char *auth, *own, *reason;
    } rows[] = {
        { ta, NULL, NULL },
        { NULL, tb, NULL },
        { ta, tb, NULL },
        { ta, "x", "JWT_MALFORMED" },
        { "x", tb, "JWT_MALFORMED" },
        { NULL, ta, "JWT_UNKNOWN_ISSUER" }, /* a's tokens do not come there */
        { tb, NULL, "JWT_UNKNOWN_ISSUER" },
        { NULL, NULL, "JWT_MISSING" },
    };

    (void)state;
    rig_only(&filter_jwt, two("", ", \"fromHeaders\": \"x-b\"", ""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = rig_call("shop.Stock/Get");

        if (rows[i].auth)
            rig_header(c, "authorization", bearer(rows[i].auth));
        if (rows[i].own)
            rig_header(c, "x-b", rows[i].own);
        assert_int_equal(rig_request(c), rows[i].reason ? FILTER_DONE : FILTER_NEXT);
        if (rows[i].reason)
            assert_string_equal(c->fc.refusal.reason, rows[i].reason);
        rig_end(c, GRPC_OK);
    }
}

static void
all_needs_one_of_each(void **state)
{
    const char *ta = token(a, "a", "orders", ",\"sub\":\"a\""),
               *tb = token(b, "b", "orders", ",\"sub\":\"b\"");
    const struct {
        const char *auth, *own, *reason;
    } rows[] = {
        { ta, tb, NULL },
        { ta, NULL, "JWT_MISSING" },
        { NULL, tb, "JWT_MISSING" },
        { NULL, NULL, "JWT_MISSING" },
        { tb, ta, "JWT_UNKNOWN_ISSUER" },
        { ta, ta, "JWT_UNKNOWN_ISSUER" },
    };

    (void)state;
    rig_only(&filter_jwt, two("", ", \"fromHeaders\": \"x-b\", \"forward\": true",
                              ", \"require\": \"all\""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = rig_call("shop.Stock/Get");
        size_t at = 0;

        if (rows[i].auth)
            rig_header(c, "authorization", bearer(rows[i].auth));
        if (rows[i].own)
            rig_header(c, "x-b", rows[i].own);
        assert_int_equal(rig_request(c), rows[i].reason ? FILTER_DONE : FILTER_NEXT);
        if (rows[i].reason) {
            assert_string_equal(c->fc.refusal.reason, rows[i].reason);
        } else {
            /* The claims are those of the first provider. */
            assert_true(slice_eq_str(
                claims_find(c->fc.claims, slice_of("sub"), &at)->value, "a"));
            assert_null(rig_request_header(c, "authorization"));
            assert_non_null(rig_request_header(c, "x-b"));
        }
        rig_end(c, GRPC_OK);
    }
}

/* ---- keys that come and go ---- */

static void
other_keys_end_what_was_verified_with_the_old_ones(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    answer(NULL, set_ab);
    expect(t, NULL);
    expect(t, NULL);
    assert_int_equal(counted(JWT_CACHED), 1);
    for (unsigned i = 0; i < 700 && !net.open; i++)
        rig_advance_ms(1000);
    answer(NULL, set_b); /* a is gone */
    expect(bearer(token(b, "me", "orders", "")), NULL);
    assert_int_equal(counted(JWT_CACHED), 1);
    struct rigcall *c = call_with("authorization", t);

    assert_int_equal(rig_request(c), FILTER_WAIT); /* perhaps it comes back */
    rig_advance_ms(1);
    answer(NULL, set_b);
    rig_advance_ms(20);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_UNKNOWN_KEY");
    rig_end(c, GRPC_UNAUTHENTICATED);
    expect(t, "JWT_UNKNOWN_KEY"); /* at once */
}

static void
calls_wait_for_the_first_keys(void **state)
{
    struct rigcall *c[3], *gone;

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    for (unsigned i = 0; i < 3; i++)
        c[i] = call_with("authorization", bearer(i == 1 ? "x.y.z" : good()));
    assert_int_equal(rig_request(c[0]), FILTER_WAIT);
    assert_int_equal(rig_request(c[1]), FILTER_DONE); /* nothing helps that */
    assert_int_equal(rig_request(c[2]), FILTER_WAIT);
    gone = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(gone), FILTER_WAIT);
    rig_advance_ms(1000);
    assert_int_equal(c[0]->resumed, 0);
    rig_end(gone, GRPC_CANCELLED);
    answer(NULL, set_a);
    rig_advance_ms(11);
    assert_int_equal(c[0]->resumed, 1);
    assert_int_equal(c[0]->verdict, FILTER_NEXT);
    assert_int_equal(c[2]->verdict, FILTER_NEXT);
    assert_null(rig_request_header(c[0], "authorization"));
    for (unsigned i = 0; i < 3; i++)
        rig_end(c[i], GRPC_OK);
    assert_int_equal(rig_counted(STAT_JWT_WAITED), 3);
    rig_advance_ms(1000);
}

static void
without_keys_nobody_passes(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one_by_url(", \"require\": \"optional\""));
    c = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(c), FILTER_WAIT);
    answer("connection refused", NULL);
    rig_advance_ms(11);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_NO_KEYS");
    assert_int_equal(c->fc.refusal.code, GRPC_UNAUTHENTICATED);
    rig_end(c, GRPC_UNAUTHENTICATED);
    expect(bearer(good()), "JWT_NO_KEYS"); /* at once now */
    rig_advance_ms(1200);
    assert_true(net.open);
    expect(bearer(good()), "JWT_NO_KEYS");
}

static void
keys_that_are_too_old_let_nobody_pass(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(
        &filter_jwt,
        printed(
            "{ \"issuer\": \"me\", \"audiences\": [\"orders\"], \"jwks\": { \"from\": "
            "\"" URL "\", \"refresh\": \"10s\", \"maxStale\": \"20s\" } }"));
    answer(NULL, set_a);
    expect(t, NULL);
    for (unsigned i = 0; i < 19; i++) {
        rig_advance_ms(1000);
        if (net.open)
            answer("no", NULL);
        expect(t, NULL); /* from the cache */
    }
    rig_advance_ms(1000);
    expect(t, "JWT_OLD_KEYS");
    expect(bearer(token(a, "me", "orders", ",\"n\":2")), "JWT_OLD_KEYS");
    for (unsigned i = 0; i < 40 && !net.open; i++)
        rig_advance_ms(1000);
    answer(NULL, set_a);
    expect(t, NULL);
}

static void
a_new_key_is_waited_for(void **state)
{
    struct rigcall *c[2];

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    answer(NULL, set_a);
    for (unsigned i = 0; i < 2; i++) {
        c[i] = call_with("authorization", bearer(token(b, "me", "orders", "")));
        assert_int_equal(rig_request(c[i]), FILTER_WAIT);
    }
    rig_advance_ms(1);
    assert_int_equal(net.started, 2);
    answer(NULL, set_ab);
    rig_advance_ms(11);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(c[i]->verdict, FILTER_NEXT);
        rig_end(c[i], GRPC_OK);
    }
}

static void
waiting_calls_are_bounded(void **state)
{
    enum { CALLS = 1001 };
    static struct rigcall *c[CALLS];
    const char *t;
    unsigned waiting = 0;

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    t = bearer(good());
    for (unsigned i = 0; i < CALLS; i++) {
        c[i] = call_with("authorization", t);
        waiting += rig_request(c[i]) == FILTER_WAIT;
    }
    assert_int_equal(waiting, 1000);
    assert_string_equal(c[1000]->fc.refusal.reason, "JWT_NO_KEYS");
    answer(NULL, set_a);
    rig_advance_ms(11);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(c[i]->verdict, i < 1000 ? FILTER_NEXT : FILTER_DONE);
        rig_end(c[i], GRPC_OK);
    }
    assert_int_equal(counted(JWT_OK), 1);
    assert_int_equal(counted(JWT_CACHED), 999);
}

static void
the_cache_can_be_off(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 0"));
    expect(t, NULL);
    expect(t, NULL);
    assert_int_equal(counted(JWT_OK), 2);
}

static void
evictions_are_counted(void **state)
{
    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 2"));
    for (unsigned i = 0; i < 5; i++)
        expect(bearer(token(a, "me", "orders", printed(",\"n\":%u", i))), NULL);
    assert_int_equal(rig_counted(STAT_JWT_EVICTED), 3);
}

static void
bytes_of_the_cache_are_counted(void **state)
{
    const char *t = bearer(good());
    int64_t first, second;

    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 2"));
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), 0);
    expect(t, NULL);
    first = rig_counted(STAT_JWT_CACHE_BYTES);
    assert_true(first > (int64_t)strlen(t));
    expect(t, NULL);
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), first);
    for (unsigned i = 0; i < 5; i++)
        expect(bearer(token(a, "me", "orders", printed(",\"n\":%u", i))), NULL);
    second = rig_counted(STAT_JWT_CACHE_BYTES);
    assert_true(second > first && second < 3 * first);
    rig_only(&filter_jwt, one("")); /* the other filter ends */
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), 0);
}

/* ---- settings ---- */

#define JWKS_A "\"jwks\": \"file:DIR/a.json\""
static const struct {
    const char *json, *problem; /* DIR: where the files are; problem "": it is good */
} settings[] = {
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A " }", "" },
    { "{ \"audiences\": \"x\", " JWKS_A " }", "write the \"issuer\"" },
    { "{ \"issuer\": \"\", \"audiences\": \"x\", " JWKS_A " }", "write the \"issuer\"" },
    { "{ \"issuer\": \"me\", " JWKS_A " }", "write the \"audiences\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"\", " JWKS_A " }",
      "an audience has a name" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\" }", "write \"jwks\"" },
    { "{}", "write the \"issuer\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"/etc/x\" }",
      "write \"file:/path\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:x\" }",
      "write \"file:/path\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"https:///x\" }",
      "the URL has no host" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/none.json\" "
      "}",
      "none.json cannot be read: No such file" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR\" }",
      "cannot be read: it is not a regular file" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/bad.json\" }",
      "the set of keys cannot be read, line 1" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/weak.json\" "
      "}",
      "less than 2048 bits" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"{\\\"keys\\\": []}\" "
      "}",
      "has no key that can check a signature" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"algorithms\": [\"RS256\"] }",
      "no key of the set can make a signature" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"algorithms\": [\"none\"] }",
      "none" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"file:DIR/a.json\", \"refresh\": \"5m\" } }",
      "refresh is only for keys that come from a URL" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"https://x/\", \"refresh\": \"2h\" } }",
      "maxStale is 1h; it must be at least refresh" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"https://x/\", \"ca\": \"/nonexistent\" } }",
      "/nonexistent cannot be read" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"http://x/\" }",
      "keys that come over plain http can be changed" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"http://127.0.0.1/\" }",
      "" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"X-User\": \"sub\" } }",
      "lower case" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"te\": \"sub\" } }",
      "it belongs to the connection" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"x-user\": \"\" } }",
      "write the name of the claim" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"x-user\": \"sub\" }, \"payloadHeader\": \"x-user\" "
      "}",
      "a header has one meaning" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"payloadHeader\": \"x-p-bin\" }",
      "carry bytes" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"payloadHeader\": \"authorization\" }",
      "has the token" },
    { "{ \"issuer\": \"me\", \"providers\": [{ \"issuer\": \"me\", \"audiences\": "
      "\"x\", " JWKS_A " }] }",
      "issuer belongs to one issuer" },
    { "{ \"providers\": [{ \"issuer\": \"me\", " JWKS_A " }] }",
      "write the \"audiences\"" },
    { "{ \"providers\": [] }", "providers" },
    { "{ \"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
      "\"x\", " JWKS_A " }, { \"issuer\": \"b\", \"audiences\": \"x\", " JWKS_A " }] }",
      "each provider's token comes in a header of its own" },
    { "{ \"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
      "\"x\", " JWKS_A ", \"fromHeaders\": \"x-a\" }, { \"issuer\": \"b\", "
      "\"audiences\": \"x\", " JWKS_A " }] }",
      "" },
};

static void
settings_say_whom_to_trust(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        char json[1024];
        const char *from = settings[i].json, *told;
        size_t n = 0;

        while (*from) {
            if (strncmp(from, "DIR", 3) == 0) {
                n += (size_t)snprintf(json + n, sizeof(json) - n, "%s", dir);
                from += 3;
            } else {
                json[n++] = *from++;
            }
        }
        json[n] = '\0';
        told = rig_problems(&filter_jwt, json);
        if (settings[i].problem[0] ? !strstr(told, settings[i].problem) : told[0] != '\0')
            fail_msg("%s: %s", json, told);
    }
}

static void
a_set_may_stand_in_the_config(void **state)
{
    struct strbuf json;

    (void)state;
    strbuf_init(&json, 4096);
    strbuf_puts(&json, "{ \"issuer\": \"me\", \"audiences\": \"orders\", \"jwks\": \"");
    for (const char *c = set_a; *c; c++)
        strbuf_printf(&json, "%s%c", *c == '"' ? "\\" : "", *c);
    strbuf_puts(&json, "\" }");
    rig_only(&filter_jwt, json.s);
    expect(bearer(good()), NULL);
    strbuf_done(&json);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_needs_a_token),
        TEST(the_scheme_is_bearer_in_any_case),
        TEST(two_headers_are_refused_whatever_they_say),
        TEST(tokens_may_come_in_other_headers),
        TEST(long_tokens_are_refused),
        TEST(the_token_goes_and_its_claims_come),
        TEST(a_token_is_forwarded_when_it_should),
        TEST(claims_that_no_header_can_hold_are_counted),
        TEST(methods_can_be_left_out),
        TEST(optional_lets_no_token_pass_but_never_a_bad_one),
        TEST(the_issuer_says_whose_token_it_is),
        TEST(keys_of_one_issuer_are_not_those_of_another),
        TEST(providers_of_one_issuer_may_differ_in_the_audience),
        TEST(each_token_that_is_sent_must_be_good),
        TEST(all_needs_one_of_each),
        TEST(other_keys_end_what_was_verified_with_the_old_ones),
        TEST(calls_wait_for_the_first_keys),
        TEST(without_keys_nobody_passes),
        TEST(keys_that_are_too_old_let_nobody_pass),
        TEST(a_new_key_is_waited_for),
        TEST(waiting_calls_are_bounded),
        TEST(the_cache_can_be_off),
        TEST(evictions_are_counted),
        TEST(bytes_of_the_cache_are_counted),
        TEST(settings_say_whom_to_trust),
        TEST(a_set_may_stand_in_the_config),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
