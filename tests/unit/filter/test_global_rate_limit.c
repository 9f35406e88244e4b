/* SPDX-License-Identifier: Apache-2.0 */
/* globalRateLimit: what the service and Redis are asked, what each answer does to the call, and that no answer lets it go on unless the settings say otherwise. */
#include "filterrig.h"

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "filter/kinds.h"
#include "net/redis.h"
#include "pbtest.h"
#include "sidefake.h"

/* --- Redis is played, too ------------------------------------------------------------- */

static struct redisfake {
    unsigned opens, closes, asked, forgotten;
    int refuses; /* what redis_eval returns */
    const struct redis_conf *conf;
    char keys[4][256], args[9][64];
    size_t n_keys, n_args;
    redis_fn *fn; /* NULL: answered or forgotten */
    void *arg;
} fake;

bool __wrap_redis_available(void);
struct redis *__wrap_redis_open(struct loop *l, const struct redis_conf *conf);
void __wrap_redis_close(struct redis *r);
int __wrap_redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
                      const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
                      struct redis_call **ret);
void __wrap_redis_forget(struct redis_call *c);

bool
__wrap_redis_available(void)
{
    return true;
}

struct redis *
__wrap_redis_open(struct loop *l, const struct redis_conf *conf)
{
    assert_ptr_equal(l, rig_loop);
    fake.opens++;
    fake.conf = conf;
    return (struct redis *)&fake;
}

void
__wrap_redis_close(struct redis *r)
{
    assert_ptr_equal(r, &fake);
    assert_null(fake.fn);
    fake.closes++;
}

int
__wrap_redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
                  const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
                  struct redis_call **ret)
{
    assert_ptr_equal(r, &fake);
    if (fake.refuses)
        return fake.refuses;
    assert_in_range(n_keys, 1, ARRAY_LEN(fake.keys));
    assert_int_equal(n_args, 2 * n_keys + 1);
    fake.asked++;
    fake.n_keys = n_keys;
    fake.n_args = n_args;
    for (size_t i = 0; i < n_keys; i++)
        snprintf(fake.keys[i], sizeof(fake.keys[i]), "%.*s", (int)keys[i].n,
                 (const char *)keys[i].p);
    for (size_t i = 0; i < n_args; i++)
        snprintf(fake.args[i], sizeof(fake.args[i]), "%.*s", (int)args[i].n,
                 (const char *)args[i].p);
    fake.fn = fn;
    fake.arg = arg;
    *ret = (struct redis_call *)&fake;
    return ERR_OK;
}

void
__wrap_redis_forget(struct redis_call *c)
{
    assert_ptr_equal(c, &fake);
    assert_non_null(fake.fn);
    fake.fn = NULL;
    fake.forgotten++;
}

static void
redis_says(const int64_t *v, size_t n, const char *error)
{
    redis_fn *fn = fake.fn;

    assert_non_null(fn);
    fake.fn = NULL;
    fn(fake.arg, v, n, error);
}

/* --- rig ------------------------------------------------------------------------------ */

static int
setup(void **state)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    pb_reset();
    memset(&sidefake, 0, sizeof(sidefake));
    memset(&fake, 0, sizeof(fake));
    return rig_setup(state);
}

#define RATE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

#define SERVICE(more)                                                                 \
    "{ \"pool\": \"rls\", \"domain\": \"edge\", \"descriptors\": [{ \"entries\": [{ " \
    "\"key\": \"tenant\", \"from\": \"header:x-tenant\" }, \"method\"] }, { "         \
    "\"entries\": "                                                                   \
    "[{ \"value\": \"all\" }, \"address\"] }]" more " }"
#define REDIS(more)                                                               \
    "{ \"redis\": \"127.0.0.1:6379\", \"domain\": \"edge\", \"descriptors\": [{ " \
    "\"entries\": \"header:x-tenant\", \"rate\": \"100/s\", \"burst\": 20 }, { "  \
    "\"entries\": [{ \"value\": \"all\" }], \"rate\": \"5000/m\" }]" more " }"

static void
use(const char *settings)
{
    rig_only(&filter_global_rate_limit, settings);
}

static struct rigcall *
asked(void)
{
    struct rigcall *c = rig_call("pkg.Service/Method");

    rig_header(c, "x-tenant", "t1");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    return c;
}

/* --- the service ---------------------------------------------------------------------- */

static struct slice
entry(const char *key, const char *value)
{
    return M(1, TEXT(1, key), TEXT(2, value));
}

static void
service_is_asked_about_what_the_call_has(void **state)
{
    struct slice generic =
        M(2, entry("generic_key", "all"), entry("remote_address", "192.0.2.7"));
    struct rigcall *c;

    (void)state;
    use(SERVICE(", \"hits\": 3, \"timeout\": \"30ms\""));
    c = asked();
    assert_string_equal(sidefake.path,
                        "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    assert_int_equal(sidefake.timeout_us, 30000);
    assert_true(slice_eq(slice_make(sidefake.message, sidefake.n),
                         JOIN(TEXT(1, "edge"),
                              M(2, entry("tenant", "t1"), entry("method", "Method")),
                              generic, NUMBER(3, 3))));
    rig_end(c, GRPC_CANCELLED);
    assert_int_equal(sidefake.cancelled, 1);
    /* a part that is missing takes its descriptor along, an empty one does not */
    c = rig_call("pkg.Service/Method");
    rig_request(c);
    assert_true(slice_eq(slice_make(sidefake.message, sidefake.n),
                         JOIN(TEXT(1, "edge"), generic, NUMBER(3, 3))));
    rig_end(c, GRPC_CANCELLED);
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-tenant", "");
    rig_request(c);
    assert_true(side_was_told(M(2, M(1, TEXT(1, "tenant")), entry("method", "Method"))));
    rig_end(c, GRPC_CANCELLED);
}

static void
call_without_a_descriptor_is_not_asked_about(void **state)
{
    (void)state;
    use("{ \"pool\": \"rls\", \"domain\": \"edge\", \"descriptors\": { \"entries\": "
        "\"header:x-tenant\" } }");
    assert_int_equal(rig_pass("a.B/C"), GRPC_OK);
    assert_int_equal(sidefake.asked, 0);
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_OK), 0);
}

static void
names_of_pairs_are_the_usual_ones(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"rls\", \"domain\": \"edge\", \"descriptors\": { \"entries\": [ "
        "\"header:x-tenant\", \"address/24\", \"path\", \"host\", \"service\", "
        "\"route\", { "
        "\"key\": \"mine\", \"from\": \"method\" }] } }");
    c = asked();
    assert_true(side_was_told(
        M(2, entry("x-tenant", "t1"), entry("remote_address", "192.0.2.0/24"),
          entry("path", "/pkg.Service/Method"), entry("host", "test.example"),
          entry("service", "pkg.Service"), entry("route", "routes[0]"),
          entry("mine", "Method"))));
    rig_end(c, GRPC_CANCELLED);
}

static struct slice
status(unsigned code, unsigned requests, unsigned left, unsigned seconds)
{
    return M(2, NUMBER(1, code),
             M(2, NUMBER(1, requests), NUMBER(2, 2), TEXT(3, "per-tenant")),
             NUMBER(3, left), M(4, NUMBER(1, seconds)));
}

static void
ok_goes_on_with_headers(void **state)
{
    struct rigcall *c;

    (void)state;
    use(SERVICE(", \"headers\": true"));
    c = asked();
    side_answer(JOIN(NUMBER(1, 1), status(1, 10, 7, 30),
                     M(3, TEXT(1, "X-Shard"), TEXT(2, "s1")),
                     M(3, TEXT(1, "grpc-status"), TEXT(2, "3")),
                     M(4, TEXT(1, "x-limit"), TEXT(2, "per-tenant")),
                     M(4, TEXT(1, "host"), TEXT(2, "evil"))));
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_string_equal(rig_answer_header(c, "x-ratelimit-limit"), "10, 10;w=60");
    assert_string_equal(rig_answer_header(c, "x-ratelimit-remaining"), "7");
    assert_string_equal(rig_answer_header(c, "x-ratelimit-reset"), "30");
    assert_string_equal(rig_answer_header(c, "x-shard"), "s1");
    assert_null(rig_answer_header(c, "grpc-status"));
    assert_null(rig_answer_header(c, "x-envoy-ratelimited"));
    assert_string_equal(rig_request_header(c, "x-limit"), "per-tenant");
    assert_null(rig_request_header(c, "host"));
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_OK), 1);
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_HEADERS_LOST), 2);
    rig_end(c, GRPC_OK);
}

static void
over_refuses_and_says_when_to_come_back(void **state)
{
    struct rigcall *c;

    (void)state;
    use(SERVICE(", \"pushback\": true"));
    c = asked();
    side_answer(
        JOIN(NUMBER(1, 2), status(2, 10, 0, 42), M(4, TEXT(1, "x-q"), TEXT(2, "1"))));
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(c->fc.refusal.reason, "RATE_LIMITED");
    assert_true(c->fc.refusal.retry_known);
    assert_int_equal(c->fc.refusal.retry_ms, 42000);
    assert_true(c->fc.refusal.pushback);
    assert_string_equal(c->fc.refusal.subject,
                        "listener test, domain edge, limit per-tenant");
    assert_string_equal(c->fc.text, "over the rate limit of domain edge");
    assert_string_equal(rig_answer_header(c, "x-envoy-ratelimited"), "true");
    assert_null(rig_answer_header(c, "x-ratelimit-limit"));
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_OVER), 1);
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
    /* no time is known: no time is told */
    c = asked();
    side_answer(NUMBER(1, 2));
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_false(c->fc.refusal.retry_known);
    assert_false(c->fc.refusal.pushback);
    assert_string_equal(c->fc.refusal.subject, "listener test, domain edge");
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
}

static void
limit_can_be_tried_out(void **state)
{
    unsigned refused = 0;

    (void)state;
    use(SERVICE(", \"enforce\": \"50%\""));
    for (int i = 0; i < 400; i++) {
        struct rigcall *c = asked();

        side_answer(NUMBER(1, 2));
        refused += c->verdict == FILTER_DONE;
        rig_end(c, GRPC_OK);
    }
    assert_in_range(refused, 150, 250);
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_OVER), refused);
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_SHADOWED), 400 - refused);
}

/* Every way to have no answer, as the settings say. */
static void
no_answers(int want, enum stat_id counted)
{
    const struct slice lies[] = {
        slice_of("garbage"), { 0 }, NUMBER(1, 0), NUMBER(1, 9)
    };
    int64_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct rigcall *c = asked();

        side_answer(lies[i]);
        assert_int_equal(c->verdict, want);
        rig_end(c, GRPC_OK);
        n++;
    }
    for (int code = 1; code < GRPC_CODE_COUNT; code++) {
        struct rigcall *c = asked();

        side_fail(code);
        assert_int_equal(c->verdict, want);
        rig_end(c, GRPC_OK);
        n++;
    }
    sidefake.no_memory = true;
    assert_int_equal(rig_pass("a.B/C"), want == FILTER_NEXT ? GRPC_OK : GRPC_UNAVAILABLE);
    assert_int_equal(rig_counted(counted), n + 1);
}

static void
no_answer_goes_on(void **state)
{
    (void)state;
    use(SERVICE(""));
    no_answers(FILTER_NEXT, STAT_GLOBAL_RATE_FAILED_OPEN);
}

static void
no_answer_refuses_when_asked_to(void **state)
{
    struct rigcall *c;

    (void)state;
    use(SERVICE(", \"failureModeDeny\": true"));
    no_answers(FILTER_DONE, STAT_GLOBAL_RATE_ERRORS);
    sidefake.no_memory = false;
    c = asked();
    side_fail(GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(c->fc.refusal.code, GRPC_UNAVAILABLE);
    assert_string_equal(c->fc.refusal.reason, "RATE_SERVICE_UNAVAILABLE");
    assert_string_equal(c->fc.text, "no answer about the rate limit (pool rls)");
    rig_end(c, GRPC_UNAVAILABLE);
}

/* --- Redis ---------------------------------------------------------------------------- */

static void
redis_is_asked_for_all_buckets_at_once(void **state)
{
    struct rigcall *c;
    struct addr a;

    (void)state;
    use(REDIS(", \"hits\": 2"));
    assert_int_equal(fake.opens, 1);
    assert_true(fake.conf->address(fake.conf->arg, &a));
    assert_int_equal(fake.conf->max_pending, 1000);
    c = asked();
    assert_int_equal(fake.n_keys, 2);
    assert_string_equal(fake.keys[0], "outrigger:edge:100/s:x-tenant=t1");
    assert_string_equal(fake.keys[1], "outrigger:edge:5000/m:generic_key=all");
    assert_string_equal(fake.args[0], "2.000000");
    assert_string_equal(fake.args[1], "10000.000000");    /* a token each 10 ms */
    assert_string_equal(fake.args[2], "200000.000000");   /* 20 of them */
    assert_string_equal(fake.args[3], "12000.000000");    /* 5000 in a minute */
    assert_string_equal(fake.args[4], "60000000.000000"); /* burst: all of them */
    redis_says((const int64_t[]){ 1, 1, 0, 17, 30 }, 5, NULL);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_int_equal(rig_counted(STAT_GLOBAL_RATE_OK), 1);
    rig_end(c, GRPC_OK);
    assert_int_equal(fake.forgotten, 0);
}

static void
keys_cannot_be_mixed_up(void **state)
{
    static const struct {
        const char *value, *key;
    } rows[] = {
        { "a,b=c:d", "lim%3Ait:edge:1/s:x-tenant=a%2Cb%3Dc%3Ad,generic_key=all" },
        { "A-z0._~/", "lim%3Ait:edge:1/s:x-tenant=A-z0._~/,generic_key=all" },
        { "\xff %", "lim%3Ait:edge:1/s:x-tenant=%FF%20%25,generic_key=all" },
        { "", "lim%3Ait:edge:1/s:x-tenant=,generic_key=all" },
    };
    char first[256], text[8001];

    (void)state;
    use("{ \"redis\": { \"address\": \"127.0.0.1:1\", \"prefix\": \"lim:it\" }, "
        "\"domain\": "
        "\"edge\", \"descriptors\": { \"entries\": [\"header:x-tenant\", { \"value\": "
        "\"all\" }], \"rate\": \"1/s\" } }");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = rig_call("a.B/C");

        rig_header(c, "x-tenant", rows[i].value);
        rig_request(c);
        assert_string_equal(fake.keys[0], rows[i].key);
        rig_end(c, GRPC_CANCELLED);
    }
    /* long ones are told apart by their hash */
    memset(text, 'x', sizeof(text));
    text[8000] = '\0';
    for (int i = 0; i < 2; i++) {
        struct rigcall *c = rig_call("a.B/C");

        text[7999] = (char)('x' + i);
        rig_header(c, "x-tenant", text);
        rig_request(c);
        assert_int_equal(strncmp(fake.keys[0], "lim%3Ait:edge:1/s:sha256-", 25), 0);
        assert_int_equal(strlen(fake.keys[0]), 25 + 64);
        if (i)
            assert_string_not_equal(fake.keys[0], first);
        snprintf(first, sizeof(first), "%s", fake.keys[0]);
        rig_end(c, GRPC_CANCELLED);
    }
}

static void
over_in_redis_refuses(void **state)
{
    struct rigcall *c;

    (void)state;
    use(REDIS(", \"headers\": true"));
    c = asked();
    redis_says((const int64_t[]){ 0, 2, 1500, 0, 60000 }, 5, NULL);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_RESOURCE_EXHAUSTED);
    assert_true(c->fc.refusal.retry_known);
    assert_int_equal(c->fc.refusal.retry_ms, 1500);
    assert_string_equal(rig_answer_header(c, "x-ratelimit-limit"), "5000");
    assert_string_equal(rig_answer_header(c, "x-ratelimit-remaining"), "0");
    assert_string_equal(rig_answer_header(c, "x-ratelimit-reset"), "2");
    assert_string_equal(rig_answer_header(c, "x-envoy-ratelimited"), "true");
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
}

static void
redis_that_fails_lets_go_on_or_refuses(void **state)
{
    static const struct {
        int64_t v[5];
        size_t n;
        const char *error;
    } rows[] = {
        { { 0 }, 0, "OOM command not allowed" },
        { { 0 }, 0, NULL },
        { { 1, 1, 0, 1 }, 4, NULL },
        { { 2, 1, 0, 1, 1 }, 5, NULL },
        { { 1, 0, 0, 1, 1 }, 5, NULL },
        { { 1, 3, 0, 1, 1 }, 5, NULL },
        { { 1, 1, -1, 1, 1 }, 5, NULL },
    };
    static const int refusals[] = { ERR_CONNECT, ERR_LIMIT };

    (void)state;
    for (int deny = 0; deny < 2; deny++) {
        enum filter_verdict want = deny ? FILTER_DONE : FILTER_NEXT;
        struct rigcall *c;

        use(deny ? REDIS(", \"failureModeDeny\": true") : REDIS(""));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            c = asked();
            redis_says(rows[i].v, rows[i].n, rows[i].error);
            assert_int_equal(c->verdict, want);
            rig_end(c, GRPC_OK);
        }
        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
            fake.refuses = refusals[i];
            assert_int_equal(rig_pass("a.B/C"), deny ? GRPC_UNAVAILABLE : GRPC_OK);
        }
        fake.refuses = ERR_OK;
        c = asked(); /* silence */
        rig_advance_ms(15);
        assert_int_equal(c->resumed, 0);
        rig_advance_ms(10);
        assert_int_equal(c->verdict, want);
        assert_null(fake.fn);
        if (deny)
            assert_string_equal(c->fc.text,
                                "no answer about the rate limit (redis, domain edge)");
        rig_end(c, GRPC_OK);
        assert_int_equal(
            rig_counted(deny ? STAT_GLOBAL_RATE_ERRORS : STAT_GLOBAL_RATE_FAILED_OPEN),
            ARRAY_LEN(rows) + ARRAY_LEN(refusals) + 1);
    }
    assert_int_equal(fake.opens, 2);
    assert_int_equal(fake.closes, 1);
}

static void
end_of_the_call_forgets_the_question(void **state)
{
    struct rigcall *c;

    (void)state;
    use(REDIS(""));
    c = asked();
    rig_end(c, GRPC_CANCELLED);
    assert_int_equal(fake.forgotten, 1);
    rig_advance_ms(100); /* no timer is left */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RATE_TEST(service_is_asked_about_what_the_call_has),
        RATE_TEST(call_without_a_descriptor_is_not_asked_about),
        RATE_TEST(names_of_pairs_are_the_usual_ones),
        RATE_TEST(ok_goes_on_with_headers),
        RATE_TEST(over_refuses_and_says_when_to_come_back),
        RATE_TEST(limit_can_be_tried_out),
        RATE_TEST(no_answer_goes_on),
        RATE_TEST(no_answer_refuses_when_asked_to),
        RATE_TEST(redis_is_asked_for_all_buckets_at_once),
        RATE_TEST(keys_cannot_be_mixed_up),
        RATE_TEST(over_in_redis_refuses),
        RATE_TEST(redis_that_fails_lets_go_on_or_refuses),
        RATE_TEST(end_of_the_call_forgets_the_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
