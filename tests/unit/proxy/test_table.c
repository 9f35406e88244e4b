/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and fronts: what they keep of a config, and when the next config may keep them. */
#include "unit.h"

#include <string.h>

#include "filter/filter_conf.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"

static struct listener_conf conf;
static struct route_conf routes[3];
static struct to_conf to[3];
static struct conf_pair label = { "version", "v2" };
static unsigned slots[3]; /* of pools "a", "b", "c" */
static unsigned gone;

static unsigned
slot_of(void *arg, const char *name)
{
    (void)arg;
    return slots[name[0] - 'a'];
}

static int
setup(void **state)
{
    static char names[3][2] = { "a", "b", "c" };

    (void)state;
    field_defaults(&listener_conf_struct, &conf);
    conf.name = "in";
    conf.listen = "127.0.0.1:8080";
    memset(routes, 0, sizeof(routes));
    for (unsigned i = 0; i < 3; i++) {
        to[i] = (struct to_conf){ .pool = names[i], .weight = 1 };
        routes[i].to = (struct conf_list){ &to[i], 1 };
        slots[i] = 10 + i;
    }
    routes[0].match.service = "pkg.First";
    to[1].subset = (struct conf_map){ .items = &label, .n = 1 };
    conf.routes = (struct conf_list){ routes, 3 };
    gone = 0;
    return 0;
}

static void
a_table_has_the_slots_and_copies_of_the_words(void **state)
{
    struct table *t = table_new(&conf, 7, NULL, slot_of, NULL);

    (void)state;
    assert_int_equal(t->version, 7);
    assert_int_equal(t->route_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct route *r = &t->routes[i];

        assert_int_equal(r->index, i);
        assert_int_equal(r->target_count, 1);
        assert_int_equal(t->targets[r->target].slot, 10 + i);
        assert_ptr_not_equal(r->conf, &routes[i]);
    }
    assert_null(t->targets[t->routes[0].target].selector);
    assert_ptr_not_equal(t->targets[t->routes[1].target].selector->items, &label);
    assert_string_equal(t->targets[t->routes[1].target].selector->items[0].value, "v2");
    assert_ptr_not_equal(t->routes[0].conf->match.service, routes[0].match.service);
    table_drop(t);
}

static void
on_gone(struct table *t)
{
    assert_int_equal(t->targets[0].slot, 10); /* nothing is freed yet */
    gone++;
}

static void
the_last_drop_tells_it(void **state)
{
    struct table *t = table_new(&conf, 1, NULL, slot_of, NULL);

    (void)state;
    t->gone = on_gone;
    assert_ptr_equal(table_hold(t), t);
    table_drop(t);
    assert_int_equal(gone, 0);
    table_drop(t);
    assert_int_equal(gone, 1);
    table_drop(NULL);
}

static void
a_table_stays_while_routes_and_slots_are_the_same(void **state)
{
    struct table *t = table_new(&conf, 1, NULL, slot_of, NULL);

    (void)state;
    assert_true(table_is_same(t, &conf, NULL, slot_of, NULL));
    conf.limits.max_concurrent_streams++;
    conf.keepalive.time_ms++;
    assert_true(table_is_same(t, &conf, NULL, slot_of, NULL));
    conf.limits.max_message_bytes++; /* that one routes know */
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    conf.limits.max_message_bytes--;
    slots[2] = 99; /* a new pool of the same name */
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    slots[2] = 12;
    routes[2].timeout_ms = 5;
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    routes[2].timeout_ms = 0;
    label.value = "v3";
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    label.value = "v2";
    conf.routes.n = 2;
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    conf.routes.n = 3;
    assert_true(table_is_same(t, &conf, NULL, slot_of, NULL));
    table_drop(t);
}

/* Filters are a matter of tables alone. */
static void
filters_make_another_table_but_no_other_front(void **state)
{
    struct filter_item item = { .name = "requestId", .off = true };
    struct conf_list one = { &item, 1 };
    struct table *t = table_new(&conf, 1, NULL, slot_of, NULL);
    struct front *f = front_new(&conf, true, 1, NULL);

    (void)state;
    assert_true(table_is_same(t, &conf, NULL, slot_of, NULL));
    conf.filters = one;
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    assert_true(front_is_same(f, &conf));
    conf.filters = (struct conf_list){ 0 };
    routes[1].filters = one;
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    assert_true(front_is_same(f, &conf));
    table_drop(t);
    front_drop(f);
    conf.filters = one;
    t = table_new(&conf, 1, NULL, slot_of, NULL);
    f = front_new(&conf, true, 1, NULL);
    assert_int_equal(f->conf->filters.n, 0); /* nobody asks it */
    assert_true(table_is_same(t, &conf, NULL, slot_of, NULL));
    item.off = false;
    assert_false(table_is_same(t, &conf, NULL, slot_of, NULL));
    table_drop(t);
    front_drop(f);
}

static void
a_front_stays_whatever_the_routes_are(void **state)
{
    struct front *f = front_new(&conf, true, 3, NULL);

    (void)state;
    assert_int_equal(f->conf->routes.n, 0);
    assert_int_equal(f->limits.reset_burst, 10000); /* local */
    conf.routes.n = 1;
    assert_true(front_is_same(f, &conf));
    conf.limits.max_header_count++;
    assert_false(front_is_same(f, &conf));
    front_drop(f);
    f = front_new(&conf, false, 3, NULL);
    assert_int_equal(f->limits.reset_burst, 1000);
    front_drop(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_table_has_the_slots_and_copies_of_the_words, setup),
        cmocka_unit_test_setup(the_last_drop_tells_it, setup),
        cmocka_unit_test_setup(a_table_stays_while_routes_and_slots_are_the_same, setup),
        cmocka_unit_test_setup(filters_make_another_table_but_no_other_front, setup),
        cmocka_unit_test_setup(a_front_stays_whatever_the_routes_are, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
