/* SPDX-License-Identifier: Apache-2.0 */
/* rbac: which calls rules of each kind fit, what decides, and what settings are refused. */
#include "rbacrig.h"

#include <string.h>

#include "filter/claims.h"

#define TEXT(s)                                       \
    {                                                 \
        .p = (const uint8_t *)(s), .n = sizeof(s) - 1 \
    }

static const struct claim claim_list[] = {
    { TEXT("role"), TEXT("reader") },
    { TEXT("role"), TEXT("admin") },
    { TEXT("sub"), TEXT("ann") },
    { TEXT("note"), TEXT("") },
};
static const struct claims token = { ARRAY_LEN(claim_list), claim_list };

/* One rule that allows; all else is denied. */
static void
use_rule(const char *when)
{
    char json[2000];

    snprintf(json, sizeof(json),
             "{ \"audit\": \"none\", \"rules\": [{ \"name\": \"r\", \"action\": "
             "\"allow\"%s%s }] }",
             *when ? ", " : "", when);
    rig_only(&filter_rbac, json);
}

static void
want(const char *when, const struct sample *s, bool fits)
{
    use_rule(when);
    if (allowed(s) != fits)
        fail_msg("%s: %s", when, fits ? "does not fit" : "fits");
}

#define FITS(when, ...)  want(when, &(const struct sample){ __VA_ARGS__ }, true)
#define FAILS(when, ...) want(when, &(const struct sample){ __VA_ARGS__ }, false)

/* --- kinds -------------------------------------------------------------------------- */

static void
methods(void **state)
{
    (void)state;
    FITS("\"paths\": \"shop.Cart/Get\"", .path = "shop.Cart/Get");
    FITS("\"paths\": [\"a.B/C\", \"/shop.Cart/*\"]", .path = "shop.Cart/Get");
    FITS("\"paths\": \"*/Get\"", .path = "shop.Cart/Get");
    FAILS("\"paths\": \"shop.Cart/Get\"", .path = "shop.Cart/GetAll");
    FAILS("\"paths\": \"shop.Cart/*\"", .path = "shop.CartX/Get");
    FAILS("\"paths\": \"shop.cart/*\"", .path = "shop.Cart/Get");
    FITS("", .path = "shop.Cart/Get");
}

/* reliability.md B12: absent, empty and a value are three states. */
static void
headers_in_three_states(void **state)
{
    static const struct {
        const char *rule;
        bool absent, empty, value; /* fits */
    } rows[] = {
        { "\"headers\": { \"x\": \"v\" }", false, false, true },
        { "\"headers\": { \"x\": \"\" }", false, true, false },
        { "\"headers\": { \"x\": { \"prefix\": \"v\" } }", false, false, true },
        { "\"headers\": { \"x\": { \"suffix\": \"v\" } }", false, false, true },
        { "\"headers\": { \"x\": { \"oneOf\": [\"w\", \"v\"] } }", false, false, true },
        { "\"headers\": { \"x\": { \"oneOf\": [\"w\", \"\"] } }", false, true, false },
        { "\"headers\": { \"x\": { \"present\": true } }", false, true, true },
        { "\"headers\": { \"x\": { \"present\": false } }", true, false, false },
        { "\"headers\": { \"x\": \"*\" }", false, false, false }, /* a star is a star */
        { "\"not\": { \"headers\": { \"x\": \"v\" } }", true, true, false },
        { "\"not\": { \"headers\": { \"x\": \"\" } }", true, false, true },
        { "\"not\": { \"headers\": { \"x\": { \"present\": true } } }", true, false,
          false },
        { "\"not\": { \"headers\": { \"x\": { \"present\": false } } }", false, true,
          true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        want(rows[i].rule, &(const struct sample){ 0 }, rows[i].absent);
        want(rows[i].rule, &(const struct sample){ .header = "x", .value = "" },
             rows[i].empty);
        want(rows[i].rule, &(const struct sample){ .header = "x", .value = "v" },
             rows[i].value);
    }
    FAILS("\"headers\": { \"x\": \"v\" }", .header = "x", .value = "V");
    FAILS("\"headers\": { \"x-a\": \"v\" }", .header = "x_a", .value = "v");
    FAILS("\"headers\": { \"x\": \"v\", \"y\": \"v\" }", .header = "x", .value = "v");
}

static void
addresses(void **state)
{
    static const char net[] = "\"source\": [\"10.0.0.0/8\", \"fd00::/8\"]";

    (void)state;
    FITS(net, .from = "10.1.2.3:4");
    FITS(net, .from = "[::ffff:10.1.2.3]:4");
    FITS(net, .from = "[fd00::1]:4");
    FAILS(net, .from = "11.1.2.3:4");
    FAILS(net, .from = "[::1]:4");
    FAILS("\"source\": [\"0.0.0.0/0\", \"::/0\"]", .from = "unix:/tmp/x");
    FITS("\"not\": { \"source\": \"10.0.0.0/8\" }", .from = "11.1.2.3:4");
    FAILS("\"not\": { \"source\": \"10.0.0.0/8\" }", .from = "[::ffff:10.1.2.3]:4");
}

static void
names_of_certificates(void **state)
{
    static const struct {
        const char *rule;
        bool fits;
    } rows[] = {
        { "\"san\": \"spiffe://shop.example/ns/a/web\"", true },
        { "\"san\": { \"prefix\": \"spiffe://shop.example/\" }", true },
        { "\"san\": { \"prefix\": \"spiffe://shop.example/\", \"type\": \"dns\" }",
          false },
        { "\"san\": { \"suffix\": \".SHOP.example\", \"type\": \"dns\" }", true },
        { "\"san\": [\"x\", \"web@shop.example\"]", true },
        { "\"san\": { \"exact\": \"10.0.0.9\", \"type\": \"ip\" }", true },
        { "\"san\": \"spiffe://shop.example/ns/a\"", false },
        { "\"san\": \"CN=web,O=shop\"", false },
        { "\"certificate\": true", true },
        { "\"certificate\": false", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool no_cert = strcmp(rows[i].rule, "\"certificate\": false") == 0;

        want(rows[i].rule, &(const struct sample){ .peer = &with_cert }, rows[i].fits);
        want(rows[i].rule, &(const struct sample){ .peer = &unverified }, no_cert);
        want(rows[i].rule, &(const struct sample){ .peer = &without_cert }, no_cert);
        want(rows[i].rule, &(const struct sample){ 0 }, no_cert);
    }
}

static void
claims_of_tokens(void **state)
{
    static const struct {
        const char *rule;
        bool fits, without; /* with the token, without any */
    } rows[] = {
        { "\"claims\": { \"role\": \"admin\" }", true, false },
        { "\"claims\": { \"role\": \"reader\", \"sub\": \"ann\" }", true, false },
        { "\"claims\": { \"role\": \"owner\" }", false, false },
        { "\"claims\": { \"role\": \"admin\", \"sub\": \"bob\" }", false, false },
        { "\"claims\": { \"sub\": { \"prefix\": \"an\" } }", true, false },
        { "\"claims\": { \"note\": \"\" }", true, false },
        { "\"claims\": { \"note\": { \"present\": true } }", true, false },
        { "\"claims\": { \"email\": { \"present\": false } }", true, true },
        { "\"not\": { \"claims\": { \"role\": \"admin\" } }", false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        want(rows[i].rule, &(const struct sample){ .claims = &token }, rows[i].fits);
        want(rows[i].rule, &(const struct sample){ 0 }, rows[i].without);
    }
}

static void
clients_of_api_keys(void **state)
{
    (void)state;
    FITS("\"clients\": [\"batch\", \"mobile-*\"]", .client = "mobile-2");
    FAILS("\"clients\": [\"batch\", \"mobile-*\"]", .client = "mobil");
    FAILS("\"clients\": \"*\"", .client = NULL);
    FITS("\"not\": { \"clients\": \"batch\" }", .client = NULL);
}

static void
all_kinds_must_fit_and_none_of_not_may(void **state)
{
    static const char rule[] =
        "\"paths\": \"shop.*\", \"source\": \"10.0.0.0/8\", \"not\": { \"paths\": "
        "\"shop.Admin/*\", \"clients\": \"batch\" }";

    (void)state;
    FITS(rule, .from = "10.0.0.1:1");
    FAILS(rule, .from = "11.0.0.1:1");
    FAILS(rule, .path = "x.Cart/Get", .from = "10.0.0.1:1");
    FAILS(rule, .path = "shop.Admin/Get", .from = "10.0.0.1:1");
    FAILS(rule, .from = "10.0.0.1:1", .client = "batch");
    FITS(rule, .from = "10.0.0.1:1", .client = "mobile");
}

/* --- the order ---------------------------------------------------------------------- */

static void
the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    rig_only(&filter_rbac,
             "{ \"audit\": \"none\", \"rules\": ["
             "{ \"name\": \"see\", \"action\": \"log\" },"
             "{ \"name\": \"no-admin\", \"action\": \"deny\", \"paths\": \"a.Admin/*\" },"
             "{ \"name\": \"net\", \"action\": \"allow\", \"source\": \"10.0.0.0/8\" },"
             "{ \"name\": \"late\", \"action\": \"deny\", \"source\": \"10.0.0.0/8\" }"
             "] }");
    assert_true(allowed(&(struct sample){ .from = "10.0.0.1:1" }));
    assert_false(allowed(&(struct sample){ .from = "11.0.0.1:1" }));
    assert_false(allowed(&(struct sample){ .path = "a.Admin/X", .from = "10.0.0.1:1" }));
    assert_int_equal(rig_counted(STAT_RBAC_ALLOWED), 1);
    assert_int_equal(rig_counted(STAT_RBAC_DENIED), 2);
}

static void
what_no_rule_decides(void **state)
{
    static const struct {
        const char *json;
        bool allowed;
    } rows[] = {
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }]", true },
        { "[{ \"name\": \"a\", \"action\": \"log\" }]", true },
        { "[{ \"name\": \"a\", \"action\": \"allow\", \"paths\": \"x.Y/Z\" }]", false },
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }, "
          "{ \"name\": \"b\", \"action\": \"allow\", \"paths\": \"x.Y/W\" }]",
          false },
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }], "
          "\"default\": \"deny\"",
          false },
        { "[{ \"name\": \"a\", \"action\": \"allow\", \"paths\": \"x.Y/Z\" }], "
          "\"default\": \"allow\"",
          true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[500];

        snprintf(json, sizeof(json), "{ \"audit\": \"none\", \"rules\": %s }",
                 rows[i].json);
        rig_only(&filter_rbac, json);
        if (allowed(&(struct sample){ 0 }) != rows[i].allowed)
            fail_msg("%s", json);
    }
}

/* --- a header that comes twice ------------------------------------------------------ */

static int
decide_twice(const char *multi, const char *action, const char *first, const char *second)
{
    char json[500];

    snprintf(
        json, sizeof(json),
        "{ \"audit\": \"none\", \"multi\": \"%s\", \"rules\": [{ \"name\": \"early\", "
        "\"action\": \"allow\", \"paths\": \"x.Y/Z\" }, { \"name\": \"r\", "
        "\"action\": \"%s\", \"headers\": { \"x\": \"v\" } }] }",
        multi, action);
    rig_only(&filter_rbac, json);
    return decide(&(struct sample){ .header = "x", .value = first, .second = second });
}

static void
a_header_of_a_rule_that_comes_twice(void **state)
{
    (void)state;
    assert_int_equal(decide_twice("refuse", "allow", "v", "v"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(decide_twice("refuse", "deny", "w", "v"), GRPC_INVALID_ARGUMENT);
    /* Also when an earlier rule would not have looked at it. */
    assert_int_equal(decide(&(struct sample){
                         .path = "x.Y/Z", .header = "x", .value = "v", .second = "v" }),
                     GRPC_INVALID_ARGUMENT);
    assert_int_equal(decide(&(struct sample){
                         .path = "x.Y/Z", .header = "y", .value = "v", .second = "v" }),
                     GRPC_OK);
    assert_int_equal(decide_twice("first", "allow", "v", "w"), GRPC_OK);
    assert_int_equal(decide_twice("first", "allow", "w", "v"), GRPC_PERMISSION_DENIED);
    assert_int_equal(decide_twice("any", "allow", "w", "v"), GRPC_OK);
    assert_int_equal(decide_twice("any", "deny", "w", "v"), GRPC_PERMISSION_DENIED);
    assert_int_equal(decide_twice("any", "allow", "w", "x"), GRPC_PERMISSION_DENIED);
}

/* --- settings ----------------------------------------------------------------------- */

#define RULE(rest) "{ \"rules\": [{ \"name\": \"r\", \"action\": \"allow\", " rest " }] }"
#define ALLOW(rest)                                                               \
    "{ \"policy\": { \"name\": \"p\", \"allow_rules\": [{ \"name\": \"r\", " rest \
    " }] } }"

static void
settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *part;
    } bad[] = {
        { "{ }", "there are no rules" },
        { "{ \"rules\": [] }", "there are no rules" },
        { "{ \"policyFile\": \"/x\", \"policy\": " POLICY " }", "keep one of them" },
        { "{ \"policyFile\": \"/nowhere/p\" }", "/nowhere/p: No such file" },
        { "{ \"default\": \"deny\", \"policy\": " POLICY " }", "remove \"default\"" },
        { "{ \"rules\": [{ \"name\": \"r\" }] }", "action" },
        { "{ \"rules\": [{ \"name\": \"r\", \"action\": \"log\" }, { \"name\": \"r\", "
          "\"action\": \"log\" }] }",
          "rules[0] has it already" },
        { RULE("\"paths\": []"), "at least one" },
        { RULE("\"paths\": [\"shop.Cart\"]"), "package.Service/*" },
        { RULE("\"headers\": { \":path\": \"x\" }"), "pseudo header" },
        { RULE("\"headers\": { \"X-A\": \"x\" }"), "lower case" },
        { RULE("\"headers\": { \"grpc-timeout\": \"x\" }"), "belong to gRPC" },
        { RULE("\"headers\": { \"te\": \"x\" }"), "belongs to the connection" },
        { RULE("\"headers\": { \"host\": \"x\" }"), ":authority" },
        { RULE("\"headers\": { \"x-bin\": \"x\" }"), "more than one way" },
        { RULE("\"not\": { \"headers\": { \"te\": \"x\" } }"),
          "belongs to the connection" },
        { RULE("\"headers\": { \"x\": { } }"), "exactly one of" },
        { RULE("\"headers\": { \"x\": { \"exact\": \"a\", \"prefix\": \"b\" } }"),
          "exactly one of" },
        { RULE("\"headers\": { \"x\": { \"prefix\": \"\" } }"), "\"present\": true" },
        { RULE("\"source\": [\"10.0.0.1/8\"]"), "bits set behind the prefix" },
        { RULE("\"san\": { \"prefix\": \"a\", \"suffix\": \"b\" }"), "one of exact" },
        { RULE("\"clients\": [\"a*b\"]"), "at the start" },
        { RULE("\"sources\": [\"10.0.0.0/8\"]"), "source" },
        { ALLOW("\"request\": { \"paths\": [\"shop.Cart/*\"] }"), "begins with a slash" },
        { ALLOW("\"request\": { \"headers\": [{ \"key\": \"x\" }] }"), "values" },
        { ALLOW("\"request\": { \"headers\": [{ \"key\": \"grpc-x\", \"values\": [\"a\"] "
                "}] }"),
          "belong to gRPC" },
        { ALLOW("\"requests\": {}"), "request" },
        { "{ \"policy\": { \"name\": \"p\" } }", "allow_rules" },
        { "{ \"policy\": { \"name\": \"p\", \"allow_rules\": [{ \"name\": \"r\" }], "
          "\"audit_logging_options\": { \"audit_loggers\": [{ \"name\": \"other\" }] } } "
          "}",
          "is_optional" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *said = rig_problems(&filter_rbac, bad[i].json);

        if (!strstr(said, bad[i].part))
            fail_msg("%s\n%s", bad[i].json, said);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(methods),
        FILTER_TEST(headers_in_three_states),
        FILTER_TEST(addresses),
        FILTER_TEST(names_of_certificates),
        FILTER_TEST(claims_of_tokens),
        FILTER_TEST(clients_of_api_keys),
        FILTER_TEST(all_kinds_must_fit_and_none_of_not_may),
        FILTER_TEST(the_first_rule_that_fits_decides),
        FILTER_TEST(what_no_rule_decides),
        FILTER_TEST(a_header_of_a_rule_that_comes_twice),
        FILTER_TEST(settings_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
