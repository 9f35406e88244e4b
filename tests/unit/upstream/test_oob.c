/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports out of band: real sockets of this process, time that the test makes, and a raw HTTP/2 peer that answers what the test says. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/field.h"
#include "grpc/orca.h"
#include "h2rig.h"
#include "lb/lb.h"
#include "net/transport.h"
#include "upstream/backend.h"
#include "upstream/oob.h"
#include "upstream/pool_conf.h"

enum { PEERS = 8, TURNS = 12 };

static struct rig rig;
static struct rng rng;
static struct pool_conf conf;
static struct backend *backend;
static struct oob *oob;
static int listening;
static struct h2peer peers[PEERS];
static unsigned n_peers, n_reports;
static struct lb_report last;

static void
on_report(void *arg, const struct lb_report *r)
{
    assert_ptr_equal(arg, &rig);
    n_reports++;
    last = *r;
}

static int
setup(void **state)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(in);
    struct addr to = { 0 };

    (void)state;
    rig_open(&rig);
    rng_seed(&rng, 7);
    n_peers = n_reports = 0;
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&in, &n), 0);
    memcpy(&to.sa, &in, sizeof(in));
    to.len = sizeof(in);
    backend = backend_new(&to, 1);
    field_defaults(&pool_conf_struct, &conf);
    conf.name = "app";
    oob = oob_new(rig.w, backend, &conf, NULL, "", &rng, on_report, &rig);
    return 0;
}

static void
turns(void)
{
    for (int i = 0; i < TURNS; i++) {
        int fd = listening >= 0 ? accept4(listening, NULL, NULL, SOCK_NONBLOCK) : -1;

        if (fd >= 0) {
            assert_true(n_peers < PEERS);
            h2peer_open(&peers[n_peers], rig.loop, transport_from_fd(rig.loop, fd), true);
            h2peer_settings(&peers[n_peers++], SET_STREAMS, 100, 0);
        }
        rig_turns(&rig, 3);
    }
}

static void
wait_ms(int64_t ms)
{
    for (int64_t at = 0; at < ms; at += 100) {
        vclock_advance_ms(&rig.clock, 100);
        turns();
    }
}

static int
teardown(void **state)
{
    (void)state;
    oob_stop(oob);
    turns();
    for (unsigned i = 0; i < n_peers; i++)
        h2peer_close(&peers[i]);
    if (listening >= 0)
        close(listening);
    backend_drop(backend);
    rig_turns(&rig, 5);
    rig_close(&rig);
    return 0;
}

/* The stream of the call on a connection; 0: none. */
static int32_t
asked(unsigned peer)
{
    const struct peer_frame *f =
        peer < n_peers ? h2peer_find(&peers[peer], F_HEADERS, F_ANY, 0) : NULL;

    if (!f)
        return 0;
    assert_non_null(strstr(f->fields, ":path: " ORCA_PATH "\n"));
    return f->id;
}

static void
say_headers(unsigned peer)
{
    h2peer_headers(&peers[peer], asked(peer), 0, ":status", "200", "content-type",
                   "application/grpc", NULL);
}

/* application_utilization 0.25, rps_fractional 200 */
static void
say_report(unsigned peer)
{
    static const uint8_t message[] = { 0, 0, 0, 0, 18,   0x49, 0,    0,
                                       0, 0, 0, 0, 0xd0, 0x3f, 0x31, 0,
                                       0, 0, 0, 0, 0x00, 0x69, 0x40 };

    h2peer_frame(&peers[peer], F_DATA, 0, asked(peer), message, sizeof(message));
    turns();
}

static void
say_end(unsigned peer, const char *code)
{
    h2peer_headers(&peers[peer], asked(peer), FL_END_STREAM, "grpc-status", code, NULL);
    turns();
}

static void
reports_come_through(void **state)
{
    const struct peer_frame *f;
    static const uint8_t request[] = { 0, 0, 0, 0, 4, 0x0a, 0x02, 0x08, 0x0a };

    (void)state;
    turns();
    assert_int_equal(n_peers, 1);
    assert_int_not_equal(asked(0), 0);
    f = h2peer_find(&peers[0], F_DATA, F_ANY, 0);
    assert_non_null(f);
    assert_int_equal(f->n, sizeof(request));
    assert_memory_equal(f->payload, request, sizeof(request));
    say_headers(0);
    for (unsigned i = 1; i <= 3; i++) {
        say_report(0);
        assert_int_equal(n_reports, i);
        wait_ms(10000);
    }
    assert_true(last.qps == 200 && last.utilization == 0.25);
    assert_int_equal(n_peers, 1);
}

static void
unimplemented_is_not_asked_again(void **state)
{
    (void)state;
    turns();
    h2peer_headers(&peers[0], asked(0), FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "12", NULL);
    wait_ms(300000);
    assert_int_equal(n_peers, 1);
}

static void
a_call_that_lived_is_made_again_at_once(void **state)
{
    (void)state;
    turns();
    say_headers(0);
    say_report(0);
    wait_ms(5000);
    say_end(0, "14");
    turns();
    assert_int_equal(n_peers, 2);
    say_headers(1);
    say_report(1);
    assert_int_equal(n_reports, 2);
    h2peer_hang_up(&peers[1]); /* too young: after a pause */
    turns();
    assert_int_equal(n_peers, 2);
    wait_ms(1300);
    assert_int_equal(n_peers, 3);
    assert_int_not_equal(asked(2), 0);
}

static void
failures_wait_longer_and_longer(void **state)
{
    static const int64_t seconds[] = { 1000, 1000, 1600, 2560 };

    (void)state;
    turns();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(n_peers, i + 1);
        h2peer_headers(&peers[i], asked(i), FL_END_STREAM, ":status", "200",
                       "content-type", "application/grpc", "grpc-status", "14", NULL);
        turns();
        wait_ms(seconds[i] * 7 / 10);
        assert_int_equal(n_peers, i + 1);
        wait_ms(seconds[i] * 6 / 10);
    }
    assert_int_equal(n_peers, 5);
}

static void
a_goaway_moves_it(void **state)
{
    (void)state;
    turns();
    say_headers(0);
    say_report(0);
    wait_ms(3000);
    h2peer_goaway(&peers[0], asked(0), H2_NO_ERROR, "");
    turns();
    assert_int_equal(n_peers, 2);
    assert_int_not_equal(asked(1), 0);
}

static void
stopping_ends_its_connection(void **state)
{
    (void)state;
    turns();
    say_headers(0);
    oob_stop(oob);
    oob = NULL;
    turns();
    wait_ms(5000);
    assert_true(peers[0].eof || peers[0].lost);
    assert_int_equal(n_peers, 1);
}

static void
no_answer_to_the_connect_is_tried_again(void **state)
{
    (void)state;
    close(listening);
    listening = -1;
    turns();
    wait_ms(10000); /* refused again and again, and nothing breaks */
    assert_int_equal(n_reports, 0);
}

#define OOB_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        OOB_TEST(reports_come_through),
        OOB_TEST(unimplemented_is_not_asked_again),
        OOB_TEST(a_call_that_lived_is_made_again_at_once),
        OOB_TEST(failures_wait_longer_and_longer),
        OOB_TEST(a_goaway_moves_it),
        OOB_TEST(stopping_ends_its_connection),
        OOB_TEST(no_answer_to_the_connect_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
