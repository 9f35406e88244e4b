/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes ready while a short turn runs joins it: only when asked for, a few times, and rarely where it never pays. */
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/compat.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "vclock.h"

/* A chain of fds: each makes the next one ready when it is read. */
enum { FDS = 8 };

static struct node {
    int fd;
    char letter;
    struct fdwatch *watch;
    struct node *next;
} nodes[FDS];

static struct loop *loop;
static char order[64];
static bool asks, bars;

static void
note(char letter)
{
    size_t n = strlen(order);

    assert_true(n + 1 < sizeof(order));
    order[n] = letter;
    order[n + 1] = '\0';
}

static void
node_raise(struct node *n)
{
    assert_int_equal(eventfd_write(n->fd, 1), 0);
}

static void
node_on_ready(void *arg, int what)
{
    struct node *n = arg;
    eventfd_t value;

    (void)what;
    assert_int_equal(eventfd_read(n->fd, &value), 0);
    note(n->letter);
    if (n->next)
        node_raise(n->next);
    if (asks)
        loop_look(loop, true);
    if (bars)
        loop_look(loop, false);
}

static void
hook(void *arg)
{
    (void)arg;
    note('.');
}

static void
start(const struct clock_source *clock)
{
    loop = loop_new(clock);
    loop_add_turn_hook(loop, hook, NULL);
    order[0] = '\0';
    asks = true;
    bars = false;
    for (int i = 0; i < FDS; i++) {
        nodes[i] = (struct node){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                  .letter = (char)('a' + i),
                                  .next = i + 1 < FDS ? &nodes[i + 1] : NULL };
        nodes[i].watch = fdwatch_open(loop, nodes[i].fd, node_on_ready, &nodes[i]);
        fdwatch_want(nodes[i].watch, true, false);
    }
}

static int
setup(void **state)
{
    (void)state;
    start(NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (int i = 0; i < FDS; i++) {
        fdwatch_close(nodes[i].watch);
        close(nodes[i].fd);
    }
    loop_free(loop);
    return 0;
}

static void
input_that_came_meanwhile_joins_a_few_times(void **state)
{
    (void)state;
    node_raise(&nodes[0]);
    loop_turn(loop, true);
    assert_string_equal(order, "abcde."); /* the wait and four looks */
    loop_turn(loop, true);
    assert_string_equal(order, "abcde.fgh.");
}

static void
nobody_joins_unasked(void **state)
{
    (void)state;
    asks = false;
    nodes[1].next = NULL;
    node_raise(&nodes[0]);
    loop_turn(loop, true);
    loop_turn(loop, true);
    assert_string_equal(order, "a.b.");
}

static void
a_turn_that_had_its_share_takes_nobody(void **state)
{
    (void)state;
    bars = true;
    nodes[2].next = NULL;
    node_raise(&nodes[0]);
    loop_turn(loop, true);
    loop_turn(loop, true);
    assert_string_equal(order, "a.b.");
    bars = false; /* it holds for that turn only */
    nodes[2].next = &nodes[3];
    loop_turn(loop, true);
    assert_string_equal(order, "a.b.cdefg.");
}

/* Calls that come one by one: looking stops after eight times in vain, and one turn of sixteen tries again. */
static void
looking_in_vain_becomes_rare(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        node_raise(&nodes[FDS - 1]);
        loop_turn(loop, true);
    }
    assert_string_equal(order, "h.h.h.h.h.h.h.h.");
    for (int i = 0; i < 15; i++) {
        order[0] = '\0';
        nodes[0].next = &nodes[FDS - 1];
        node_raise(&nodes[0]);
        loop_turn(loop, true);
        assert_string_equal(order, "a.");
        assert_int_equal(eventfd_read(nodes[FDS - 1].fd, &(eventfd_t){ 0 }), 0);
    }
    order[0] = '\0';
    nodes[0].next = &nodes[1];
    node_raise(&nodes[0]);
    loop_turn(loop, true);
    assert_string_equal(order, "abcde."); /* the sixteenth, and its luck is back */
}

static void
a_clock_of_a_test_takes_one_step_per_turn(void **state)
{
    struct vclock clock;

    teardown(state);
    start(vclock_init(&clock));
    nodes[1].next = NULL;
    node_raise(&nodes[0]);
    loop_turn(loop, true);
    assert_string_equal(order, "a.");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(input_that_came_meanwhile_joins_a_few_times,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_joins_unasked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_turn_that_had_its_share_takes_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(looking_in_vain_becomes_rare, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_of_a_test_takes_one_step_per_turn, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
