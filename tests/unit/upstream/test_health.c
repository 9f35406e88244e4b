/* SPDX-License-Identifier: Apache-2.0 */
/* Active checks of a hub with one endpoint: real sockets of this process, time that the
 * test makes, and a raw HTTP/2 peer that answers what the test says. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "conf/field.h"
#include "h2rig.h"
#include "net/transport.h"
#include "upstream/health.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"

enum { PEERS = 16, TURNS = 12 };

struct world {
    struct rig rig;
    struct rng rng;
    struct pool_conf conf;
    struct endpoint_conf endpoint;
    char target[64];
    struct hub *hub;
    int listening;
    struct h2peer peers[PEERS]; /* connections in order of arrival */
    unsigned n;
    uint16_t port;
};

static void
world_listen(struct world *w)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(w->port) };
    socklen_t n = sizeof(in);
    int on = 1;

    w->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(w->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(w->listening, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(w->listening, 16), 0);
    assert_int_equal(getsockname(w->listening, (struct sockaddr *)&in, &n), 0);
    w->port = ntohs(in.sin_port);
}

static void
world_open(struct world *w, enum health_type type)
{
    memset(w, 0, sizeof(*w));
    rig_open(&w->rig);
    rng_seed(&w->rng, 7);
    world_listen(w);
    field_defaults(&pool_conf_struct, &w->conf);
    field_defaults(&endpoint_conf_struct, &w->endpoint);
    snprintf(w->target, sizeof(w->target), "127.0.0.1:%u", w->port);
    w->endpoint.target = w->target;
    w->conf.name = "app";
    w->conf.endpoints = (struct conf_list){ &w->endpoint, 1 };
    w->conf.health_check.type = type;
    w->conf.health_check.interval_jitter_percent = 0;
    w->conf.health_check.service = "shop.v1.Stock";
}

static void
world_turns(struct world *w)
{
    for (int i = 0; i < TURNS; i++) {
        int fd =
            w->listening >= 0 ? accept4(w->listening, NULL, NULL, SOCK_NONBLOCK) : -1;

        if (fd >= 0) {
            assert_true(w->n < PEERS);
            h2peer_open(&w->peers[w->n], w->rig.loop, transport_from_fd(w->rig.loop, fd),
                        true);
            h2peer_settings(&w->peers[w->n++], SET_STREAMS, 100, 0);
        }
        rig_turns(&w->rig, 3);
    }
}

static void
world_start(struct world *w)
{
    w->hub = hub_new(w->rig.loop, w->rig.w, &w->rng, NULL, &w->conf, 1);
    world_turns(w);
}

static void
world_wait_ms(struct world *w, int64_t ms)
{
    for (int64_t at = 0; at < ms; at += 100) {
        vclock_advance_ms(&w->rig.clock, 100);
        world_turns(w);
    }
}

static void
world_close(struct world *w)
{
    hub_free(w->hub);
    world_turns(w);
    for (unsigned i = 0; i < w->n; i++)
        h2peer_close(&w->peers[i]);
    if (w->listening >= 0)
        close(w->listening);
    rig_turns(&w->rig, 5);
    rig_close(&w->rig);
}

static const struct backend *
the_backend(const struct world *w)
{
    const struct backend_list *l = hub_list(w->hub);

    assert_non_null(l);
    assert_int_equal(l->n, 1);
    return l->rows[0].backend;
}

static unsigned
down(const struct world *w)
{
    return atomic_load(&the_backend(w)->down);
}

/* The stream of the nth request (from 0) for this method on a connection; 0: none. */
static int32_t
request(const struct world *w, unsigned peer, const char *method, unsigned nth)
{
    char line[64];

    snprintf(line, sizeof(line), ":path: /grpc.health.v1.Health/%s\n", method);
    for (size_t i = 0;; i++) {
        const struct peer_frame *f = h2peer_find(&w->peers[peer], F_HEADERS, F_ANY, i);

        if (!f)
            return 0;
        if (f->fields && strstr(f->fields, line) && nth-- == 0)
            return f->id;
    }
}

static void
say_headers(struct world *w, unsigned peer, int32_t id)
{
    h2peer_headers(&w->peers[peer], id, 0, ":status", "200", "content-type",
                   "application/grpc", NULL);
}

static void
say_status(struct world *w, unsigned peer, int32_t id, uint8_t status)
{
    const uint8_t message[] = { 0, 0, 0, 0, 2, 8, status };

    h2peer_frame(&w->peers[peer], F_DATA, 0, id, message, sizeof(message));
}

static void
say_end(struct world *w, unsigned peer, int32_t id, const char *code)
{
    h2peer_headers(&w->peers[peer], id, FL_END_STREAM, "grpc-status", code, NULL);
    world_turns(w);
}

/* Trailers-Only. */
static void
say_error(struct world *w, unsigned peer, int32_t id, const char *code)
{
    h2peer_headers(&w->peers[peer], id, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", code, "grpc-message", "said so",
                   NULL);
    world_turns(w);
}

static void
say_check(struct world *w, unsigned peer, int32_t id, uint8_t status)
{
    say_headers(w, peer, id);
    say_status(w, peer, id, status);
    say_end(w, peer, id, "0");
}

/* A Watch that says SERVING on the first connection. */
static int32_t
world_watch(struct world *w)
{
    int32_t id;

    world_open(w, HEALTH_GRPC);
    world_start(w);
    assert_int_equal(down(w), BACKEND_UNCHECKED);
    id = request(w, 0, "Watch", 0);
    assert_int_not_equal(id, 0);
    say_headers(w, 0, id);
    say_status(w, 0, id, 1);
    world_turns(w);
    assert_int_equal(down(w), 0);
    return id;
}

/* --- Watch -------------------------------------------------------------------------- */

static void
a_watch_moves_the_backend_at_once(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);
    static const uint8_t bad[] = { 0, 2 };

    (void)state;
    for (size_t i = 0; i < sizeof(bad); i++) {
        say_status(&w, 0, id, bad[i]);
        world_turns(&w);
        assert_int_equal(down(&w), BACKEND_UNHEALTHY);
        say_status(&w, 0, id, 1);
        world_turns(&w);
        assert_int_equal(down(&w), 0);
    }
    say_status(&w, 0, id, 7); /* not in the enum */
    world_turns(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    say_status(&w, 0, id, 1);
    world_turns(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY); /* it flaps: held for an interval */
    world_wait_ms(&w, 9500);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 700);
    assert_int_equal(down(&w), 0);
    assert_int_equal(w.n, 1);
    world_close(&w);
}

static void
the_request_names_service_and_metadata(void **state)
{
    static struct conf_pair pairs[] = { { "x-check", "yes" } };
    struct world w;
    const struct peer_frame *f;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    w.conf.health_check.metadata = (struct conf_map){ pairs, 1 };
    w.conf.health_check.authority = "stock.shop";
    world_start(&w);
    f = h2peer_find(&w.peers[0], F_HEADERS, 1, 0);
    assert_non_null(f);
    assert_non_null(strstr(f->fields, "x-check: yes\n"));
    assert_non_null(strstr(f->fields, ":authority: stock.shop\n"));
    f = h2peer_find(&w.peers[0], F_DATA, 1, 0);
    assert_non_null(f);
    assert_int_equal(f->n, 20);
    assert_memory_equal(f->payload, "\0\0\0\0\x0f\x0a\x0dshop.v1.Stock", 20);
    world_close(&w);
}

static void
an_answer_that_cannot_be_read_is_no(void **state)
{
    static const uint8_t junk[] = { 0, 0, 0, 0, 2, 8, 0x81 };
    struct world w;
    int32_t id = world_watch(&w);

    (void)state;
    h2peer_frame(&w.peers[0], F_DATA, 0, id, junk, sizeof(junk));
    world_turns(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    assert_int_equal(h2peer_rst_code(&w.peers[0], id), H2_CANCEL);
    world_wait_ms(&w, 1500);
    assert_int_not_equal(request(&w, 0, "Watch", 1), 0);
    world_close(&w);
}

static void
a_watch_that_ends_with_a_status_is_no_and_is_opened_again(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);

    (void)state;
    say_end(&w, 0, id, "0");
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 200); /* at once after a Watch that had said something */
    id = request(&w, 0, "Watch", 1);
    assert_int_not_equal(id, 0);
    say_error(&w, 0, id, "13");
    world_wait_ms(&w, 700);
    assert_int_equal(request(&w, 0, "Watch", 2), 0); /* then with backoff */
    world_wait_ms(&w, 600);
    id = request(&w, 0, "Watch", 2);
    assert_int_not_equal(id, 0);
    say_headers(&w, 0, id);
    say_status(&w, 0, id, 1);
    world_turns(&w);
    assert_int_equal(down(&w), 0);
    world_close(&w);
}

static void
a_polite_goaway_is_no_failure(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);
    uint64_t failures = (uint64_t)rig_stat(&w.rig, STAT_HEALTH_FAILURES);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        h2peer_goaway(&w.peers[i], 0x7fffffff, H2_NO_ERROR, "max_age");
        world_wait_ms(&w, 100);
        assert_int_equal(w.n, i + 2); /* another connection, at once */
        assert_int_equal(down(&w), 0);
        id = request(&w, i + 1, "Watch", 0);
        assert_int_not_equal(id, 0);
        say_headers(&w, i + 1, id);
        say_status(&w, i + 1, id, 1);
        world_turns(&w);
    }
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), failures);
    assert_int_equal(down(&w), 0);
    world_close(&w);
}

static void
a_goodbye_without_an_answer_is_a_failure(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    h2peer_goaway(&w.peers[0], 0, H2_NO_ERROR, "");
    world_turns(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    assert_int_equal(w.n, 1); /* no busy loop */
    world_wait_ms(&w, 1300);
    assert_int_equal(w.n, 2);
    world_close(&w);
}

/* The host dies without a word: the stream stays open, the Checks beside it get nothing. */
static void
a_silent_watch_is_noticed(void **state)
{
    struct world w;

    (void)state;
    world_watch(&w);
    world_wait_ms(&w, 9000);
    assert_int_equal(request(&w, 0, "Check", 0), 0);
    world_wait_ms(&w, 1200); /* the first Check at 10 s */
    assert_int_not_equal(request(&w, 0, "Check", 0), 0);
    assert_int_equal(down(&w), 0);
    world_wait_ms(&w,
                  1000); /* no answer in 1 s: 1 failure, and a new connection at 20 s */
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), 1);
    world_wait_ms(&w, 10500);
    assert_int_equal(w.n, 2);
    assert_int_equal(down(&w), 0);
    world_wait_ms(&w, 13000);
    assert_int_equal(w.n, 3);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_close(&w);
}

static void
checks_beside_a_watch_prove_life(void **state)
{
    struct world w;

    (void)state;
    world_watch(&w);
    for (unsigned i = 0; i < 5; i++) {
        int32_t id;

        world_wait_ms(&w, 10200);
        id = request(&w, 0, "Check", i);
        assert_int_not_equal(id, 0);
        if (i % 2)
            say_check(&w, 0, id, 1);
        else
            say_error(&w, 0, id, "12"); /* UNIMPLEMENTED is an answer, too */
        assert_int_equal(down(&w), 0);
    }
    assert_int_equal(w.n, 1);
    world_close(&w);
}

/* --- Check -------------------------------------------------------------------------- */

static void
unimplemented_falls_back_to_check(void **state)
{
    struct world w;
    unsigned n = 0;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    say_error(&w, 0, request(&w, 0, "Watch", 0), "12");
    assert_int_equal(down(&w), BACKEND_UNCHECKED);
    say_check(&w, 0, request(&w, 0, "Check", n++), 1);
    assert_int_equal(down(&w), 0);
    for (unsigned bad = 1; bad <= 3; bad++) {
        world_wait_ms(&w, 10100);
        say_check(&w, 0, request(&w, 0, "Check", n++), 2);
        assert_int_equal(down(&w), bad == 3 ? BACKEND_UNHEALTHY : 0);
    }
    for (unsigned good = 1; good <= 2; good++) {
        world_wait_ms(&w, 10100);
        say_check(&w, 0, request(&w, 0, "Check", n++), 1);
        assert_int_equal(down(&w), good == 2 ? 0 : BACKEND_UNHEALTHY);
    }
    assert_int_equal(request(&w, 0, "Watch", 1), 0);
    world_close(&w);
}

static void
first_answers_of_check(void **state)
{
    static const struct {
        const char *code;
        bool knob;
        unsigned down;
    } rows[] = {
        { "5", false, BACKEND_UNHEALTHY }, /* NOT_FOUND */
        { "12", false, BACKEND_UNHEALTHY },
        { "12", true, 0 },
        { "14", true, BACKEND_UNHEALTHY },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;

        world_open(&w, HEALTH_GRPC_CHECK);
        w.conf.health_check.unimplemented_is_healthy = rows[i].knob;
        world_start(&w);
        assert_int_equal(request(&w, 0, "Watch", 0), 0);
        say_error(&w, 0, request(&w, 0, "Check", 0), rows[i].code);
        if (down(&w) != rows[i].down)
            fail_msg("row %zu: down is %u", i, down(&w));
        world_close(&w);
    }
}

/* Whatever is not one whole SERVING with status 0 is a failure. */
static void
only_a_whole_answer_is_good(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct world w;
        int32_t id;

        world_open(&w, HEALTH_GRPC_CHECK);
        world_start(&w);
        id = request(&w, 0, "Check", 0);
        if (kind == 0) { /* two messages */
            say_headers(&w, 0, id);
            say_status(&w, 0, id, 1);
            say_status(&w, 0, id, 1);
            say_end(&w, 0, id, "0");
        } else if (kind == 1) { /* none */
            say_headers(&w, 0, id);
            say_end(&w, 0, id, "0");
        } else if (kind == 2) { /* a web server */
            h2peer_headers(&w.peers[0], id, 0, ":status", "200", "content-type",
                           "text/html", NULL);
            say_status(&w, 0, id, 1);
            say_end(&w, 0, id, "0");
        } else { /* no trailers */
            say_headers(&w, 0, id);
            say_status(&w, 0, id, 1);
            h2peer_u32(&w.peers[0], F_RST, id, H2_INTERNAL_ERROR);
            world_turns(&w);
        }
        if (down(&w) != BACKEND_UNHEALTHY)
            fail_msg("kind %d: down is %u", kind, down(&w));
        world_close(&w);
    }
}

static void
an_unchecked_endpoint_may_be_used_when_asked_so(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC_CHECK);
    w.conf.health_check.wait_for_first = false;
    world_start(&w);
    assert_int_equal(down(&w), 0);
    say_error(&w, 0, request(&w, 0, "Check", 0), "14");
    assert_int_equal(down(&w), 0);
    world_close(&w);
}

/* --- TCP, and connections ------------------------------------------------------------- */

static void
tcp_connects_and_nothing_else(void **state)
{
    struct world w;
    struct strbuf text;

    (void)state;
    world_open(&w, HEALTH_TCP);
    world_start(&w);
    assert_int_equal(down(&w), 0);
    close(w.listening);
    w.listening = -1;
    world_wait_ms(&w, 25000);
    assert_int_equal(down(&w), 0);
    world_wait_ms(&w, 6000);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    assert_non_null(strstr(the_backend(&w)->why, "3 times: Connection refused"));
    strbuf_init(&text, 1000);
    health_print(w.hub, the_backend(&w), &text);
    assert_non_null(strstr(text.s, "\"good\":false"));
    assert_non_null(strstr(text.s, "\"text\":\"Connection refused\""));
    assert_non_null(strstr(text.s, "\"badInRow\":3"));
    strbuf_done(&text);
    world_listen(&w);
    world_wait_ms(&w, 10300);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 10300);
    assert_int_equal(down(&w), 0);
    for (unsigned i = 0; i < w.n; i++)
        assert_int_equal(w.peers[i].in_len, 0);
    world_close(&w);
}

/* The proxy is there before its backend: it does not wait a whole interval. */
static void
a_backend_that_comes_late_is_found_soon(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_TCP);
    close(w.listening);
    w.listening = -1;
    world_start(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_listen(&w);
    world_wait_ms(&w, 1300);
    assert_int_equal(down(&w), 0);
    world_close(&w);
}

static void
a_connection_that_never_answers_times_out(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    assert_int_not_equal(request(&w, 0, "Watch", 0), 0);
    world_wait_ms(&w, 900);
    assert_int_equal(down(&w), BACKEND_UNCHECKED);
    world_wait_ms(&w, 200);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    assert_non_null(strstr(the_backend(&w)->why, "no answer within 1000 ms"));
    world_close(&w);
}

static void
a_lost_connection_counts_once_and_is_made_again(void **state)
{
    struct world w;
    int32_t id;

    (void)state;
    world_watch(&w);
    h2peer_hang_up(&w.peers[0]);
    world_turns(&w);
    assert_int_equal(down(&w), 0);
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), 1);
    world_wait_ms(&w, 300);
    assert_int_equal(w.n, 2);
    id = request(&w, 1, "Watch", 0);
    assert_int_not_equal(id, 0);
    say_headers(&w, 1, id);
    say_status(&w, 1, id, 2);
    world_turns(&w);
    assert_int_equal(down(&w), BACKEND_UNHEALTHY);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_moves_the_backend_at_once),
        cmocka_unit_test(the_request_names_service_and_metadata),
        cmocka_unit_test(an_answer_that_cannot_be_read_is_no),
        cmocka_unit_test(a_watch_that_ends_with_a_status_is_no_and_is_opened_again),
        cmocka_unit_test(a_polite_goaway_is_no_failure),
        cmocka_unit_test(a_goodbye_without_an_answer_is_a_failure),
        cmocka_unit_test(a_silent_watch_is_noticed),
        cmocka_unit_test(checks_beside_a_watch_prove_life),
        cmocka_unit_test(unimplemented_falls_back_to_check),
        cmocka_unit_test(first_answers_of_check),
        cmocka_unit_test(only_a_whole_answer_is_good),
        cmocka_unit_test(an_unchecked_endpoint_may_be_used_when_asked_so),
        cmocka_unit_test(tcp_connects_and_nothing_else),
        cmocka_unit_test(a_backend_that_comes_late_is_found_soon),
        cmocka_unit_test(a_connection_that_never_answers_times_out),
        cmocka_unit_test(a_lost_connection_counts_once_and_is_made_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
