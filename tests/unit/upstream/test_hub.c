/* SPDX-License-Identifier: Apache-2.0 */
/* The hub: targets become one list, backends keep their identity, ten thousand endpoints. */
#include "poolrig.h"

#include "base/strbuf.h"
#include "upstream/group.h"
#include "upstream/hub_words.h"

#define END           \
    {                 \
        .backend = -1 \
    }

static const struct backend_row *
row_named(const char *name)
{
    for (size_t i = 0; i < hub->list->n; i++) {
        if (strcmp(hub->list->rows[i].backend->name, name) == 0)
            return &hub->list->rows[i];
    }
    return NULL;
}

static void
hub_open(size_t n)
{
    conf.endpoints.items = targets;
    conf.endpoints.n = n;
    conf.balance.policy = "round_robin";
    hub = hub_new(loop, w, &rng, NULL, &conf, 1);
}

static void
targets_become_one_list(void **state)
{
    static struct conf_pair labels[] = { { "version", "v1" } };

    (void)state;
    targets[0].target = "static:///127.0.0.1:1,127.0.0.1:2";
    targets[1].target = "127.0.0.1:3";
    targets[1].weight = 4;
    targets[1].priority = 2;
    targets[1].zone = "a";
    targets[1].labels = (struct conf_map){ labels, 1 };
    targets[2].target = "static:///127.0.0.1:2,[::1]:3"; /* the first was named before */
    targets[2].weight = 9;
    hub_open(3);
    assert_int_equal(hub->list->n, 4);
    assert_string_equal(hub->list->rows[0].backend->name, "127.0.0.1:1");
    assert_string_equal(hub->list->rows[3].backend->name, "[::1]:3");
    assert_int_equal(row_named("127.0.0.1:2")->weight, 1);
    assert_int_equal(row_named("127.0.0.1:3")->weight, 4);
    assert_int_equal(row_named("127.0.0.1:3")->priority, 2);
    assert_string_equal(row_named("127.0.0.1:3")->zone, "a");
    assert_string_equal(row_named("127.0.0.1:3")->hash_key, "127.0.0.1:3");
    assert_string_equal(row_named("127.0.0.1:3")->origin, "127.0.0.1:3");
    assert_string_equal(backend_row_label(row_named("127.0.0.1:3"), "version"), "v1");
    assert_null(backend_row_label(row_named("127.0.0.1:1"), "version"));
    assert_true(hub_answered(hub));
}

/* What a source says of itself, in place of a resolver. */
static struct resolve_label own[] = { { "version", "v9" }, { "rack", "r1" } };

static void
source_tell(size_t i, struct resolved *v, size_t n)
{
    struct hub_source *s = hub->sources[i];

    s->resolver->kind->stop(s->resolver);
    s->resolver = NULL;
    xfree(s->rows);
    xfree(s->memory);
    s->memory = NULL;
    s->rows = xcalloc(n ? n : 1, sizeof(*v));
    memcpy(s->rows, v, n * sizeof(*v));
    s->n = n;
}

static void
labels_of_the_config_win(void **state)
{
    static struct conf_pair labels[] = { { "env", "prod" }, { "version", "v1" } };
    struct resolved one = { .weight = 3, .priority = 1, .zone = "b", .hash_key = "key" };
    struct backend_list *l;
    const char *why;

    (void)state;
    targets[0].target = "127.0.0.1:1";
    targets[0].weight = 2;
    targets[0].priority = 4;
    targets[0].labels = (struct conf_map){ labels, 2 };
    hub_open(1);
    assert_int_equal(addr_parse("127.0.0.1:7", false, &one.addr, &why), ERR_OK);
    one.labels = own;
    one.label_count = 2;
    source_tell(0, &one, 1);
    l = hub_merge(hub);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->rows[0].label_count, 3);
    assert_string_equal(backend_row_label(&l->rows[0], "version"), "v1");
    assert_string_equal(backend_row_label(&l->rows[0], "rack"), "r1");
    assert_string_equal(backend_row_label(&l->rows[0], "env"), "prod");
    assert_int_equal(l->rows[0].weight, 6);
    assert_int_equal(l->rows[0].priority, 5);
    assert_string_equal(l->rows[0].zone, "b");
    assert_string_equal(l->rows[0].hash_key, "key");
    backend_list_drop(l);
}

/* A source that gave its rows up, as dns.onFailure "fail" does. */
static void
a_list_without_rows_says_why(void **state)
{
    struct resolved none = { 0 };
    struct backend_list *rows, *first, *second;

    (void)state;
    targets[0].target = "127.0.0.1:1";
    hub_open(1);
    snprintf(hub->sources[0]->error, HUB_WHY_MAX, "SERVFAIL for app");
    rows = hub_merge(hub);
    assert_int_equal(rows->n, 1);
    assert_null(rows->why);
    source_tell(0, &none, 0);
    first = hub_merge(hub);
    assert_int_equal(first->n, 0);
    assert_string_equal(first->why,
                        "no endpoints of 127.0.0.1:1 are known: SERVFAIL for app");
    snprintf(hub->sources[0]->error, HUB_WHY_MAX, "NXDOMAIN for app");
    second = hub_merge(hub);
    assert_false(backend_list_equal(first, second)); /* the workers must hear of it */
    assert_false(backend_list_equal(rows, second));
    assert_true(backend_list_equal(second, second));
    backend_list_drop(rows);
    backend_list_drop(first);
    backend_list_drop(second);
}

static void
a_backend_keeps_its_identity_while_somebody_holds_it(void **state)
{
    static const struct row zero[] = { { .backend = 0 }, END };
    static const struct row one[] = { { .backend = 1 }, END };
    uint64_t number;

    (void)state;
    pool_open(1, "round_robin");
    (void)!call_start(0);
    UNTIL(calls[0].done);
    number = hub->list->rows[0].backend->number;
    hub_mark(hub, hub->list->rows[0].backend, BACKEND_EJECTED, true, "test");
    list_send(one);
    assert_int_equal(hub->table.used, 2); /* its call holds it */
    list_send(zero);
    assert_int_equal(hub->list->rows[0].backend->number, number);
    assert_int_equal(atomic_load(&hub->list->rows[0].backend->down), BACKEND_EJECTED);
    assert_string_equal(hub->list->rows[0].backend->why, "test");
    answer_all();
    list_send(one);
    turns();
    call_reset(0);
    turns();
    backend_table_sweep(&hub->table);
    assert_int_equal(hub->table.used, 1);
    list_send(zero);
    assert_int_not_equal(hub->list->rows[0].backend->number, number);
}

static void
tallies_follow_the_calls(void **state)
{
    const struct backend_tally *t;

    (void)state;
    conf.outlier.on = true; /* errors in a row are only counted for it */
    pool_open(1, "round_robin");
    (void)!call_start(0);
    UNTIL(calls[0].done);
    t = &hub->list->rows[0].backend->tally[0];
    for (unsigned i = 1; i < 6; i++)
        assert_int_equal(call_start(i), ERR_OK);
    assert_int_equal(t->calls, 6);
    assert_int_equal(t->flying, 6);
    assert_int_equal(t->connections, 1);
    for (unsigned i = 0; i < 3; i++)
        pool_result(&calls[i].wait, 14);
    pool_result(&calls[2].wait, 0); /* it was judged */
    pool_lost(&calls[3].wait);
    assert_int_equal(hub->list->rows[0].backend->consecutive_errors, 4);
    pool_result(&calls[4].wait, 5); /* NOT_FOUND is the answer of a good backend */
    assert_int_equal(hub->list->rows[0].backend->consecutive_errors, 0);
    assert_int_equal(t->failures, 3);
    assert_int_equal(t->local_failures, 1);
    assert_int_equal(t->successes, 1);
    answer_all();
    pool_result(&calls[5].wait, 14); /* too late */
    assert_int_equal(t->failures, 3);
    assert_int_equal(t->flying, 0);
}

/* --- thousands ----------------------------------------------------------------------------- */

enum { THOUSANDS = 10000 };

/* Of this thread: what else the machine does counts for nothing. */
static int64_t
cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A target with addresses from..from+n-1, no one listens there. */
static char *
many(unsigned from, unsigned n)
{
    struct strbuf text;

    strbuf_init(&text, 1 << 20);
    strbuf_puts(&text, "static:///");
    for (unsigned i = from; i < from + n; i++)
        strbuf_printf(&text, "%s127.%u.%u.%u:9", i == from ? "" : ",", 1 + i / 65536,
                      i / 256 % 256, i % 256);
    return strbuf_steal(&text);
}

static void
ten_thousand_endpoints_are_enough(void **state)
{
    char *a = many(0, 9000), *b = many(9000, 5000);

    (void)state;
    targets[0].target = a;
    targets[1].target = b;
    hub_open(2);
    assert_int_equal(hub->list->n, 10000);
    assert_true(hub->over_cap);
    hub_free(hub);
    hub = NULL;
    xfree(a);
    xfree(b);
}

static void
ten_thousand_endpoints_in_time(void **state)
{
    char *text = many(0, THOUSANDS);
    int64_t start, merge, first, again = INT64_MAX, small = INT64_MAX;

    (void)state;
    targets[0].target = text;
    start = cpu_us();
    hub_open(1);
    merge = cpu_us() - start;
    pool = pools[0] = pool_new(w, &conf, &rng, NULL);
    pool_attach(pool, hub, 0, hub->levels, 1);
    pool->subsets[0]->used = true; /* its policies work */
    start = cpu_us();
    backend_list_hold(hub->list);
    pool_apply(pool, hub->list);
    first = cpu_us() - start;
    for (uint32_t turn = 0; turn < 3; turn++) { /* the best: others use the caches too */
        struct backend_list *l;
        int64_t took;

        start = cpu_us();
        l = hub_merge(hub);
        took = cpu_us() - start;
        again = took < again ? took : again;
        l->rows[77].weight = 5 + turn; /* one small change */
        start = cpu_us();
        pool_apply(pool, l);
        took = cpu_us() - start;
        small = took < small ? took : small;
    }
    print_message(
        "          10000 endpoints: first list %d us on the main thread, update "
        "%d us; on a worker first %d us, a small change %d us\n",
        (int)merge, (int)again, (int)first, (int)small);
    assert_int_equal(pool->n, THOUSANDS);
#ifndef OUT_SANITIZED
    assert_true(again < 50000);
    assert_true(small < 20000);
#endif
    xfree(text);
    targets[0].target = "127.0.0.1:1";
}

/* A wave of connects is cut into pieces: never more than CONNECTS_MAX at one time. */
static void
connects_have_a_limit(void **state)
{
    char *text = many(0, 1000);
    struct pool *p;

    (void)state;
    targets[0].target = text;
    hub_open(1);
    p = pool = pools[0] = pool_new(w, &conf, &rng, NULL);
    hub_attach(hub, 0, p);
    assert_int_equal(call_start(0), ERR_AGAIN);
    assert_in_range(p->connecting, 1, CONNECTS_MAX);
    for (int i = 0; i < 400 && !calls[0].done; i++) {
        wait_ms(5);
        assert_true(p->connecting <= CONNECTS_MAX);
    }
    assert_int_equal(calls[0].err, ERR_NO_ENDPOINT); /* all of them refused */
    assert_true(stat_get(&stats, STAT_UP_CONNECT_FAILED) >= 1000);
    assert_true(p->updates < 300);
    pool_close(p);
    turns();
    xfree(text);
    targets[0].target = "127.0.0.1:1";
}

static void
shown(const struct backend *b, unsigned bit, const char *why)
{
    assert_int_equal(backend_worst(atomic_load(&b->down)), bit);
    assert_string_equal(b->why, why);
}

/* What a page says of a backend is about the state that it shows, whatever else comes and goes. */
static void
the_reason_belongs_to_the_state(void **state)
{
    struct backend *b;

    (void)state;
    targets[0].target = "127.0.0.1:1";
    hub_open(1);
    b = hub->list->rows[0].backend;
    hub_mark(hub, b, BACKEND_EJECTED, true, "calls failed");
    hub_mark(hub, b, BACKEND_UNHEALTHY, true, "checks failed");
    shown(b, BACKEND_UNHEALTHY, "checks failed");
    hub_mark(hub, b, BACKEND_EJECTED, false, "the ejection is over");
    shown(b, BACKEND_UNHEALTHY, "checks failed");
    hub_mark(hub, b, BACKEND_EJECTED, true, "calls failed again");
    shown(b, BACKEND_UNHEALTHY, "checks failed");
    hub_mark(hub, b, BACKEND_UNHEALTHY, false, "SERVING");
    shown(b, BACKEND_EJECTED, "calls failed again");
    hub_mark(hub, b, BACKEND_EJECTED, false, "the ejection is over");
    shown(b, 0, "the ejection is over");
}

/* Endpoints of a new config in memory of their own; the old ones go as soon as they may. */
static struct endpoint_conf *config_endpoints;

static void
reconfigure(const char *const *names, size_t n)
{
    struct endpoint_conf *old = config_endpoints;
    char *text;

    config_endpoints = xcalloc(1, n * sizeof(*config_endpoints) + n * 80);
    text = (char *)(config_endpoints + n);
    for (size_t i = 0; i < n; i++, text += 80) {
        field_defaults(&endpoint_conf_struct, &config_endpoints[i]);
        snprintf(text, 80, "%s", names[i]);
        config_endpoints[i].target = text;
        config_endpoints[i].weight = 7;
    }
    hub_reconfigure(hub, &(struct conf_list){ config_endpoints, n });
    xfree(old);
}

static void
other_endpoints_keep_what_stays(void **state)
{
    static const char *const first[] = { "127.0.0.1:1", "static:///127.0.0.1:2" };
    static const char *const second[] = { "static:///127.0.0.1:2", "127.0.0.1:3" };
    struct resolver *kept;
    struct strbuf page;
    struct backend *b;

    (void)state;
    targets[0].target = "127.0.0.1:1";
    targets[1].target = "127.0.0.1:9";
    hub_open(2);
    b = row_named("127.0.0.1:1")->backend;
    kept = hub->sources[0]->resolver;
    hub_mark(hub, b, BACKEND_EJECTED, true, "test");
    reconfigure(first, 2);
    assert_ptr_equal(row_named("127.0.0.1:1")->backend, b);
    assert_ptr_equal(hub->sources[0]->resolver, kept);
    assert_int_equal(atomic_load(&b->down), BACKEND_EJECTED);
    assert_int_equal(row_named("127.0.0.1:1")->weight, 7);
    assert_null(row_named("127.0.0.1:9"));
    kept = hub->sources[1]->resolver;
    reconfigure(second, 2);
    assert_ptr_equal(hub->sources[0]->resolver, kept);
    assert_int_equal(hub->list->n, 2);
    assert_null(row_named("127.0.0.1:1"));
    strbuf_init(&page, 1 << 16);
    hub_print(hub, &page);
    assert_non_null(strstr(page.s, "\"target\":\"static:///127.0.0.1:2\""));
    strbuf_done(&page);
    hub_free(hub);
    hub = NULL;
    xfree(config_endpoints);
    config_endpoints = NULL;
}

/* The config warns of it; pages must not show one series twice, and each keeps its own resolver. */
static void
a_target_may_stand_twice(void **state)
{
    static const char *const first[] = { "127.0.0.1:2", "127.0.0.1:1", "127.0.0.1:2" };
    static const char *const second[] = { "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:8",
                                          "127.0.0.1:2", "127.0.0.1:2" };
    struct resolver *two, *again, *one;
    size_t at;

    (void)state;
    targets[0].target = "127.0.0.1:9";
    hub_open(1);
    reconfigure(first, 3);
    assert_false(hub->sources[0]->repeats || hub->sources[1]->repeats);
    assert_true(hub->sources[2]->repeats);
    at = hub_sources_find(hub->by_target, 3, "127.0.0.1:2");
    assert_ptr_equal(hub->by_target[at], hub->sources[0]);
    assert_int_equal(hub_sources_find(hub->by_target, 3, "127.0.0.1:3"), 3);
    assert_int_equal(hub_sources_find(hub->by_target, 3, ""), 0);
    assert_ptr_equal(hub_source_of(hub, row_named("127.0.0.1:1")), hub->sources[1]);
    two = hub->sources[0]->resolver;
    one = hub->sources[1]->resolver;
    again = hub->sources[2]->resolver;
    reconfigure(second, 5);
    assert_ptr_equal(hub->sources[0]->resolver, one);
    assert_ptr_equal(hub->sources[1]->resolver, two);
    assert_ptr_equal(hub->sources[3]->resolver, again);
    assert_true(hub->sources[3]->repeats && hub->sources[4]->repeats);
    reconfigure(second, 2); /* what was taken once may be taken again */
    assert_ptr_equal(hub->sources[0]->resolver, one);
    assert_ptr_equal(hub->sources[1]->resolver, two);
    hub_free(hub);
    hub = NULL;
    xfree(config_endpoints);
    config_endpoints = NULL;
}

static void
targets_without_an_answer_take_nothing_away(void **state)
{
    static const char *const silent[] = { "file:///nonexistent/endpoints.json" };
    static const char *const some[] = { "file:///nonexistent/endpoints.json",
                                        "127.0.0.1:5" };

    (void)state;
    targets[0].target = "127.0.0.1:1";
    hub_open(1);
    reconfigure(silent, 1);
    assert_non_null(row_named("127.0.0.1:1")); /* no answer yet */
    for (int i = 0; i < 200 && !hub->sources[0]->error[0]; i++)
        wait_ms(5);
    assert_true(hub->sources[0]->error[0]);
    turns();
    assert_non_null(row_named("127.0.0.1:1")); /* nobody else can serve */
    reconfigure(some, 2);
    turns();
    assert_int_equal(hub->list->n, 1);
    assert_non_null(row_named("127.0.0.1:5"));
    hub_free(hub);
    hub = NULL;
    xfree(config_endpoints);
    config_endpoints = NULL;
}

/* Neither before they have said something, nor after. */
static void
new_targets_do_not_have_the_old_reason(void **state)
{
    static const char *const other[] = { "file:///nonexistent/other.json" };
    char text[POOL_TEXT_MAX];

    (void)state;
    targets[0].target = "file:///nonexistent/endpoints.json";
    pool_open(1, "round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    assert_non_null(strstr(calls[0].why, "endpoints.json are known: "));
    reconfigure(other, 1);
    hub_mail_take(&hub->workers[0]); /* before the file is read */
    assert_int_equal(call_start(1), ERR_AGAIN);
    UNTIL(calls[1].done);
    assert_int_equal(calls[1].err, ERR_NO_ENDPOINT);
    assert_non_null(strstr(calls[1].why, "other.json are known: "));
    assert_int_equal(call_start(2), ERR_NO_ENDPOINT);
    pool_explain(pool, &calls[2].wait, ERR_NO_ENDPOINT, text);
    assert_non_null(strstr(text, "other.json are known: "));
}

static void
a_hub_in_the_place_of_another_knows_what_that_knew(void **state)
{
    struct resolved one = { .weight = 3, .zone = "b" };
    struct hub *old;
    const char *why;

    (void)state;
    targets[0].target = "file:///nonexistent/endpoints.json";
    targets[1].target = "127.0.0.1:4";
    hub_open(2);
    assert_int_equal(addr_parse("127.0.0.1:7", false, &one.addr, &why), ERR_OK);
    source_tell(0, &one, 1);
    old = hub;
    hub_open(2);
    assert_null(row_named("127.0.0.1:7"));
    hub_inherit(hub, old);
    source_tell(0, &one, 0); /* the rows are copies: each hub frees its own */
    assert_int_equal(hub->list->n, 2);
    assert_int_equal(row_named("127.0.0.1:7")->weight, 3);
    assert_string_equal(row_named("127.0.0.1:7")->zone, "b");
    hub_inherit(hub, old);
    assert_int_equal(hub->list->n, 2);
    hub_free(old);
}

/* Also when it was away for a while: the word is kept by address. */
static void
what_an_operator_disabled_comes_back_so(void **state)
{
    static const struct row both[] = { { .backend = 0 }, { .backend = 1 }, { -1 } };
    static const struct row other[] = { { .backend = 1 }, { -1 } };
    struct strbuf said;

    (void)state;
    pool_open(2, "round_robin");
    list_send(both);
    strbuf_init(&said, 4096);
    assert_true(hub_disable(hub, backends[0].target, true, &said));
    list_send(other);
    assert_null(row_named(backends[0].target));
    list_send(both);
    assert_false(backend_usable(row_named(backends[0].target)->backend));
    assert_true(backend_usable(row_named(backends[1].target)->backend));
    strbuf_done(&said);
}

static void
a_reload_keeps_what_an_operator_disabled(void **state)
{
    struct strbuf said;
    struct hub *old;

    (void)state;
    targets[0].target = "127.0.0.1:7";
    targets[1].target = "127.0.0.1:8";
    hub_open(2);
    strbuf_init(&said, 4096);
    assert_true(hub_disable(hub, "127.0.0.1:7", true, &said));
    assert_non_null(strstr(said.s, "127.0.0.1:7 of the pool "));
    assert_non_null(strstr(said.s, " is now disabled\n"));
    said.len = 0;
    assert_true(hub_disable(hub, "127.0.0.1:7", true, &said));
    assert_non_null(strstr(said.s, "was already disabled"));
    said.len = 0;
    assert_false(hub_disable(hub, "127.0.0.1:71", true, &said));
    assert_non_null(strstr(said.s, "has no endpoint \"127.0.0.1:71\"; did you mean \""));
    old = hub;
    hub_open(2);
    hub_inherit(hub, old);
    assert_false(backend_usable(row_named("127.0.0.1:7")->backend));
    assert_true(backend_usable(row_named("127.0.0.1:8")->backend));
    assert_true(hub_disable(hub, "127.0.0.1:7", false, &said));
    assert_true(backend_usable(row_named("127.0.0.1:7")->backend));
    strbuf_done(&said);
    hub_free(old);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(targets_become_one_list),
        POOL_TEST(labels_of_the_config_win),
        POOL_TEST(a_list_without_rows_says_why),
        POOL_TEST(a_backend_keeps_its_identity_while_somebody_holds_it),
        POOL_TEST(the_reason_belongs_to_the_state),
        POOL_TEST(tallies_follow_the_calls),
        POOL_TEST(other_endpoints_keep_what_stays),
        POOL_TEST(a_target_may_stand_twice),
        POOL_TEST(a_hub_in_the_place_of_another_knows_what_that_knew),
        POOL_TEST(what_an_operator_disabled_comes_back_so),
        POOL_TEST(a_reload_keeps_what_an_operator_disabled),
        POOL_TEST(targets_without_an_answer_take_nothing_away),
        POOL_TEST(new_targets_do_not_have_the_old_reason),
        POOL_TEST(ten_thousand_endpoints_are_enough),
        POOL_TEST(ten_thousand_endpoints_in_time),
        POOL_TEST(connects_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
