/* SPDX-License-Identifier: Apache-2.0 */
/* apiKey: who comes through, who does not, and what the backend sees. */
#include "filterrig.h"

#include <string.h>
#include <unistd.h>

#include "filter/api_key_conf.h"
#include "filter/kinds.h"
#include "h2/edit.h"

/* SHA-256 of "abc" and of "other". */
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
#define KEYS                                                          \
    "\"keys\": [{ \"client\": \"mobile\", \"sha256\": \"" ABC "\" }," \
    "           { \"client\": \"batch\", \"sha256\": \"" OTHER "\" }]"

static struct rigcall *
call_with(const char *name, const char *key)
{
    struct rigcall *c = rig_call("shop.Cart/Get");

    if (name)
        rig_header(c, name, key);
    return c;
}

static void
want_refused(struct rigcall *c, int code, const char *reason, const char *part)
{
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, code);
    assert_string_equal(c->fc.refusal.reason, reason);
    if (!strstr(c->fc.text, part))
        fail_msg("%s", c->fc.text);
    assert_null(c->fc.client.p);
    rig_end(c, code);
}

static void
a_known_key_names_its_client_and_goes_no_further(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_api_key, "{ " KEYS ", \"clientHeader\": \"x-client\" }");
    c = call_with("x-api-key", "abc");
    rig_header(c, "x-client", "root"); /* a claim of the client's own */
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(slice_eq_str(c->fc.client, "mobile"));
    assert_string_equal(rig_request_header(c, "x-client"), "mobile");
    assert_null(rig_request_header(c, "x-api-key"));
    rig_end(c, GRPC_OK);
    c = call_with("x-api-key", "other");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(slice_eq_str(c->fc.client, "batch"));
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_counted(STAT_API_KEYS_GOOD), 2);
}

static void
without_a_known_key_there_is_no_way_in(void **state)
{
    static char long_key[3000];

    (void)state;
    memset(long_key, 'a', sizeof(long_key) - 1);
    rig_only(&filter_api_key, "{ " KEYS " }");
    want_refused(call_with(NULL, NULL), GRPC_UNAUTHENTICATED, "API_KEY_MISSING",
                 "x-api-key");
    want_refused(call_with("x-api-key", "abd"), GRPC_UNAUTHENTICATED, "API_KEY_UNKNOWN",
                 "not known");
    want_refused(call_with("x-api-key", ""), GRPC_UNAUTHENTICATED, "API_KEY_UNKNOWN",
                 "not known");
    want_refused(call_with("x-api-key", ABC), GRPC_UNAUTHENTICATED, "API_KEY_UNKNOWN",
                 "not known"); /* the hash is not the key */
    want_refused(call_with("x-api-key", long_key), GRPC_UNAUTHENTICATED,
                 "API_KEY_UNKNOWN", "not known");
    want_refused(call_with("x_api_key", "abc"), GRPC_UNAUTHENTICATED, "API_KEY_MISSING",
                 "x-api-key");
    assert_int_equal(rig_counted(STAT_API_KEYS_MISSING), 2);
    assert_int_equal(rig_counted(STAT_API_KEYS_UNKNOWN), 4);
}

static void
a_key_that_comes_twice_is_refused_also_when_both_are_good(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_api_key, "{ " KEYS ", \"headers\": [\"x-key\", \"x-api-key\"] }");
    c = call_with("x-api-key", "abc");
    rig_header(c, "x-api-key", "abc");
    want_refused(c, GRPC_INVALID_ARGUMENT, "HEADER_TWICE", "x-api-key");
    c = call_with("x-key", "abc"); /* the first one is good, the second decides nothing */
    rig_header(c, "x-api-key", "abd");
    rig_header(c, "x-api-key", "abc");
    want_refused(c, GRPC_INVALID_ARGUMENT, "HEADER_TWICE", "x-api-key");
}

static void
the_first_header_that_is_there_counts_and_all_are_taken_out(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_api_key,
             "{ " KEYS ", \"headers\": [{ \"name\": \"authorization\", \"prefix\": "
             "\"ApiKey \" }, \"x-api-key\"] }");
    c = call_with("authorization", "APIKEY  abc");
    rig_header(c, "x-api-key", "other");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(slice_eq_str(c->fc.client, "mobile"));
    assert_null(rig_request_header(c, "authorization"));
    assert_null(rig_request_header(c, "x-api-key"));
    rig_end(c, GRPC_OK);
    /* What has another scheme is somebody else's. */
    c = call_with("authorization", "Bearer abc");
    rig_header(c, "x-api-key", "other");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(slice_eq_str(c->fc.client, "batch"));
    assert_string_equal(rig_request_header(c, "authorization"), "Bearer abc");
    rig_end(c, GRPC_OK);
    want_refused(call_with("authorization", "Bearer abc"), GRPC_UNAUTHENTICATED,
                 "API_KEY_MISSING", "authorization behind ApiKey ");
    want_refused(call_with("authorization", "ApiKey"), GRPC_UNAUTHENTICATED,
                 "API_KEY_MISSING", "authorization");
}

static void
a_forwarded_key_never_enters_the_backends_table(void **state)
{
    unsigned at = 0;
    const struct h2_entry *e;
    struct rigcall *c;

    (void)state;
    rig_only(&filter_api_key, "{ " KEYS ", \"forward\": true }");
    c = call_with("x-api-key", "abc");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "x-api-key"), "abc");
    e = h2_headers_find(&c->request, slice_of("x-api-key"), &at);
    assert_true(e->f.flags & H2_FIELD_NO_INDEX);
    rig_end(c, GRPC_OK);
}

static void
excepted_methods_need_no_key_but_nobody_claims_a_name_there(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_api_key, "{ " KEYS ", \"clientHeader\": \"x-client\", "
                              "\"exceptMethods\": [\"grpc.health.v1.Health/*\"] }");
    c = rig_call("grpc.health.v1.Health/Check");
    rig_header(c, "x-client", "root");
    rig_header(c, "x-api-key", "abd");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_null(rig_request_header(c, "x-client"));
    assert_null(rig_request_header(c, "x-api-key"));
    assert_null(c->fc.client.p);
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_pass("grpc.health.v1.HealthX/Check"), GRPC_UNAUTHENTICATED);
}

static void
settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *part;
    } bad[] = {
        { "{ }", "there are no keys" },
        { "{ \"keys\": [{ \"client\": \"a\", \"sha256\": \"abc\" }] }", "sha256sum" },
        { "{ \"keys\": [{ \"client\": \"a\\n\", \"sha256\": \"" ABC "\" }] }",
          "characters from space to ~" },
        { "{ \"keys\": [{ \"client\": \"a\", \"sha256\": \"" ABC "\" }, "
          "{ \"client\": \"b\", \"sha256\": "
          "\"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\" }] }",
          "second time" },
        { "{ \"file\": \"/nowhere/keys\" }", "/nowhere/keys: No such file" },
        { "{ " KEYS ", \"headers\": [\"X-Key\"] }", "lower case" },
        { "{ " KEYS ", \"headers\": [\"x-key-bin\"] }", "-bin" },
        { "{ " KEYS ", \"headers\": [\"a\", \"a\"] }", "headers[0] has it already" },
        { "{ " KEYS ", \"clientHeader\": \"te\" }", "connection" },
        { "{ " KEYS ", \"exceptMethods\": [\"a.B\"] }", "package.Service/*" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *said = rig_problems(&filter_api_key, bad[i].json);

        if (!strstr(said, bad[i].part))
            fail_msg("%s\n%s", bad[i].json, said);
    }
}

/* --- the file ----------------------------------------------------------------------- */

static char path[64];

static void
say(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
file_setup(void **state)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/outrigger-keys-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return rig_setup(state);
}

static int
file_teardown(void **state)
{
    int rv = rig_teardown(state);

    unlink(path);
    return rv;
}

static int
key_code(const char *key)
{
    struct rigcall *c = call_with("x-api-key", key);
    int code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;

    rig_end(c, code);
    return code;
}

static void
wait_a_second(void)
{
    for (unsigned i = 0; i < 20; i++)
        rig_advance_ms(50);
}

static void
a_changed_file_counts_and_a_bad_one_does_not(void **state)
{
    char json[200];

    (void)state;
    snprintf(json, sizeof(json), "{ \"file\": \"%s\" }", path);
    say("# nothing\n");
    assert_non_null(strstr(rig_problems(&filter_api_key, json), "it has no keys"));
    say(ABC " mobile\nsecret batch\n");
    assert_non_null(strstr(rig_problems(&filter_api_key, json), "line 2: "));
    assert_null(strstr(rig_problems(&filter_api_key, json), "secret"));

    say(ABC " mobile\n");
    rig_only(&filter_api_key, json);
    assert_int_equal(key_code("abc"), GRPC_OK);
    assert_int_equal(key_code("other"), GRPC_UNAUTHENTICATED);

    say(OTHER " batch\n");
    wait_a_second();
    assert_int_equal(key_code("abc"), GRPC_UNAUTHENTICATED);
    assert_int_equal(key_code("other"), GRPC_OK);

    say(ABC " mobile\n" OTHER);
    wait_a_second();
    assert_int_equal(key_code("abc"), GRPC_UNAUTHENTICATED);
    assert_int_equal(key_code("other"), GRPC_OK);
    assert_int_equal(rig_counted(STAT_FILTER_FILES_REFUSED), 1);
}

static void
a_file_that_goes_later_keeps_its_keys(void **state)
{
    char json[200];

    (void)state;
    snprintf(json, sizeof(json), "{ \"file\": \"%s\" }", path);
    say(ABC " mobile\n");
    rig_only(&filter_api_key, json);
    assert_int_equal(key_code("abc"), GRPC_OK);
    unlink(path);
    wait_a_second();
    assert_int_equal(key_code("abc"), GRPC_OK);
}

/* It was good when the config was checked, and is gone when the filter opens. */
static void
without_any_good_file_nobody_comes_in(void **state)
{
    const struct api_key_conf conf = { .file = path };
    struct filter *f;

    (void)state;
    unlink(path);
    f = filter_get(&rig_store, &filter_api_key, "listener test", "apiKey", &conf);
    rig_chain(&f, 1);
    assert_int_equal(key_code("abc"), GRPC_UNAUTHENTICATED);
    say(ABC " mobile\n");
    wait_a_second();
    assert_int_equal(key_code("abc"), GRPC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(a_known_key_names_its_client_and_goes_no_further),
        FILTER_TEST(without_a_known_key_there_is_no_way_in),
        FILTER_TEST(a_key_that_comes_twice_is_refused_also_when_both_are_good),
        FILTER_TEST(the_first_header_that_is_there_counts_and_all_are_taken_out),
        FILTER_TEST(a_forwarded_key_never_enters_the_backends_table),
        FILTER_TEST(excepted_methods_need_no_key_but_nobody_claims_a_name_there),
        FILTER_TEST(settings_say_what_is_wrong),
        cmocka_unit_test_setup_teardown(a_changed_file_counts_and_a_bad_one_does_not,
                                        file_setup, file_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_goes_later_keeps_its_keys, file_setup,
                                        file_teardown),
        cmocka_unit_test_setup_teardown(without_any_good_file_nobody_comes_in, file_setup,
                                        file_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
