/* SPDX-License-Identifier: Apache-2.0 */
/* extAuthz: what the service is told, what each answer does to the call, that doubt refuses it, and what is kept. */
#include "filterrig.h"

#include "base/compat.h"
#include "base/log.h"
#include "filter/kinds.h"
#include "h2/edit.h"
#include "net/tls.h"
#include "pbtest.h"
#include "sidefake.h"

static int
setup(void **state)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    pb_reset();
    memset(&sidefake, 0, sizeof(sidefake));
    return rig_setup(state);
}

#define AUTHZ_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rig_teardown)

static struct slice
header(unsigned tag, const char *name, const char *value, struct slice more)
{
    return M(tag, M(1, TEXT(1, name), TEXT(2, value)), more);
}

#define NONE ((struct slice){ 0 })

static struct slice
pair(const char *name, const char *value)
{
    return M(3, TEXT(1, name), TEXT(2, value));
}

/* A call that waits for the service. */
static struct rigcall *
asked(void)
{
    struct rigcall *c = rig_call("pkg.Service/Method");

    rig_header(c, "x-user", "mallory");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    return c;
}

static void
use(const char *settings)
{
    rig_only(&filter_ext_authz, settings);
}

/* --- what is told --------------------------------------------------------------------- */

static void
service_is_told_of_the_call(void **state)
{
    static const struct tls_peer tls = { .our_uri = "spiffe://us", .sni = "a.example" };
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\", \"timeout\": \"70ms\", \"contextExtensions\": { \"env\": "
        "\"test\" } }");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-list", "a");
    rig_header(c, "x-other", "o\xff");
    rig_header(c, "x-list", "b");
    rig_header(c, "x-list", "c");
    rig_header(c, "x-request-id", "id7");
    c->peer = &tls;
    c->identity = "spiffe://them";
    c->local = &c->address;
    c->pool = (struct pool *)&sidefake;
    assert_int_equal(rig_request(c), FILTER_WAIT);
    assert_ptr_equal(sidefake.pool, &sidefake);
    assert_string_equal(sidefake.path, "/envoy.service.auth.v3.Authorization/Check");
    assert_int_equal(sidefake.timeout_us, 70000);
    /* source and destination */
    assert_true(side_was_told(M(1, M(1, M(1, TEXT(2, "192.0.2.7"), NUMBER(3, 4711))),
                                TEXT(4, "spiffe://them"))));
    assert_true(side_was_told(
        M(2, M(1, M(1, TEXT(2, "192.0.2.7"), NUMBER(3, 4711))), TEXT(4, "spiffe://us"))));
    assert_true(side_was_told(TEXT(1, "id7")));
    assert_true(side_was_told(pair(":path", "/pkg.Service/Method")));
    assert_true(side_was_told(pair("x-list", "a,b,c")));
    assert_true(side_was_told(pair("x-other", "o!")));
    assert_true(
        side_was_told(JOIN(TEXT(4, "/pkg.Service/Method"), TEXT(5, "test.example"),
                           TEXT(6, "https"), NUMBER(9, UINT64_MAX), TEXT(10, "HTTP/2"))));
    assert_true(side_was_told(M(10, TEXT(1, "env"), TEXT(2, "test"))));
    assert_true(side_was_told(M(12, TEXT(1, "a.example"))));
    rig_end(c, GRPC_CANCELLED);
    assert_int_equal(sidefake.cancelled, 1);
}

static void
headers_can_be_chosen(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\", \"allowedHeaders\": [\"authorization\", \"x-a*\"] }");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "authorization", "Bearer t");
    rig_header(c, "x-about", "1");
    rig_header(c, "x-secret", "2");
    rig_request(c);
    assert_int_equal(sidefake.timeout_us, 200000);
    assert_true(side_was_told(pair("authorization", "Bearer t")));
    assert_true(side_was_told(pair("x-about", "1")));
    assert_true(side_was_told(pair(":authority", "test.example")));
    assert_false(side_was_told(slice_of("x-secret")));
    assert_false(side_was_told(slice_of("content-type")));
    assert_true(side_was_told(TEXT(6, "http")));
    rig_end(c, GRPC_CANCELLED);
}

/* --- yes ------------------------------------------------------------------------------ */

static void
yes_lets_it_pass_with_its_edits(void **state)
{
    struct slice append = M(2, NUMBER(1, 1));
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\" }");
    c = asked();
    rig_header(c, "x-old", "1");
    rig_header(c, "x-there", "1");
    side_answer(
        JOIN(EMPTY(1),
             M(3, header(2, "X-User", "ann", NONE), header(2, "x-many", "1", append),
               header(2, "x-many", "2", append), header(2, "x-there", "no", NUMBER(3, 1)),
               header(2, "x-new", "yes", NUMBER(3, 1)),
               header(2, "x-nope", "no", NUMBER(3, 3)), TEXT(5, "x-old"),
               header(6, "x-back", "b", NONE))));
    assert_int_equal(c->resumed, 1);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "x-user"), "ann");
    assert_string_equal(rig_request_header(c, "x-many"), "1");
    assert_string_equal(rig_request_header(c, "x-there"), "1");
    assert_string_equal(rig_request_header(c, "x-new"), "yes");
    assert_null(rig_request_header(c, "x-nope"));
    assert_null(rig_request_header(c, "x-old"));
    assert_int_equal(rig_counted(STAT_AUTHZ_ALLOWED), 1);
    rig_end(c, GRPC_OK);
    assert_int_equal(sidefake.cancelled, 0);
}

static const char *
response_header(const struct rigcall *c, const char *name)
{
    static char text[64];
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(&c->response, slice_of(name), &at);

    if (!e)
        return NULL;
    snprintf(text, sizeof(text), "%.*s", (int)e->f.valuelen, (const char *)e->f.value);
    return text;
}

static void
answer_of_the_backend_gets_its_headers(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\" }");
    c = asked();
    side_answer(JOIN(EMPTY(1), M(3, header(6, "x-add", "a", NONE),
                                 header(6, "x-set", "new", NUMBER(3, 2)),
                                 header(6, "x-absent", "new", NUMBER(3, 1)),
                                 header(6, "grpc-status", "3", NONE),
                                 header(6, "content-type", "text/html", NUMBER(3, 2)))));
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_int_equal(
        h2_headers_add(&c->response, rig_slab, slice_of("x-set"), slice_of("old"), 0), 0);
    assert_int_equal(
        h2_headers_add(&c->response, rig_slab, slice_of("x-absent"), slice_of("old"), 0),
        0);
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    assert_string_equal(response_header(c, "x-add"), "a");
    assert_string_equal(response_header(c, "x-set"), "new");
    assert_string_equal(response_header(c, "x-absent"), "old");
    assert_null(response_header(c, "grpc-status"));
    assert_null(response_header(c, "content-type"));
    assert_int_equal(c->response.n, 3);
    rig_end(c, GRPC_OK);
}

/* What belongs to the connection, to gRPC or to the way of the call is not the service's. */
static void
service_cannot_touch_what_is_ours(void **state)
{
    static const char *const names[] = {
        ":path",
        ":authority",
        "host",
        "te",
        "content-type",
        "content-length",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-previous-rpc-attempts",
        "connection",
        "transfer-encoding",
        "x y",
        "",
    };
    struct slice edits = NONE;
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\" }");
    c = asked();
    rig_header(c, "grpc-timeout", "1S");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        edits = JOIN(edits, header(2, names[i], "evil", NONE), TEXT(5, names[i]),
                     header(2, names[i], "evil", M(2, NUMBER(1, 1))));
    side_answer(JOIN(EMPTY(1), BYTES_FIELD(3, edits)));
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_string_equal(rig_request_header(c, ":path"), "/pkg.Service/Method");
    assert_string_equal(rig_request_header(c, ":authority"), "test.example");
    assert_string_equal(rig_request_header(c, "te"), "trailers");
    assert_string_equal(rig_request_header(c, "content-type"), "application/grpc");
    assert_string_equal(rig_request_header(c, "grpc-timeout"), "1S");
    assert_int_equal(c->request.n, 8);
    for (unsigned i = 0; i < c->request.n; i++)
        assert_false(slice_eq_str(
            slice_make(c->request.v[i].f.value, c->request.v[i].f.valuelen), "evil"));
    assert_int_equal(rig_counted(STAT_AUTHZ_EDITS_REFUSED), 3 * ARRAY_LEN(names));
    rig_end(c, GRPC_OK);
}

/* --- no ------------------------------------------------------------------------------- */

static void
no_refuses_with_status_text_headers_and_details(void **state)
{
    struct slice any = JOIN(TEXT(1, "type.googleapis.com/google.rpc.ErrorInfo"),
                            M(2, TEXT(1, "NO_SUBSCRIPTION")));
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\" }");
    c = asked();
    side_answer(
        JOIN(M(1, NUMBER(1, 7), TEXT(2, "unused"), BYTES_FIELD(3, any)),
             M(2, M(1, NUMBER(1, 401)), header(2, "WWW-Authenticate", "Bearer", NONE),
               header(2, "content-type", "application/json", NONE),
               header(2, "x-evil", "a\r\nb", NONE), TEXT(3, "log in first"))));
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_UNAUTHENTICATED);
    assert_string_equal(c->fc.refusal.reason, "AUTHZ_DENIED");
    assert_string_equal(c->fc.text, "log in first");
    assert_string_equal(rig_answer_header(c, "www-authenticate"), "Bearer");
    assert_null(rig_answer_header(c, "content-type"));
    assert_null(rig_answer_header(c, "x-evil"));
    assert_true(
        slice_eq(c->fc.refusal.details,
                 JOIN(NUMBER(1, 16), TEXT(2, "log in first"), BYTES_FIELD(3, any))));
    assert_int_equal(rig_counted(STAT_AUTHZ_DENIED), 1);
    rig_end(c, GRPC_UNAUTHENTICATED);
}

static void
short_no_has_a_text_too(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\" }");
    c = asked();
    side_answer(M(1, NUMBER(1, 8)));
    assert_int_equal(c->fc.refusal.code, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(c->fc.refusal.details.n, 0);
    assert_string_equal(c->fc.text, "the authorization service does not allow this call");
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
}

/* --- neither -------------------------------------------------------------------------- */

static void
doubt_refuses(void **state)
{
    const struct slice answers[] = {
        NONE, /* an empty message */
        slice_of("garbage"),
        M(4, TEXT(1, "x")),                                   /* dynamic_metadata alone */
        JOIN(EMPTY(1), M(5, M(1, NUMBER(1, 500)))),           /* error_response */
        JOIN(EMPTY(1), M(3, header(2, "x-a", "a\nb", NONE))), /* an illegal value */
    };

    (void)state;
    use("{ \"pool\": \"authz\" }");
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct rigcall *c = asked();

        side_answer(answers[i]);
        assert_int_equal(c->verdict, FILTER_DONE);
        assert_int_equal(c->fc.refusal.code, GRPC_PERMISSION_DENIED);
        assert_string_equal(c->fc.refusal.reason, "AUTHZ_UNAVAILABLE");
        assert_string_equal(c->fc.text,
                            "the authorization service (pool authz) gave no answer");
        rig_end(c, GRPC_PERMISSION_DENIED);
        assert_int_equal(rig_counted(STAT_AUTHZ_ERRORS), i + 1);
    }
    for (int code = 1; code < GRPC_CODE_COUNT; code++) {
        struct rigcall *c = asked();

        side_fail(code);
        assert_int_equal(c->verdict, FILTER_DONE);
        assert_int_equal(c->fc.refusal.code, GRPC_PERMISSION_DENIED);
        rig_end(c, GRPC_PERMISSION_DENIED);
    }
    sidefake.no_memory = true;
    assert_int_equal(rig_pass("a.B/C"), GRPC_PERMISSION_DENIED);
    assert_int_equal(rig_counted(STAT_AUTHZ_FAILED_OPEN), 0);
    assert_int_equal(rig_counted(STAT_AUTHZ_ALLOWED), 0);
}

static void
status_of_doubt_can_be_chosen(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\", \"statusOnError\": \"UNAVAILABLE\" }");
    c = asked();
    side_fail(GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(c->fc.refusal.code, GRPC_UNAVAILABLE);
    rig_end(c, GRPC_UNAVAILABLE);
}

/* Only a lack of an answer: a no is still a no. */
static void
failure_mode_lets_through_without_an_answer(void **state)
{
    struct rigcall *c;

    (void)state;
    use("{ \"pool\": \"authz\", \"failureModeAllow\": true, \"failureModeAllowHeader\": "
        "true }");
    c = rig_call("a.B/C");
    rig_header(c, "x-envoy-auth-failure-mode-allowed", "true");
    rig_request(c);
    assert_null(rig_request_header(c, "x-envoy-auth-failure-mode-allowed"));
    side_answer(EMPTY(1));
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_null(rig_request_header(c, "x-envoy-auth-failure-mode-allowed"));
    rig_end(c, GRPC_OK);
    c = asked();
    side_fail(GRPC_UNAVAILABLE);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "x-envoy-auth-failure-mode-allowed"),
                        "true");
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_counted(STAT_AUTHZ_FAILED_OPEN), 1);
    c = asked();
    side_answer(M(1, NUMBER(1, 7)));
    assert_int_equal(c->verdict, FILTER_DONE);
    rig_end(c, GRPC_PERMISSION_DENIED);
}

/* --- the cache ------------------------------------------------------------------------ */

#define CACHE(more)                                                            \
    "{ \"pool\": \"authz\", \"cache\": { \"key\": [\"header:authorization\", " \
    "\"path\"]" more " } }"

static struct rigcall *
with_token(const char *token)
{
    struct rigcall *c = rig_call("pkg.Service/Method");

    if (token)
        rig_header(c, "authorization", token);
    rig_request(c);
    return c;
}

/* Asks (want_question) or not, and how it ends: the code. */
static int
cached_call(const char *token, bool want_question, struct slice answer)
{
    unsigned before = sidefake.asked;
    struct rigcall *c = with_token(token);
    int code;

    assert_int_equal(sidefake.asked, before + want_question);
    if (want_question)
        side_answer(answer);
    code = c->verdict == FILTER_NEXT ? GRPC_OK : c->fc.refusal.code;
    if (code == GRPC_OK)
        assert_string_equal(rig_request_header(c, "x-user"), "ann");
    rig_end(c, code);
    return code;
}

static void
answers_are_given_again(void **state)
{
    struct slice yes = JOIN(EMPTY(1), M(3, header(2, "x-user", "ann", NONE)));
    struct slice no = M(1, NUMBER(1, 16));

    (void)state;
    use(CACHE(", \"ttl\": \"10s\", \"deniedTtl\": \"1s\""));
    assert_int_equal(cached_call("a", true, yes), GRPC_OK);
    assert_int_equal(cached_call("a", false, NONE), GRPC_OK);
    assert_int_equal(cached_call("b", true, no), GRPC_UNAUTHENTICATED);
    assert_int_equal(cached_call("b", false, NONE), GRPC_UNAUTHENTICATED);
    assert_int_equal(cached_call("a", false, NONE), GRPC_OK);
    assert_int_equal(rig_counted(STAT_AUTHZ_CACHE_HITS), 3);
    assert_int_equal(rig_counted(STAT_AUTHZ_CACHE_MISSES), 2);
    assert_in_range(rig_counted(STAT_AUTHZ_CACHE_BYTES), yes.n + no.n + 2 * 16,
                    yes.n + no.n + 2 * 128); /* and what is kept beside two of them */
    rig_advance_ms(1001);
    assert_int_equal(cached_call("b", true, yes), GRPC_OK); /* the no is over */
    assert_int_equal(cached_call("a", false, NONE), GRPC_OK);
    rig_advance_ms(9000);
    assert_int_equal(cached_call("a", true, no), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_counted(STAT_AUTHZ_ALLOWED), 5);
    assert_int_equal(rig_counted(STAT_AUTHZ_DENIED), 3);
    assert_true(rig_counted(STAT_AUTHZ_CACHE_BYTES) > 0);
    use("{ \"pool\": \"authz\" }"); /* the other filter ends */
    assert_int_equal(rig_counted(STAT_AUTHZ_CACHE_BYTES), 0);
}

static void
what_has_no_whole_key_is_always_asked(void **state)
{
    struct slice yes = JOIN(EMPTY(1), M(3, header(2, "x-user", "ann", NONE)));
    struct rigcall *c;

    (void)state;
    use(CACHE(""));
    assert_int_equal(cached_call(NULL, true, yes), GRPC_OK);
    assert_int_equal(cached_call(NULL, true, yes), GRPC_OK);
    assert_int_equal(cached_call("a", true, yes), GRPC_OK);
    /* a second header of the name: the service sees both, the key would not */
    c = rig_call("pkg.Service/Method");
    rig_header(c, "authorization", "a");
    rig_header(c, "authorization", "b");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    side_answer(M(1, NUMBER(1, 7)));
    rig_end(c, GRPC_PERMISSION_DENIED);
    assert_int_equal(cached_call("a", false, NONE), GRPC_OK);
}

static void
doubt_is_never_kept(void **state)
{
    struct slice yes = JOIN(EMPTY(1), M(3, header(2, "x-user", "ann", NONE)));
    struct rigcall *c;

    (void)state;
    use(CACHE(", \"deniedTtl\": \"0s\""));
    c = with_token("a");
    side_fail(GRPC_UNAVAILABLE);
    rig_end(c, GRPC_PERMISSION_DENIED);
    assert_int_equal(cached_call("a", true, slice_of("garbage")), GRPC_PERMISSION_DENIED);
    assert_int_equal(cached_call("a", true, M(1, NUMBER(1, 7))), GRPC_PERMISSION_DENIED);
    assert_int_equal(cached_call("a", true, yes), GRPC_OK);
    assert_int_equal(cached_call("a", false, NONE), GRPC_OK);
}

/* --- settings ------------------------------------------------------------------------- */

static void
bad_settings_are_refused(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        { "{}", "pool" },
        { "{ \"pool\": \"a\", \"timeout\": \"0s\" }", "timeout" },
        { "{ \"pool\": \"a\", \"statusOnError\": \"OK\" }", "statusOnError" },
        { "{ \"pool\": \"a\", \"statusOnError\": \"403\" }", "statusOnError" },
        { "{ \"pool\": \"a\", \"failureModeAllowHeader\": true }", "failureModeAllow" },
        { "{ \"pool\": \"a\", \"allowedHeaders\": [\"*x*\"] }", "allowedHeaders" },
        { "{ \"pool\": \"a\", \"cache\": {} }", "key" },
        { "{ \"pool\": \"a\", \"cache\": { \"key\": [] } }", "key" },
        { "{ \"pool\": \"a\", \"cache\": { \"key\": [\"colour\"] } }", "key" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *said = rig_problems(&filter_ext_authz, rows[i].json);

        if (!strstr(said, rows[i].says))
            fail_msg("%s: %s", rows[i].json, said);
    }
    assert_string_equal(rig_problems(&filter_ext_authz, CACHE("")), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        AUTHZ_TEST(service_is_told_of_the_call),
        AUTHZ_TEST(headers_can_be_chosen),
        AUTHZ_TEST(yes_lets_it_pass_with_its_edits),
        AUTHZ_TEST(answer_of_the_backend_gets_its_headers),
        AUTHZ_TEST(service_cannot_touch_what_is_ours),
        AUTHZ_TEST(no_refuses_with_status_text_headers_and_details),
        AUTHZ_TEST(short_no_has_a_text_too),
        AUTHZ_TEST(doubt_refuses),
        AUTHZ_TEST(status_of_doubt_can_be_chosen),
        AUTHZ_TEST(failure_mode_lets_through_without_an_answer),
        AUTHZ_TEST(answers_are_given_again),
        AUTHZ_TEST(what_has_no_whole_key_is_always_asked),
        AUTHZ_TEST(doubt_is_never_kept),
        AUTHZ_TEST(bad_settings_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
