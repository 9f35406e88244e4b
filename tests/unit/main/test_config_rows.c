/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the real config: what they promise holds, for every row. */
#include "configtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/check.h"
#include "conf/explain.h"
#include "conf/redact.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

typedef void row_fn(const struct conf_field *f, const char *path);

static void
each_row(const struct conf_struct *type, const char *prefix, row_fn *fn)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        char path[256];

        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", f->key);
        fn(f, path);
        if (!f->sub)
            continue;
        each_row(f->sub, path, fn);
        for (const struct conf_variant *v = conf_variants(f->sub); v->tag; v++) {
            char kind[300];

            snprintf(kind, sizeof kind, "%s.%s", path, v->tag);
            each_row(v->type, kind, fn);
        }
    }
}

static void
row_is_documented(const struct conf_field *f, const char *path)
{
    size_t n = f->help ? strlen(f->help) : 0;

    if (n < 10 || f->help[n - 1] != '.')
        fail_msg("%s: help must be a sentence", path);
    if (!f->example)
        fail_msg("%s: no example", path);
    if (strstr(path, ".policy.")) /* keys of gRFC A43, as they are there */
        return;
    for (const char *c = f->key; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
              (*c >= '0' && *c <= '9')) ||
            (c == f->key && *c < 'a'))
            fail_msg("%s: keys are camelCase", path);
    }
}

static void
row_has_a_good_default(const struct conf_field *f, const char *path)
{
    struct strbuf why;
    const char *code;
    void *obj;

    if (!f->def) {
        bool may_be_absent = f->required || f->sub || f->type == CONF_STRING ||
                             f->type == CONF_MAP || f->type == CONF_MAYBE ||
                             f->type == CONF_RATE; /* 0 events: none */

        if (!may_be_absent)
            fail_msg("%s: neither required nor with a default", path);
        return;
    }
    obj = calloc(
        1, f->at + 16); /* lint: allow calloc - as the heap sees it, so that ASan does */
    strbuf_init(&why, 1024);
    if (!field_parse(f, f->def, obj, &why, &code))
        fail_msg("%s: the default %s", path, why.s);
    strbuf_done(&why);
    free(obj); /* lint: allow free - as above */
}

static void
row_has_a_sane_range(const struct conf_field *f, const char *path)
{
    if (f->max != 0 && f->min > f->max)
        fail_msg("%s: min is above max", path);
    if ((f->type == CONF_UINT || f->type == CONF_SIZE || f->type == CONF_DURATION ||
         f->type == CONF_LIST || f->type == CONF_DICT) &&
        f->max == 0)
        fail_msg("%s: has no upper bound", path);
    if ((f->type == CONF_LIST || f->type == CONF_DICT) && !f->sub)
        fail_msg("%s: a list needs sub", path);
    if (f->one_ok && f->type != CONF_LIST)
        fail_msg("%s: one stands only for a list of one", path);
    if (f->type == CONF_ENUM && !f->words && !f->variants)
        fail_msg("%s: an enum needs words", path);
    if (f->valid && !f->code && f->valid != conf_name_valid)
        fail_msg("%s: valid without a code", path);
    if (f->sub && f->sub->short_key && !field_find(f->sub, f->sub->short_key))
        fail_msg("%s: the short key is no key", path);
}

/* A code that the rows use must be explained. */
static void
row_code_is_explained(const struct conf_field *f, const char *path)
{
    size_t i = 0;

    while (f->code && explain_code_at(i) &&
           strcmp(explain_code_at(i)->code, f->code) != 0)
        i++;
    if (!explain_code_at(i))
        fail_msg("%s: code %s is not explained in conf/explain_codes*.c", path, f->code);
}

/* Free text may be a password: who adds such a row says what others may see of it. */
static void
row_says_what_it_hides(const struct conf_field *f, const char *path)
{
    bool free_text = f->type == CONF_MAP || f->type == CONF_DICT ||
                     (f->type == CONF_STRING && !f->valid && !f->words);

    if (free_text && f->hide == CONF_HIDE_UNSAID)
        fail_msg("%s: is free text; say .hide", path);
    if (f->hide == CONF_HIDE_NAMED && f->type != CONF_MAP && f->type != CONF_DICT)
        fail_msg("%s: has no names to hide by", path);
    if (f->hide == CONF_HIDE_TEXT && f->type != CONF_MAP)
        fail_msg("%s: CONF_HIDE_TEXT is for maps of headers", path);
    if (f->hide == CONF_HIDE_URL && f->type != CONF_STRING)
        fail_msg("%s: is no URL", path);
    if (f->type == CONF_STRING && conf_key_is_secret(f->key) &&
        f->hide == CONF_HIDE_UNSAID)
        fail_msg("%s: has the name of a secret; say .hide", path);
}

static unsigned row_count;

static void
row_counts(const struct conf_field *f, const char *path)
{
    (void)f;
    row_count++;
    assert_true(strlen(path) < 160); /* room in conf/explain.c: 192 */
}

/* What --explain can find: PATHS_MAX of conf/explain.c, with the kinds of filters among them. */
static void
every_row_has_room_in_explain(void **state)
{
    (void)state;
    row_count = 0;
    each_row(&config_struct, "", row_counts);
    assert_true(row_count > 200 && row_count < 1400);
}

static void
every_row_is_documented(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_is_documented);
}

static void
every_default_parses(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_has_a_good_default);
}

static void
every_free_text_says_what_it_hides(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_says_what_it_hides);
}

static void
every_range_is_sane(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_has_a_sane_range);
}

static void
every_code_of_a_row_is_explained(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_code_is_explained);
}

/* Some examples name files that are not here: that may be all that is wrong with them. */
static void
load_but_for_files(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (conf_load_text(&config_struct, "test", text, strlen(text), &problems, &s) != 0) {
        for (const char *p = problems.s; (p = strstr(p, " error: ")); p++) {
            const char *code = strstr(p, "[E");

            if (!code ||
                (strncmp(code, "[E0250]", 7) != 0 && strncmp(code, "[E0211]", 7) != 0))
                fail_msg("%s", problems.s);
        }
    }
    strbuf_done(&problems);
    conf_drop(s);
}

/* The example of each row, put into the smallest file in the place of the key. */
static void
row_example_loads(const struct conf_field *f, const char *path)
{
    struct strbuf text;
    char first[256], *key = first;
    unsigned depth = 0;

    if (strncmp(path, "listeners", 9) == 0 || strncmp(path, "pools", 5) == 0 ||
        strncmp(path, "tracing.", 8) == 0 || strncmp(path, "metrics.push.", 13) == 0 ||
        strcmp(path, "version") == 0)
        return; /* rows of lists, and what needs other keys: below, and in the commented file */
    snprintf(first, sizeof first, "%s", path);
    strbuf_init(&text, 8192);
    strbuf_puts(&text, "{ ");
    for (char *dot; (dot = strchr(key, '.')); key = dot + 1, depth++)
        strbuf_printf(&text, "\"%.*s\": { ", (int)(dot - key), key);
    strbuf_printf(&text, "\"%s\": %s", key, f->example);
    for (; depth > 0; depth--)
        strbuf_puts(&text, " }");
    strbuf_puts(&text, ", " SMALLEST + 0);
    /* ", { ..." -> ", ...": the smallest file without its first brace */
    {
        char *brace = strstr(text.s, ", { \"version\"");

        brace[2] = ' ';
    }
    if (strcmp(path, "admin.descriptors") == 0)
        load_but_for_files(text.s);
    else
        conf_drop(load(text.s));
    strbuf_done(&text);
}

static void
examples_of_single_values_load(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_example_loads);
}

/* The example of a row in the place of the @. */
static void
row_loads_in_frame(const struct conf_field *f, const char *frame)
{
    char text[2048];

    snprintf(text, sizeof text, "%.*s\"%s\": %s%s", (int)strcspn(frame, "@"), frame,
             f->key, f->example, strchr(frame, '@') + 1);
    if (f->sub == &tls_server_conf_struct || f->sub == &tls_client_conf_struct)
        load_but_for_files(text);
    else
        conf_drop(load(text));
}

/* Each optional key of `type`, except those in `but`. */
static void
rows_load_in_frame_but(const struct conf_struct *type, const char *frame, const char *but)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (!f->required && !strstr(but, f->key))
            row_loads_in_frame(f, frame);
    }
}

static void
rows_load_in_frame(const struct conf_struct *type, const char *frame)
{
    rows_load_in_frame_but(type, frame, "");
}

#define POOLS                                                                           \
    "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:1\"] }, { \"name\": " \
    "\"canary\", \"endpoints\": [\"127.0.0.1:2\"] }]"

static void
examples_inside_lists_load(void **state)
{
    static const char listener[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                                   "\":8080\", \"routes\": [{ \"to\": \"app\" }], "
                                   "@ }], \"pools\": [{ \"name\": \"app\", "
                                   "\"endpoints\": [\"127.0.0.1:1\"] }] }";
    static const char limits[] =
        "{ \"version\": 1, \"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ "
        "\"to\": \"app\" }], "
        "\"limits\": { @ } }], \"pools\": [{ \"name\": \"app\", \"endpoints\": "
        "[\"127.0.0.1:1\"] }] }";
    static const char route[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                                "\":8080\", \"filters\": [\"requestId\"], "
                                "\"routes\": [{ \"to\": \"app\", "
                                "@ }] }], " POOLS " }";
    static const char bare[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                               "\":8080\", \"routes\": [{ @ }] }], " POOLS " }";
    static const char edits[] =
        "{ \"version\": 1, \"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ "
        "\"to\": \"app\", \"requestHeaders\": { @ } }] }], " POOLS " }";
    static const char match[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                                "\":8080\", \"routes\": [{ \"to\": \"app\", "
                                "\"match\": { @ } }] }], \"pools\": [{ \"name\": "
                                "\"app\", \"endpoints\": [\"127.0.0.1:1\"] }] }";
    static const char path[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                               "\":8080\", \"routes\": [{ \"to\": \"app\", "
                               "\"match\": { \"path\": { @ } } }] }], \"pools\": [{ "
                               "\"name\": \"app\", \"endpoints\": "
                               "[\"127.0.0.1:1\"] }] }";
    static const char tracing[] =
        "{ \"version\": 1, \"tracing\": { \"otlp\": \"dns:///collector:4317\", @ }, "
        "\"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ \"to\": \"app\" "
        "}] }], " POOLS " }";
    static const char pool[] = "{ \"version\": 1, \"listeners\": [{ \"listen\": "
                               "\":8080\", \"routes\": [{ \"to\": \"app\" }] }], "
                               "\"pools\": [{ \"name\": \"app\", \"endpoints\": "
                               "[\"127.0.0.1:1\"], @ }] }";

    static const char push[] =
        "{ \"version\": 1, \"metrics\": { \"push\": { \"otlp\": "
        "\"dns:///collector:4317\", @ } }, \"listeners\": [{ \"listen\": \":8080\", "
        "\"routes\": [{ \"to\": \"app\" }] }], " POOLS " }";

    (void)state;
    rows_load_in_frame_but(&tracing_root_struct, tracing, "otlp");
    rows_load_in_frame(&metrics_push_conf_struct, push);
    rows_load_in_frame(&listener_conf_struct, listener);
    rows_load_in_frame(field_find(&listener_conf_struct, "limits")->sub, limits);
    /* A route has either of the two. */
    rows_load_in_frame_but(field_find(&listener_conf_struct, "routes")->sub, route,
                           "to status");
    row_loads_in_frame(field_find(&route_conf_struct, "to"), bare);
    row_loads_in_frame(field_find(&route_conf_struct, "status"), bare);
    rows_load_in_frame(&edit_conf_struct, edits);
    rows_load_in_frame(&match_conf_struct, match);
    rows_load_in_frame(field_find(&match_conf_struct, "path")->sub, path);
    rows_load_in_frame(&pool_conf_struct, pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_documented),
        cmocka_unit_test(every_row_has_room_in_explain),
        cmocka_unit_test(every_default_parses),
        cmocka_unit_test(every_free_text_says_what_it_hides),
        cmocka_unit_test(every_range_is_sane),
        cmocka_unit_test(every_code_of_a_row_is_explained),
        cmocka_unit_test(examples_of_single_values_load),
        cmocka_unit_test(examples_inside_lists_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
