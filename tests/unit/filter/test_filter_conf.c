/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of filters: what may stand in them, and what comes out of a listener's and a route's. The registry is one of the test. */
#include "filter/filter_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "conf/snapshot.h"
#include "filter/filter.h"
#include "filter/registry.h"

/* --- kinds -------------------------------------------------------------------------- */

struct plain_conf {
    uint32_t n;
};

static const struct conf_field plain_fields[] = {
    { .key = "n",
      .type = CONF_UINT,
      .at = offsetof(struct plain_conf, n),
      .def = "5",
      .min = 1,
      .max = 100,
      .example = "7",
      .help = "A number." },
    { .key = NULL },
};
static const struct conf_struct plain_struct = { .name = "plain filter",
                                                 .size = sizeof(struct plain_conf),
                                                 .fields = plain_fields };

struct asks_conf {
    const char *note;
    struct asks_service {
        const char *pool;
    } service;
};

static const struct conf_field service_fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct asks_service, pool),
      .example = "\"app\"",
      .help = "Who is asked." },
    { .key = NULL },
};
static const struct conf_struct service_struct = { .name = "service",
                                                   .size = sizeof(struct asks_service),
                                                   .fields = service_fields };
static const struct conf_field asks_fields[] = {
    { .key = "note",
      .type = CONF_STRING,
      .at = offsetof(struct asks_conf, note),
      .example = "\"x\"",
      .help = "A text." },
    { .key = "service",
      .type = CONF_OBJECT,
      .at = offsetof(struct asks_conf, service),
      .sub = &service_struct,
      .required = true,
      .example = "{ \"pool\": \"app\" }",
      .help = "A service." },
    { .key = NULL },
};
static const struct conf_struct asks_struct = { .name = "asking filter",
                                                .size = sizeof(struct asks_conf),
                                                .fields = asks_fields };

static const char *
asks_pool(const void *conf)
{
    return ((const struct asks_conf *)conf)->service.pool;
}

static const struct filter_kind plain = { .name = "plain", .conf = &plain_struct };
static const struct filter_kind once = { .name = "once",
                                         .conf = &plain_struct,
                                         .flags = FILTER_NO_REPEAT };
static const struct filter_kind watch = { .name = "watch",
                                          .conf = &plain_struct,
                                          .flags = FILTER_ALWAYS | FILTER_NO_REPEAT };
static const struct filter_kind trace = { .name = "trace",
                                          .conf = &plain_struct,
                                          .flags = FILTER_ALWAYS };
static const struct filter_kind asks = { .name = "asks",
                                         .conf = &asks_struct,
                                         .pool = asks_pool };

const struct conf_variant filter_variants[] = {
    { "plain", &plain_struct, "Plain.", &plain },
    { "once", &plain_struct, "Once.", &once },
    { "watch", &plain_struct, "Watch.", &watch },
    { "trace", &plain_struct, "Trace.", &trace },
    { "asks", &asks_struct, "Asks.", &asks },
    { .tag = NULL },
};

const struct filter_kind *
filter_kind_at(size_t i)
{
    return filter_variants[i].owner;
}

const struct filter_kind *
filter_kind_find(const char *name)
{
    size_t i = 0;

    while (filter_variants[i].tag && strcmp(filter_variants[i].tag, name) != 0)
        i++;
    return filter_variants[i].owner;
}

/* --- a listener --------------------------------------------------------------------- */

struct lane {
    struct conf_list filters;
};

struct gate {
    struct conf_list filters, routes;
};

static const struct conf_field lane_fields[] = {
    { .key = "filters",
      .type = CONF_LIST,
      .at = offsetof(struct lane, filters),
      .max = FILTERS_MAX,
      .sub = &route_filter_struct,
      .example = "[]",
      .help = "The route's." },
    { .key = NULL },
};
static const struct conf_struct lane_struct = { .name = "lane",
                                                .size = sizeof(struct lane),
                                                .fields = lane_fields };
static const struct conf_field gate_fields[] = {
    { .key = "filters",
      .type = CONF_LIST,
      .at = offsetof(struct gate, filters),
      .max = FILTERS_MAX,
      .sub = &filter_item_struct,
      .example = "[]",
      .help = "The listener's." },
    { .key = "routes",
      .type = CONF_LIST,
      .at = offsetof(struct gate, routes),
      .max = 10,
      .sub = &lane_struct,
      .example = "[]",
      .help = "Routes." },
    { .key = NULL },
};

static void
gate_check(void *obj, struct conf_place *place)
{
    const struct gate *g = obj;
    const struct lane *lanes = g->routes.items;

    filters_check(&g->filters, place);
    for (size_t i = 0; i < g->routes.n; i++)
        filters_check_route(&g->filters, &lanes[i].filters, i, place);
}

static const struct conf_struct gate_struct = { .name = "gate",
                                                .size = sizeof(struct gate),
                                                .fields = gate_fields,
                                                .check = gate_check };

/* What is said of the two lists; "" when they are fine. */
static const char *
problems(const char *filters, const char *own, struct conf_snapshot **ret)
{
    static char said[4096];
    char text[1024];
    struct strbuf out;
    struct conf_snapshot *s = NULL;

    snprintf(text, sizeof text,
             "{\n\"filters\": %s,\n\"routes\": [{ \"filters\": %s }]\n}", filters, own);
    strbuf_init(&out, sizeof said - 1);
    if (conf_load_text(&gate_struct, "f", text, strlen(text), &out, &s) == 0 && ret)
        *ret = s;
    else
        conf_drop(s);
    snprintf(said, sizeof said, "%s", out.s ? out.s : "");
    strbuf_done(&out);
    return said;
}

/* --- problems ----------------------------------------------------------------------- */

static const struct {
    const char *filters, *own, *line;
} misfits[] = {
    { "[\"plain\", \"plain\"]", "[]",
      "f:2:22: error: filters[0] is called \"plain\" already; give this one another "
      "\"name\" [E0301]" },
    { "[{ \"type\": \"plain\", \"name\": \"a\" }, { \"type\": \"once\", \"name\": "
      "\"a\" }]",
      "[]",
      "f:2:73: error: filters[0] is called \"a\" already; give this one another "
      "\"name\" [E0301]" },
    { "[{ \"type\": \"plain\", \"name\": \"once\" }]", "[]",
      "f:2:40: error: \"once\" is what filters of the type \"once\" are called; give "
      "this one another name [E0301]" },
    { "[\"plain\", \"once\", { \"type\": \"once\", \"name\": \"b\" }]", "[]",
      "f:2:30: error: a listener can have \"once\" only once, and filters[1] is it "
      "already; remove one of them [E0302]" },
    { "[\"watch\", \"watch\"]", "[]",
      "f:2:22: error: a listener can have \"watch\" only once, and filters[0] is it "
      "already; remove one of them [E0302]" },
    { "[{ \"type\": \"plain\", \"name\": \"first\" }]",
      "[{ \"type\": \"plain\", \"name\": \"frist\" }]",
      "f:3:53: error: this listener has no filter called \"frist\"; its filter of "
      "the "
      "type \"plain\" is called \"first\" [E0303]" },
    { "[{ \"type\": \"plain\", \"name\": \"first\" }]", "[\"plain\"]",
      "f:3:26: error: this listener has no filter called \"plain\"; its filter of "
      "the "
      "type \"plain\" is called \"first\" [E0303]" },
    { "[{ \"type\": \"plain\", \"name\": \"first\" }]",
      "[{ \"type\": \"once\", \"name\": \"frist\" }]",
      "f:3:52: error: this listener has no filter called \"frist\"; did you mean "
      "\"first\"? [E0303]" },
    { "[\"plain\"]", "[\"once\"]",
      "f:3:26: error: this listener has no filter called \"once\"; its filters are: "
      "trace, watch, plain. A filter stands in \"filters\" of the listener first, "
      "which gives the order [E0303]" },
    { "[\"plain\"]", "[{ \"type\": \"once\", \"name\": \"plain\" }]",
      "f:3:36: error: the filter \"plain\" of this listener is of the type "
      "\"plain\", "
      "not \"once\"; write \"type\": \"plain\", or the name of another filter "
      "[E0304]" },
    { "[{ \"type\": \"plain\", \"name\": \"a\" }]",
      "[{ \"type\": \"once\", \"name\": \"a\" }]",
      "f:3:36: error: the filter \"a\" of this listener is of the type \"plain\", "
      "not "
      "\"once\"; write \"type\": \"plain\", or the name of another filter [E0304]" },
    { "[\"plain\"]", "[\"plain\", { \"type\": \"plain\", \"off\": true }]",
      "f:3:35: error: filters[0] of this route is about the filter \"plain\" "
      "already; "
      "keep one of the two [E0301]" },
    { "[\"plain\"]", "[{ \"type\": \"plain\", \"off\": true, \"n\": 3 }]",
      "f:3:63: error: \"off\": true switches the filter \"plain\" off for this "
      "route, "
      "so \"n\" does nothing here; remove one of the two [E0305]" },
    { "[{ \"type\": \"watch\", \"name\": \"w\" }]",
      "[{ \"type\": \"watch\", \"off\": true }]",
      "f:3:26: error: this listener has no filter called \"watch\"; its filter of "
      "the "
      "type \"watch\" is called \"w\" [E0303]" },
    { "[{ \"type\": \"plain\", \"name\": \"\" }]", "[]",
      "f:2:40: error: filters[0].name cannot be \"\": a name has 1 to 128 bytes, "
      "without "
      "control characters, quotes and backslashes [E0115]" },
};

static void
lists_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(misfits); i++) {
        const char *said = problems(misfits[i].filters, misfits[i].own, NULL);
        size_t n = strcspn(said, "\n");

        if (strlen(misfits[i].line) != n || memcmp(said, misfits[i].line, n) != 0)
            fail_msg("%s %s\n got: %s\nwant: %s", misfits[i].filters, misfits[i].own,
                     said, misfits[i].line);
        if (!strstr(said, "\n1 error in f"))
            fail_msg("%s %s: %s", misfits[i].filters, misfits[i].own, said);
    }
}

static void
lists_that_fit_are_fine(void **state)
{
    static const char *const rows[][2] = {
        { "[]", "[]" },
        { "[]", "[{ \"type\": \"watch\", \"off\": true }, \"trace\"]" },
        { "[\"plain\", { \"type\": \"plain\", \"name\": \"b\" }]",
          "[{ \"type\": \"plain\", \"name\": \"b\", \"n\": 9 }, \"plain\"]" },
        { "[{ \"type\": \"plain\", \"off\": true, \"n\": 9 }]", "[\"plain\"]" },
        { "[{ \"type\": \"asks\", \"off\": true }]",
          "[{ \"type\": \"asks\", \"service\": { \"pool\": \"p\" } }]" },
        { "[{ \"type\": \"plain\", \"name\": \"plain\" }]", "[]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *said = problems(rows[i][0], rows[i][1], NULL);

        if (*said)
            fail_msg("%s %s: %s", rows[i][0], rows[i][1], said);
    }
}

/* --- what a call goes through ------------------------------------------------------- */

/* "name:n" of each, with a * when the settings are the route's. */
static void
print_picks(const struct filter_picks *p, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < p->n; i++) {
        const struct plain_conf *conf = p->v[i].settings;

        assert_ptr_equal(p->v[i].kind->conf, &plain_struct);
        at += (size_t)snprintf(out + at, size - at, "%s%s:%u%s", i ? " " : "",
                               p->v[i].name, conf->n, p->v[i].own ? "*" : "");
    }
}

static void
a_route_changes_settings_but_not_the_order(void **state)
{
    static const struct {
        const char *filters, *own, *listener, *route;
    } rows[] = {
        { "[]", "[]", "watch:5 trace:5", "watch:5 trace:5" },
        { "[\"plain\", { \"type\": \"once\", \"n\": 7 }]", "[]",
          "watch:5 trace:5 plain:5 once:7", "watch:5 trace:5 plain:5 once:7" },
        /* What is on by itself has the place where it is named. */
        { "[\"plain\", { \"type\": \"watch\", \"name\": \"w\", \"n\": 2 }, \"once\"]",
          "[]", "trace:5 plain:5 w:2 once:5", "trace:5 plain:5 w:2 once:5" },
        { "[\"plain\", { \"type\": \"watch\", \"off\": true }]", "[]", "trace:5 plain:5",
          "trace:5 plain:5" },
        { "[\"plain\", \"once\"]",
          "[{ \"type\": \"once\", \"n\": 3 }, { \"type\": \"plain\", "
          "\"off\": true }]",
          "watch:5 trace:5 plain:5 once:5", "watch:5 trace:5 once:3*" },
        { "[{ \"type\": \"plain\", \"n\": 3 }]", "[\"plain\"]", "watch:5 trace:5 plain:3",
          "watch:5 trace:5 plain:5*" },
        { "[{ \"type\": \"plain\", \"off\": true }, \"once\"]", "[\"plain\"]",
          "watch:5 trace:5 once:5", "watch:5 trace:5 plain:5* once:5" },
        { "[]",
          "[{ \"type\": \"watch\", \"off\": true }, { \"type\": \"trace\", \"n\": 9 }]",
          "watch:5 trace:5", "trace:9*" },
        { "[{ \"type\": \"trace\", \"name\": \"t\" }, { \"type\": \"trace\", \"name\": "
          "\"u\", "
          "\"off\": true }]",
          "[{ \"type\": \"trace\", \"name\": \"u\", \"n\": 4 }]", "watch:5 t:5",
          "watch:5 t:5 u:4*" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_snapshot *s = NULL;
        const char *said = problems(rows[i].filters, rows[i].own, &s);
        const struct gate *g;
        const struct lane *lane;
        struct filter_picks *p;
        char got[256];

        if (*said)
            fail_msg("%s", said);
        g = conf_root(s);
        lane = g->routes.items;
        p = filters_pick(&g->filters, NULL);
        print_picks(p, got, sizeof got);
        assert_string_equal(got, rows[i].listener);
        filter_picks_free(p);
        p = filters_pick(&g->filters, &lane->filters);
        print_picks(p, got, sizeof got);
        assert_string_equal(got, rows[i].route);
        filter_picks_free(p);
        conf_drop(s);
    }
}

static void
a_pool_is_found_with_the_key_that_names_it(void **state)
{
    struct conf_snapshot *s = NULL;
    const struct filter_item *items;
    char key[FILTER_KEY_MAX];

    (void)state;
    problems(
        "[{ \"type\": \"asks\", \"note\": \"p\", \"service\": { \"pool\": \"p\" } }, "
        "\"plain\", "
        "{ \"type\": \"asks\", \"name\": \"x\", \"service\": {} }, { \"type\": \"asks\", "
        "\"name\": \"y\", \"off\": true, \"service\": { \"pool\": \"p\" } }]",
        "[]", &s);
    assert_non_null(s);
    items = ((const struct gate *)conf_root(s))->filters.items;
    assert_string_equal(filter_item_pool(&items[0], key), "p");
    assert_string_equal(key, "service.pool");
    assert_null(filter_item_pool(&items[1], key));
    assert_null(filter_item_pool(&items[2], key));
    assert_null(filter_item_pool(&items[3], key));
    conf_drop(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_do_not_fit_are_refused),
        cmocka_unit_test(lists_that_fit_are_fine),
        cmocka_unit_test(a_route_changes_settings_but_not_the_order),
        cmocka_unit_test(a_pool_is_found_with_the_key_that_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
