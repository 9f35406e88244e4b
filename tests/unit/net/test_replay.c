/* SPDX-License-Identifier: Apache-2.0 */
/* A transport whose first bytes were read before, over a memory pair. */
#include "net/replay.h"

#include <string.h>

#include "unit.h"

#include "base/err.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "vclock.h"

struct world {
    struct vclock clock;
    struct loop *loop;
    struct transport *t, *peer;
    unsigned readable;
    char got[256];
    size_t n, most; /* most: bytes per read */
    int end;        /* 0: none yet */
    bool keep;      /* reads in the callback */
};

static void
world_on(void *arg, int what)
{
    struct world *w = arg;

    if (!(what & TRANSPORT_READABLE))
        return;
    w->readable++;
    if (!w->keep)
        return;

    ssize_t rv = transport_read(w->t, w->got + w->n, w->most);

    if (rv > 0)
        w->n += (size_t)rv;
    else if (rv != ERR_AGAIN)
        w->end = (int)rv;
    if (w->end)
        transport_want(w->t, false, false);
    else
        transport_want(w->t, true, false);
}

static void
world_start(struct world *w, const char *first, size_t most)
{
    struct transport *below;

    memset(w, 0, sizeof(*w));
    w->loop = loop_new(vclock_init(&w->clock));
    mempair_new(w->loop, w->loop, 4096, 0, &below, &w->peer);
    w->t = replay_new(w->loop, below, first, strlen(first));
    w->most = most;
    w->keep = true;
    transport_bind(w->t, world_on, w);
}

static void
turns(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vclock_advance_ms(&w->clock, 2);
        loop_turn(w->loop, false);
    }
}

static void
peer_says(struct world *w, const char *text)
{
    const struct iovec v = { .iov_base = (void *)(uintptr_t)text,
                             .iov_len = strlen(text) };

    assert_int_equal(transport_writev(w->peer, &v, 1), strlen(text));
}

static void
world_stop(struct world *w)
{
    transport_close(w->t);
    transport_close(w->peer);
    turns(w, 3);
    loop_free(w->loop);
}

static void
the_first_bytes_come_before_those_of_the_socket_and_without_it(void **state)
{
    static const size_t steps[] = { 1, 3, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct world w;

        world_start(&w, "PRI * ", steps[i]);
        transport_want(w.t, true, false);
        turns(&w, 20);
        assert_string_equal(w.got, "PRI * "); /* the peer said nothing more so far */
        peer_says(&w, "HTTP/2.0");
        turns(&w, 20);
        assert_string_equal(w.got, "PRI * HTTP/2.0");
        transport_close(w.peer);
        turns(&w, 20);
        assert_int_equal(w.end, ERR_EOF);
        world_stop(&w);
    }
}

static void
nobody_is_told_who_did_not_ask(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, "abc", 10);
    turns(&w, 5);
    assert_int_equal(w.readable, 0);
    transport_want(w.t, true, false);
    transport_want(w.t, false, false);
    turns(&w, 5);
    assert_int_equal(w.readable, 0);
    transport_want(w.t, true, false);
    turns(&w, 5);
    assert_string_equal(w.got, "abc");
    world_stop(&w);
}

static void
writes_go_through_and_after_close_nothing_does(void **state)
{
    const struct iovec v = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
    struct world w;
    char c = 0;

    (void)state;
    world_start(&w, "abc", 10);
    assert_int_equal(transport_writev(w.t, &v, 1), 1);
    turns(&w, 2);
    assert_int_equal(transport_read(w.peer, &c, 1), 1);
    assert_int_equal(c, 'x');
    transport_want(w.t, true, false);
    transport_close(w.t);
    transport_close(w.t);
    assert_int_equal(transport_read(w.t, &c, 1), ERR_CONN_LOST);
    assert_int_equal(transport_writev(w.t, &v, 1), ERR_CONN_LOST);
    w.t = NULL; /* freed at the end of the turn */
    turns(&w, 5);
    assert_int_equal(w.readable, 0);
    world_stop(&w);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_come_before_those_of_the_socket_and_without_it),
        cmocka_unit_test(nobody_is_told_who_did_not_ask),
        cmocka_unit_test(writes_go_through_and_after_close_nothing_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
