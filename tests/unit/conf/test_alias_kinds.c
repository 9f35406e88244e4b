/* SPDX-License-Identifier: Apache-2.0 */
/* Words of other proxies that are kinds of filters here: where they belong, and what is said of keys of a kind. */
#include "aliastest.h"

static const struct conf_field kind_fields[] = { { .key = NULL } };
static const struct conf_struct kind = TYPE("kind", kind_fields);
static const struct conf_variant kinds[] = {
    { "jwt", &kind, "A.", NULL },
    { "apiKey", &kind, "A.", NULL },
    { "rbac", &kind, "A.", NULL },
    { "rateLimit", &kind, "A.", NULL },
    { "extAuthz", &kind, "A.", NULL },
    { "globalRateLimit", &kind, "A.", NULL },
    { "fault", &kind, "A.", NULL },
    { "concurrencyLimit", &kind, "A.", NULL },
    { "headers", &kind, "A.", NULL },
    { "requestId", &kind, "A.", NULL },
    { "accessLog", &kind, "A.", NULL },
    { "tracing", &kind, "A.", NULL },
    { "metrics", &kind, "A.", NULL },
    { "retry", &kind, "A.", NULL },
    { .tag = NULL },
};
static const struct conf_field filter_fields[] = {
    { .key = "type", .type = CONF_ENUM, .variants = kinds, .help = "A key." },
    ROW("name"),
    ROW("off"),
    { .key = NULL }
};
static const struct conf_struct filter = { .name = "filter",
                                           .fields = filter_fields,
                                           .tag_key = "type" };
#define FILTERS(path)                                                                  \
    {                                                                                  \
        .key = "filters", .type = CONF_LIST, .sub = &filter, .see = path, .help = "A." \
    }
static const struct conf_field lane_fields[] = {
    ROW("to"), ROW("timeout"), FILTERS("listeners[].filters"), { .key = NULL }
};
static const struct conf_struct lane = TYPE("route", lane_fields);
static const struct conf_field gate_fields[] = {
    ROW("listen"),
    FILTERS(NULL),
    { .key = "routes", .type = CONF_LIST, .sub = &lane, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct gate = TYPE("listener", gate_fields);
static const struct conf_field top_fields[] = {
    { .key = "listeners", .type = CONF_LIST, .sub = &gate, .help = "A part." },
    { .key = "pools", .type = CONF_LIST, .sub = &pool, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct top = TYPE("config", top_fields);

static void
keys_that_are_kinds_lead_to_the_list(void **state)
{
    static const struct {
        const struct conf_struct *type;
        const char *word, *kind, *path;
    } words[] = {
        { &gate, "jwt", "jwt", "filters" },
        { &gate, "JWT", "jwt", "filters" },
        { &gate, "envoy.filters.http.jwt_authn", "jwt", "filters" },
        { &gate, "jwt_authn", "jwt", "filters" },
        { &gate, "requestAuthentication", "jwt", "filters" },
        { &lane, "key_auth", "apiKey", "filters" },
        { &lane, "authorization", "rbac", "filters" },
        { &lane, "ipAllowList", "rbac", "filters" },
        { &lane, "typed.rbac", NULL, NULL },
        { &lane, "rate_limits", "rateLimit", "filters" },
        { &gate, "limit_req", "rateLimit", "filters" },
        { &gate, "stick-table", "rateLimit", "filters" },
        { &gate, "envoy.filters.http.local_ratelimit", "rateLimit", "filters" },
        { &gate, "envoy.filters.http.ratelimit", "globalRateLimit", "filters" },
        { &gate, "rate_limit_service", "globalRateLimit", "filters" },
        { &gate, "ext_authz", "extAuthz", "filters" },
        { &gate, "auth_request", "extAuthz", "filters" },
        { &gate, "forwardAuth", "extAuthz", "filters" },
        { &gate, "limit_conn", "concurrencyLimit", "filters" },
        { &gate, "inFlightReq", "concurrencyLimit", "filters" },
        { &gate, "fault_injection", "fault", "filters" },
        { &gate, "unique-id-header", "requestId", "filters" },
        { &lane, "retryPolicy", "retry", "filters" },
        { &lane, "num_retries", "retry", "filters" },
        { &gate, "hedgePolicy", "retry", "filters" },
        { &gate, "otlp", "tracing", "filters" },
        /* Where there is no such list, its place in the file. */
        { &pool, "ext_authz", "extAuthz", "listeners.filters" },
        { &top, "tracing", "tracing", "listeners.filters" },
        { &top, "prometheus", "metrics", "listeners.filters" },
        { &health, "retries", NULL, NULL }, /* has a word of its own there */
        { &lane, "time_out", NULL, NULL },
        { &lane, "fruit", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char want[128];
        const char *key;
        struct strbuf out;

        strbuf_init(&out, 4096);
        key = alias_suggest(&out, &top, words[i].type, NULL, words[i].word);
        if (words[i].kind)
            assert_null(key); /* it is none of this object */
        snprintf(want, sizeof want,
                 "; it is a filter: write { \"type\": \"%s\" } into \"%s\"",
                 words[i].kind ? words[i].kind : "", words[i].path ? words[i].path : "");
        if (words[i].kind ? strcmp(out.s, want) != 0 : strstr(out.s, "it is a") != NULL)
            fail_msg("%s in %s: %s", words[i].word, words[i].type->name, out.s);
        if (words[i].kind)
            assert_null(alias_later(&top, words[i].type, words[i].word));
        strbuf_done(&out);
    }
}

static void
keys_of_a_kind_are_keys_here(void **state)
{
    static const struct conf_field own_fields[] = { ROW("issuer"),
                                                    ROW("audiences"),
                                                    { .key = NULL } };
    static const struct conf_struct own = TYPE("jwt filter", own_fields);
    static const struct {
        const char *word, *want, *key;
    } words[] = {
        { "isuer", "; did you mean \"issuer\"?", "issuer" },
        { "Issuer", "; did you mean \"issuer\"?", "issuer" },
        { "nam", "; did you mean \"name\"?", "name" },
        { "disabled", "; in outrigger this is \"off\"", "off" },
        { "enabled", "; a filter in the list is on; \"off\": true switches it off",
          NULL },
        { "typed_config", "; the keys of the filter stand beside \"type\"", NULL },
        { "qqq", "; keys here: ", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct strbuf out;
        const char *key;

        strbuf_init(&out, 4096);
        key = alias_suggest(&out, &top, &filter, &own, words[i].word);
        if (strncmp(out.s, words[i].want, strlen(words[i].want)) != 0)
            fail_msg("%s: %s", words[i].word, out.s);
        if (words[i].key)
            assert_string_equal(key, words[i].key);
        else
            assert_null(key);
        if (strcmp(words[i].word, "qqq") == 0)
            assert_true(strstr(out.s, "audiences") && strstr(out.s, "off"));
        strbuf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_are_kinds_lead_to_the_list),
        cmocka_unit_test(keys_of_a_kind_are_keys_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
