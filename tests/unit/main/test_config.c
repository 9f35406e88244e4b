/* SPDX-License-Identifier: Apache-2.0 */
/* The real config keeps its contract: defaults, words, and the files that we ship. They are made from the rows and must
 * not drift: OUT_UPDATE=1 writes them anew. */
#include "configtest.h"

#include <glob.h>
#include <stdio.h>

#include "base/log.h"
#include "certs.h"
#include "conf/print.h"
#include "conf/schema.h"
#include "golden.h"
#include "lb/lb.h"
#include "main/manpage.h"
#include "proxy/listener_conf.h"
#include "resolve/endpoints.h"
#include "upstream/pool_conf.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_file_has_the_documented_defaults),
        cmocka_unit_test(log_words_stand_in_the_order_of_the_enums),
        cmocka_unit_test(balance_words_are_the_policies_of_lb),
        cmocka_unit_test(each_example_loads_without_a_word_and_so_does_its_print),
        cmocka_unit_test(the_example_of_an_endpoints_file_is_read),
        cmocka_unit_test(shipped_files_are_what_the_program_prints),
        cmocka_unit_test(the_commented_file_asks_for_nothing),
        cmocka_unit_test(an_empty_zone_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
