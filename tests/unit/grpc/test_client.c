/* SPDX-License-Identifier: Apache-2.0 */
/* The client's connection as its owner hears of it: against a raw HTTP/2 peer in memory,
 * and real sockets where connecting itself is the matter. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "grpc/client.h"
#include "h2rig.h"
#include "net/transport.h"

enum { MOST = 16 };

struct owner {
    struct rig rig;
    struct h2peer peer;
    struct grpc_client *client;
    struct grpc_client_conf conf;
    struct h2_limits limits;
    enum grpc_client_event events[MOST];
    uint32_t code;
    unsigned n, ends, messages;
    char why[100];
    enum grpc_code ended_with;
    bool free_at_once;
};

static void
owner_on_conn(void *arg, enum grpc_client_event event, uint32_t code, const char *why)
{
    struct owner *o = arg;

    assert_true(o->n < MOST);
    o->events[o->n++] = event;
    o->code = code;
    snprintf(o->why, sizeof(o->why), "%s", why);
    if (o->free_at_once) {
        grpc_client_close(o->client);
        grpc_client_free(o->client);
        o->client = NULL;
    }
}

static void
owner_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    (void)call, (void)message;
    ((struct owner *)arg)->messages++;
}

static void
owner_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct owner *o = arg;

    (void)call, (void)text;
    o->ends++;
    o->ended_with = code;
}

static const struct grpc_client_ops owner_ops = { .on_message = owner_on_message,
                                                  .on_end = owner_on_end };

static void
owner_open(struct owner *o)
{
    memset(o, 0, sizeof(*o));
    rig_open(&o->rig);
    h2_limits_default(&o->limits);
    o->conf = (struct grpc_client_conf){ .authority = "unit.test",
                                         .limits = &o->limits,
                                         .manual = true,
                                         .on_conn = owner_on_conn,
                                         .arg = o };
    o->client = grpc_client_new(o->rig.w, &o->conf);
}

/* A connection in memory; most: streams that the peer allows. */
static void
owner_join(struct owner *o, uint32_t most)
{
    struct transport *a, *b;

    mempair_new(o->rig.loop, o->rig.loop, 1 << 16, 0, &a, &b);
    h2peer_open(&o->peer, o->rig.loop, b, true);
    grpc_client_take(o->client, a);
    h2peer_settings(&o->peer, SET_STREAMS, most, 0);
    rig_run(&o->rig);
    assert_true(grpc_client_connected(o->client));
}

static void
owner_close(struct owner *o)
{
    if (o->client)
        grpc_client_close(o->client);
    rig_run(&o->rig);
    if (o->peer.loop)
        h2peer_close(&o->peer);
    grpc_client_free(o->client);
    rig_close(&o->rig); /* nothing may be left in slab and buffers */
}

static struct grpc_client_call *
owner_call(struct owner *o)
{
    struct grpc_client_call *call = NULL;

    assert_int_equal(grpc_client_start(o->client, "/t.T/M", 0, &owner_ops, o, &call), 0);
    grpc_client_send(call, slice_of("x"));
    grpc_client_half_close(call);
    rig_run(&o->rig);
    return call;
}

static void
a_goaway_is_told_once_and_calls_go_on(void **state)
{
    struct owner o;

    (void)state;
    owner_open(&o);
    owner_join(&o, 10);
    owner_call(&o);
    h2peer_goaway(&o.peer, 0x7fffffff, H2_NO_ERROR, "max_age");
    h2peer_goaway(&o.peer, 1, H2_NO_ERROR, "max_age");
    rig_run(&o.rig);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.events[0], GRPC_CLIENT_GOAWAY);
    assert_int_equal(o.code, H2_NO_ERROR);
    assert_string_equal(o.why, "max_age");
    assert_false(grpc_client_connected(o.client));
    assert_int_equal(o.ends, 0);
    h2peer_headers(&o.peer, 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "0", NULL);
    rig_run(&o.rig);
    assert_int_equal(o.ends, 1);
    assert_int_equal(o.ended_with, GRPC_OK);
    h2peer_hang_up(&o.peer);
    rig_run(&o.rig);
    assert_int_equal(o.n, 1); /* after the goodbye a close is no news */
    owner_close(&o);
}

static void
a_lost_connection_is_told_after_its_calls(void **state)
{
    struct owner o;

    (void)state;
    owner_open(&o);
    owner_join(&o, 10);
    owner_call(&o);
    h2peer_hang_up(&o.peer);
    rig_run(&o.rig);
    assert_int_equal(o.ends, 1);
    assert_int_equal(o.ended_with, GRPC_UNAVAILABLE);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.events[0], GRPC_CLIENT_LOST);
    assert_true(o.why[0]);
    owner_close(&o);
}

static void
the_owner_may_free_the_client_when_it_hears_of_the_end(void **state)
{
    struct owner o;

    (void)state;
    for (int goaway = 0; goaway < 2; goaway++) {
        owner_open(&o);
        owner_join(&o, 10);
        owner_call(&o);
        o.free_at_once = true;
        if (goaway)
            h2peer_goaway(&o.peer, 1, H2_ENHANCE_YOUR_CALM, "too_many_pings");
        else
            h2peer_hang_up(&o.peer);
        rig_run(&o.rig);
        assert_null(o.client);
        assert_int_equal(o.n, 1);
        assert_int_equal(o.ends, 1);
        owner_close(&o);
    }
}

static void
a_forgotten_call_is_reset_and_silent(void **state)
{
    struct owner o;
    struct grpc_client_call *call;

    (void)state;
    owner_open(&o);
    owner_join(&o, 10);
    call = owner_call(&o);
    grpc_client_forget(call);
    rig_run(&o.rig);
    assert_int_equal(h2peer_rst_code(&o.peer, 1), H2_CANCEL);
    h2peer_headers(&o.peer, 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "0", NULL);
    rig_run(&o.rig);
    assert_int_equal(o.ends, 0);
    call = owner_call(&o);
    grpc_client_forget(call);
    grpc_client_disconnect(o.client);
    rig_run(&o.rig);
    assert_int_equal(o.ends, 0);
    assert_int_equal(o.n, 0); /* what we end ourselves is no news */
    owner_close(&o);
}

static void
no_stream_is_opened_above_the_limit_of_the_peer(void **state)
{
    struct owner o;
    struct grpc_client_call *call;

    (void)state;
    owner_open(&o);
    owner_join(&o, 1);
    owner_call(&o);
    assert_int_equal(grpc_client_start(o.client, "/t.T/M", 0, &owner_ops, &o, &call),
                     ERR_LIMIT);
    assert_int_equal(o.ends, 0);
    owner_close(&o);
}

static void
fields_of_the_owner_go_with_each_call(void **state)
{
    static const struct grpc_client_field fields[] = { { "x-one", "1" },
                                                       { "x-two", "two words" } };
    struct owner o;
    const struct peer_frame *f;

    (void)state;
    owner_open(&o);
    o.conf.fields = fields;
    o.conf.field_count = 2;
    owner_join(&o, 10);
    owner_call(&o);
    f = h2peer_find(&o.peer, F_HEADERS, 1, 0);
    assert_non_null(f);
    assert_non_null(strstr(f->fields, "x-one: 1\n"));
    assert_non_null(strstr(f->fields, "x-two: two words\n"));
    assert_non_null(strstr(f->fields, ":authority: unit.test\n"));
    owner_close(&o);
}

/* --- real sockets ------------------------------------------------------------------- */

/* A socket on a free port; it accepts when `listening`. */
static int
socket_bind(bool listening, struct addr *ret)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *ret = (struct addr){ .len = sizeof(in) };
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    if (listening)
        assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ret->sa, &ret->len), 0);
    return fd;
}

static void
wait_for_news(struct owner *o, unsigned n)
{
    for (int i = 0; i < 200000 && o->n < n; i++)
        loop_turn(o->rig.loop, false);
    assert_int_equal(o->n, n);
}

static void
a_manual_client_connects_when_told(void **state)
{
    struct owner o;
    int fd;

    (void)state;
    owner_open(&o);
    fd = socket_bind(true, &o.conf.to);
    rig_wait_ms(&o.rig, 1000);
    assert_int_equal(o.n, 0);
    for (unsigned i = 1; i <= 2; i++) {
        grpc_client_connect(o.client);
        grpc_client_connect(o.client); /* one attempt at a time */
        assert_int_equal(o.n, i - 1);
        wait_for_news(&o, i);
        assert_int_equal(o.events[i - 1], GRPC_CLIENT_CONNECTED);
        grpc_client_disconnect(o.client);
        rig_run(&o.rig);
        assert_false(grpc_client_connected(o.client));
    }
    grpc_client_connect(o.client);
    grpc_client_disconnect(o.client);
    rig_wait_ms(&o.rig, 1000);
    assert_int_equal(o.n, 2);
    close(fd);
    owner_close(&o);
}

static void
a_refused_connect_says_why_and_is_not_repeated(void **state)
{
    struct owner o;
    int fd;

    (void)state;
    owner_open(&o);
    fd = socket_bind(false, &o.conf.to);
    grpc_client_connect(o.client);
    wait_for_news(&o, 1);
    assert_int_equal(o.events[0], GRPC_CLIENT_FAILED);
    assert_string_equal(o.why, "Connection refused");
    rig_wait_ms(&o.rig, 5000);
    assert_int_equal(o.n, 1);
    o.free_at_once = true;
    grpc_client_connect(o.client);
    wait_for_news(&o, 2);
    assert_null(o.client);
    close(fd);
    owner_close(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_goaway_is_told_once_and_calls_go_on),
        cmocka_unit_test(a_lost_connection_is_told_after_its_calls),
        cmocka_unit_test(the_owner_may_free_the_client_when_it_hears_of_the_end),
        cmocka_unit_test(a_forgotten_call_is_reset_and_silent),
        cmocka_unit_test(no_stream_is_opened_above_the_limit_of_the_peer),
        cmocka_unit_test(fields_of_the_owner_go_with_each_call),
        cmocka_unit_test(a_manual_client_connects_when_told),
        cmocka_unit_test(a_refused_connect_says_why_and_is_not_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
