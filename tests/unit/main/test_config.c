/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the real config: what they promise holds, for every row. The files that we
 * ship are made from them and must not drift: OUT_UPDATE=1 writes them anew. */
#include "main/config.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "certs.h"
#include "conf/alias_words.h"
#include "conf/check.h"
#include "conf/explain.h"
#include "conf/print.h"
#include "conf/schema.h"
#include "conf/snapshot.h"
#include "golden.h"
#include "lb/lb.h"
#include "main/manpage.h"
#include "proxy/listener_conf.h"
#include "resolve/endpoints.h"
#include "upstream/pool_conf.h"

#define SMALLEST                                                                         \
    "{ \"version\": 1, \"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ \"to\": " \
    "\"app\" }] }], \"pools\": [{ \"name\": \"app\", \"endpoints\": "                    \
    "[\"127.0.0.1:50051\"] }] }"

static struct conf_snapshot *
load(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (conf_load_text(&config_struct, "test", text, strlen(text), &problems, &s) != 0)
        fail_msg("%s", problems.s);
    strbuf_done(&problems);
    return s;
}

/* --- every row -------------------------------------------------------------- */

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

/* The example of each row, put into the smallest file in the place of the key. */
static void
row_example_loads(const struct conf_field *f, const char *path)
{
    struct strbuf text;
    char first[256], *key = first;
    unsigned depth = 0;

    if (strncmp(path, "listeners", 9) == 0 || strncmp(path, "pools", 5) == 0 ||
        strncmp(path, "tracing.", 8) == 0 || strcmp(path, "version") == 0)
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
    conf_drop(load(text.s));
    strbuf_done(&text);
}

static void
examples_of_single_values_load(void **state)
{
    (void)state;
    each_row(&config_struct, "", row_example_loads);
}

/* Examples of TLS name files that are not here: that may be all that is wrong with them. */
static void
load_but_for_files(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (conf_load_text(&config_struct, "test", text, strlen(text), &problems, &s) != 0) {
        for (const char *p = problems.s; (p = strstr(p, " error: ")); p++) {
            const char *code = strstr(p, "[E");

            if (!code || strncmp(code, "[E0250]", 7) != 0)
                fail_msg("%s", problems.s);
        }
    }
    strbuf_done(&problems);
    conf_drop(s);
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

    (void)state;
    rows_load_in_frame_but(&tracing_root_struct, tracing, "otlp");
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

/* --- the contract ------------------------------------------------------------ */

static void
the_smallest_file_has_the_documented_defaults(void **state)
{
    struct conf_snapshot *s = load(SMALLEST);
    const struct config *c = conf_root(s);
    const struct listener_conf *l = c->listeners.items;
    const struct pool_conf *p = c->pools.items;
    const struct route_conf *r = l->routes.items;

    (void)state;
    assert_int_equal(c->workers, 0);
    assert_string_equal(c->admin.listen, "127.0.0.1:9901");
    assert_int_equal(c->log.level, LOG_INFO);
    assert_int_equal(c->log.format, LOG_TEXT);
    assert_int_equal(c->drain.delay_ms, 5000);
    assert_int_equal(c->drain.timeout_ms, 30000);
    assert_int_equal(c->limits.max_connections, 0);
    assert_int_equal(c->limits.max_buffered_bytes, 64 << 20);
    assert_int_equal(c->limits.max_replay_bytes, 16 << 20);
    assert_string_equal(l->name, ":8080");
    assert_int_equal(l->limits.max_connections, 0);
    assert_int_equal(l->limits.max_concurrent_streams, 1024);
    assert_int_equal(l->limits.max_header_bytes, 16384);
    assert_int_equal(l->limits.max_header_count, 128);
    assert_int_equal(l->limits.max_continuations, 32);
    assert_int_equal(l->limits.stream_window, 65536);
    assert_int_equal(l->limits.connection_window, 1 << 20);
    assert_int_equal(l->limits.max_stream_window, 4 << 20);
    assert_int_equal(l->limits.max_connection_buffer, 4 << 20);
    assert_int_equal(l->limits.write_buffer, 256 << 10);
    assert_int_equal(l->limits.max_queued_frames, 2000);
    assert_int_equal(l->limits.reset_burst, 0);
    assert_int_equal(l->limits.reset_rate, 0);
    assert_int_equal(l->limits.glitch_burst, 1000);
    assert_int_equal(l->limits.glitch_rate, 100);
    assert_int_equal(l->limits.max_streams_per_turn, 128);
    assert_int_equal(l->limits.max_frames_per_turn, 1024);
    assert_int_equal(l->limits.handshake_timeout_ms, 10000);
    assert_int_equal(l->limits.header_timeout_ms, 10000);
    assert_int_equal(l->limits.idle_timeout_ms, 600000);
    assert_int_equal(l->limits.write_stall_timeout_ms, 300000);
    assert_null(r->name);
    assert_null(r->match.service);
    assert_null(r->match.method);
    assert_int_equal(r->timeout_ms, 0);
    assert_int_equal(r->grpc_timeout_max_ms, 0);
    assert_string_equal(p->balance.policy, "round_robin");
    assert_int_equal(p->connections.per_endpoint, 4);
    assert_int_equal(p->connections.connect_timeout_ms, 1000);
    assert_int_equal(p->connections.settings_timeout_ms, 5000);
    assert_int_equal(p->connections.idle_timeout_ms, 1800000);
    assert_int_equal(p->connections.stream_window, 65536);
    assert_int_equal(p->connections.max_connection_buffer, 4 << 20);
    assert_int_equal(p->backoff.base_interval_ms, 1000);
    assert_int_equal(p->backoff.max_interval_ms, 120000);
    assert_int_equal(p->limits.max_pending_requests, 1024);
    assert_int_equal(p->limits.pending_timeout_ms, 3000);
    assert_int_equal(p->limits.replay_bytes, 65536);
    conf_drop(s);
}

static void
log_words_stand_in_the_order_of_the_enums(void **state)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };
    const struct conf_field *level = field_find_path(&config_struct, "log.level");
    const struct conf_field *format = field_find_path(&config_struct, "log.format");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        assert_string_equal(level->words[i], levels[i]);
        assert_int_equal(log_level_parse(levels[i]), i);
    }
    assert_string_equal(format->words[LOG_TEXT], "text");
    assert_string_equal(format->words[LOG_JSON], "json");
}

static void
balance_words_are_the_policies_of_lb(void **state)
{
    const struct conf_field *policy =
        field_find_path(&config_struct, "pools.balance.policy");
    size_t n = 0;

    (void)state;
    for (; policy->words[n]; n++)
        assert_non_null(lb_policy_find(policy->words[n]));
    /* The names come first, in this order; behind them other spellings. */
    for (size_t i = 0; lb_policy_at(i); i++)
        assert_string_equal(policy->words[i], lb_policy_at(i)->name);
}

static void
printed_config_loads_to_the_same(const struct conf_snapshot *first)
{
    struct conf_snapshot *second;
    struct strbuf one, two;

    strbuf_init(&one, 65536);
    strbuf_init(&two, 65536);
    conf_print(&config_struct, conf_root(first), &one);
    second = load(one.s);
    conf_print(&config_struct, conf_root(second), &two);
    assert_string_equal(one.s, two.s);
    strbuf_done(&one);
    strbuf_done(&two);
    conf_drop(second);
}

static void
an_empty_zone_is_none(void **state)
{
    struct conf_snapshot *s = load(
        "{ \"version\": 1, \"node\": { \"zone\": \"\" },\n"
        "  \"listeners\": [{ \"listen\": \":1\", \"routes\": [{ \"to\": \"a\" }] }],\n"
        "  \"pools\": [{ \"name\": \"a\", \"endpoints\": [\"127.0.0.1:1\"] }] }");
    const struct config *c = conf_root(s);
    const struct pool_conf *pool = c->pools.items;

    (void)state;
    assert_null(c->node.zone);
    assert_null(pool->balance.zone_aware.zone);
    printed_config_loads_to_the_same(s);
    conf_drop(s);
}

/* --- what we ship -------------------------------------------------------------- */

/* What a file:/// target reads, see the next test. */
#define ENDPOINTS_FILE "conf/endpoints.json"

static void
each_example_loads_without_a_word_and_so_does_its_print(void **state)
{
    char certs[64];
    char pattern[512];
    size_t n = 0;
    glob_t found;

    (void)state;
    certs_make(certs);
    snprintf(pattern, sizeof(pattern), "%s/conf/*.json", golden_top());
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    snprintf(pattern, sizeof(pattern), "%s/conf/*.yaml", golden_top());
    if (strcmp(conf_yaml_version(), "none") != 0)
        assert_int_equal(glob(pattern, GLOB_APPEND, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct conf_snapshot *s = NULL;
        struct strbuf problems;

        if (strstr(found.gl_pathv[i], ENDPOINTS_FILE))
            continue;
        strbuf_init(&problems, 65536);
        if (conf_load_file(&config_struct, found.gl_pathv[i], &problems, &s) != 0 ||
            problems.len > 0)
            fail_msg("%s", problems.s);
        strbuf_done(&problems);
        printed_config_loads_to_the_same(s);
        conf_drop(s);
        n++;
    }
    assert_true(n >= 7);
    globfree(&found);
    certs_remove(certs);
}

static void
the_example_of_an_endpoints_file_is_read(void **state)
{
    char *text = golden_read(ENDPOINTS_FILE);
    struct endpoints e;
    struct strbuf why;

    (void)state;
    strbuf_init(&why, 1024);
    if (endpoints_parse(text, strlen(text), &e, &why) != 0)
        fail_msg("%s", why.s);
    assert_int_equal(e.n, 4);
    endpoints_done(&e);
    strbuf_done(&why);
    golden_free(text);
}

static void
shipped_files_are_what_the_program_prints(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1 << 20);
    conf_print_template(&config_struct, &out);
    golden_compare("conf/full.json", out.s);
    strbuf_done(&out);
    conf_print_schema(&config_struct, &out);
    golden_compare("contrib/outrigger.schema.json", out.s);
    strbuf_done(&out);
    manpage_print(&out);
    golden_compare("man/outrigger.json.5", out.s);
    strbuf_done(&out);
}

/* People start from it: what is not commented out must be the default. */
static void
the_commented_file_asks_for_nothing(void **state)
{
    char *text = golden_read("conf/full.json");
    struct conf_snapshot *s = load(text);
    const struct config *c = conf_root(s);

    (void)state;
    assert_null(c->upgrade.socket);
    assert_null(c->node.zone);
    assert_false(c->watch || c->reload.guard);
    conf_drop(s);
    golden_free(text);
}

/* --- words of other proxies ------------------------------------------------------ */

/* True when the row can be of use somewhere below `type`. */
static bool
alias_is_alive(const struct conf_struct *type, const struct alias *a)
{
    if ((!a->level || strcmp(a->level, type->name) == 0) &&
        (!a->path || field_find_path(type, a->path)))
        return true;
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (f->sub && alias_is_alive(f->sub, a))
            return true;
    }
    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        if (alias_is_alive(v->type, a))
            return true;
    }
    return false;
}

/* Rows for keys whose rows come with another part of this version. */
static bool
alias_waits(const struct alias *a)
{
    static const struct {
        const char *missing, *path;
    } waiting[] = {
        { "listeners.tls", "tls" },
        { "listeners.tls", "certificates" },
        { "listeners.tls", "cert" },
        { "listeners.tls", "key" },
        { "listeners.tls", "clientCa" },
        { "listeners.tls", "clientCert" },
        { "listeners.tls", "allowSan" },
        { "listeners.tls", "pins" },
        { "listeners.tls", "crl" },
        { "listeners.tls", "minVersion" },
        { "listeners.tls", "sessionTickets" },
        { "pools.tls", "ca" },
        { "pools.tls", "matchSan" },
        { "pools.tls", "serverName" },
        { "pools.tls", "insecureSkipVerify" },
        { "listeners.direction", "direction" },
        { "drain.spread", "spread" },
    };

    for (size_t i = 0; a->path && i < ARRAY_LEN(waiting); i++) {
        size_t n = strcspn(a->path, ".");

        if (n == strlen(waiting[i].path) && strncmp(a->path, waiting[i].path, n) == 0)
            return !field_find_path(&config_struct, waiting[i].missing);
    }
    return false;
}

static void
every_word_of_other_proxies_leads_somewhere(void **state)
{
    size_t dead = 0;

    (void)state;
    for (const struct alias *a = alias_words; a->word; a++) {
        if (alias_waits(a) || alias_is_alive(&config_struct, a))
            continue;
        print_message("no %s%s%s for %s\n", a->level ? a->level : "", a->level ? "." : "",
                      a->path ? a->path : "such object", a->word);
        dead++;
    }
    assert_int_equal(dead, 0);
}

/* --- codes ---------------------------------------------------------------------- */

/* A whole file from the keys of an example. */
static void
put_file(struct strbuf *out, const char *keys)
{
    strbuf_puts(out, "{\n\"version\": 1,\n");
    strbuf_puts(out, keys);
    if (!strstr(keys, "\"listeners\""))
        strbuf_puts(out, ",\n\"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ "
                         "\"to\": \"app\" }] }]");
    if (!strstr(keys, "\"pools\""))
        strbuf_puts(out, ",\n\"pools\": [{ \"name\": \"app\", \"endpoints\": "
                         "[\"127.0.0.1:50051\"] }]");
    strbuf_puts(out, "\n}\n");
}

/* Loads the example; true when the code is among what is printed. */
static bool
example_has_code(const char *keys, const char *code, int *ret_rv)
{
    struct conf_snapshot *s = NULL;
    struct strbuf text, problems;
    char mark[16];
    bool has;

    strbuf_init(&text, 8192);
    strbuf_init(&problems, 65536);
    put_file(&text, keys);
    *ret_rv = conf_load_text(&config_struct, "example", text.s, text.len, &problems, &s);
    snprintf(mark, sizeof mark, "[%s]", code);
    has = problems.s && strstr(problems.s, mark);
    if (*ret_rv == 0 && problems.len > 0 && !has)
        fail_msg("%s: %s", code, problems.s);
    conf_drop(s);
    strbuf_done(&text);
    strbuf_done(&problems);
    return has;
}

static void
the_examples_of_each_code_are_true(void **state)
{
    const struct explain_code *c, *before = NULL;

    (void)state;
    for (size_t i = 0; (c = explain_code_at(i)); before = c, i++) {
        int rv;

        assert_non_null(c->title);
        assert_true(strlen(c->text) > 20);
        assert_true(!before || strcmp(before->code, c->code) < 0);
        if (!c->bad)
            continue;
        if (!example_has_code(c->bad, c->code, &rv))
            fail_msg("%s: the bad example does not show it", c->code);
        assert_int_equal(rv == 0, c->code[0] == 'W');
        if (example_has_code(c->good, c->code, &rv) || rv != 0)
            fail_msg("%s: the good example is not good", c->code);
    }
}

static void
keys_and_codes_are_explained(void **state)
{
    static const struct {
        const char *what, *part;
        int rv;
    } rows[] = {
        { "E0107", "E0107: unknown key\n", 0 },
        { "e0107", "E0107: unknown key\n", 0 },
        { "pools.connections.connectTimeout", "duration, from 1ms to 10m; default \"1s\"",
          0 },
        { "pools[0].connections.connectTimeout", "pools.connections.connectTimeout\n",
          0 },
        { "pools[].connections.connectTimeout", "pools.connections.connectTimeout\n", 0 },
        { "connectTimeout", "pools.connections.connectTimeout\n", 0 },
        { "connect_timeout", "pools.connections.connectTimeout\n", 0 },
        { "streamWindow",
          "  listeners.limits.streamWindow\n  pools.connections.streamWindow\n", 0 },
        { "log", "  keys:\n  level", 0 },
        { "version", "only 1, required", 0 },
        { "conectTimeout", "did you mean \"connectTimeout\"?", ERR_SYNTAX },
        { "pools.connection", "did you mean \"pools.connections\"?", ERR_SYNTAX },
        { "E0999", "there is no code E0999; the codes are E0101", ERR_SYNTAX },
        { "fruit",
          "there is no key \"fruit\"; at the top of the file are: ", ERR_SYNTAX },
        { "", "there is no key \"\"", ERR_SYNTAX },
        { "pools[", "pools\n", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out;

        strbuf_init(&out, 65536);
        assert_int_equal(conf_explain(&config_struct, rows[i].what, &out), rows[i].rv);
        if (!strstr(out.s, rows[i].part))
            fail_msg("%s: %s", rows[i].what, out.s);
        strbuf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_documented),
        cmocka_unit_test(every_row_has_room_in_explain),
        cmocka_unit_test(every_default_parses),
        cmocka_unit_test(every_range_is_sane),
        cmocka_unit_test(every_code_of_a_row_is_explained),
        cmocka_unit_test(examples_of_single_values_load),
        cmocka_unit_test(examples_inside_lists_load),
        cmocka_unit_test(the_smallest_file_has_the_documented_defaults),
        cmocka_unit_test(log_words_stand_in_the_order_of_the_enums),
        cmocka_unit_test(balance_words_are_the_policies_of_lb),
        cmocka_unit_test(each_example_loads_without_a_word_and_so_does_its_print),
        cmocka_unit_test(the_example_of_an_endpoints_file_is_read),
        cmocka_unit_test(shipped_files_are_what_the_program_prints),
        cmocka_unit_test(the_commented_file_asks_for_nothing),
        cmocka_unit_test(an_empty_zone_is_none),
        cmocka_unit_test(every_word_of_other_proxies_leads_somewhere),
        cmocka_unit_test(the_examples_of_each_code_are_true),
        cmocka_unit_test(keys_and_codes_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
