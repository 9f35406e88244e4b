/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a watch by the clock: a TLS server on loopback whose frames the test writes,
 * time by hand. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "h2/conn.h"
#include "h2peer.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/transport.h"
#include "obs/stats.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"
#include "tlspeer.h"
#include "vclock.h"

struct world {
    struct vclock clock;
    struct resolve_conf conf;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct rng rng;
    struct resolver_args args;
    struct resolver *r;
    char dir[64], token[96], ca_path[96], server[160];
    struct tlsid ca, id;
    struct listener *listener;
    unsigned accepted;
    /* the connection: the wire, TLS in the middle, frames behind a memory pair */
    bool open;
    struct tlspeer tls;
    struct transport *app;
    struct h2peer peer;
    size_t fed; /* of tls.in */
    unsigned char out[65536];
    unsigned lists, errors;
    char got[256], why[1024];
};

static void
note_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct world *w = arg;
    char text[ADDR_TEXT_MAX];

    (void)valid_ms;
    w->lists++;
    snprintf(w->got, sizeof(w->got), "%zu %s", n, addr_print(&v[0].addr, text));
}

static void
note_error(void *arg, const char *why)
{
    struct world *w = arg;

    w->errors++;
    snprintf(w->why, sizeof(w->why), "%s", why);
}

static const struct resolver_ops note_ops = { note_list, note_error };

/* ---- the server ---- */

static void
hang_up(struct world *w)
{
    if (!w->open)
        return;
    w->open = false;
    h2peer_close(&w->peer);
    transport_close(w->app);
    tlspeer_close(&w->tls);
}

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    struct world *w = arg;
    struct tlspeer_conf conf = { .id = &w->id };
    struct transport *inner;

    (void)peer;
    hang_up(w);
    w->accepted++;
    tlspeer_open(&w->tls, transport_from_fd(w->loop, fd), &conf);
    mempair_new(w->loop, w->loop, 1 << 20, 0, &w->app, &inner);
    h2peer_open(&w->peer, w->loop, inner, true);
    h2peer_settings(&w->peer, 0);
    w->fed = 0;
    w->open = true;
}

static void
pump(struct world *w)
{
    if (!w->open)
        return;
    if (w->tls.out_n == 0) {
        ssize_t n = transport_read(w->app, w->out, sizeof(w->out));

        w->tls.out = w->out;
        w->tls.out_n = n > 0 ? (size_t)n : 0;
    }
    tlspeer_pump(&w->tls);
    while (w->fed < w->tls.in_n) {
        struct iovec v = { w->tls.in + w->fed, w->tls.in_n - w->fed };
        ssize_t n = transport_writev(w->app, &v, 1);

        if (n <= 0)
            break;
        w->fed += (size_t)n;
    }
}

static void
turns(struct world *w)
{
    for (unsigned i = 0; i < 12; i++) {
        loop_turn(w->loop, false);
        pump(w);
        if (i % 4 == 3)
            vclock_advance_ms(&w->clock, 1);
    }
}

static void
wait_ms(struct world *w, int64_t ms)
{
    int64_t end = w->clock.now_us + ms * 1000;

    do {
        vclock_advance_ms(&w->clock, 97);
        turns(w);
    } while (w->clock.now_us < end);
}

/* The nth request of this connection, as "name: value\n"; NULL: it did not come. */
static const char *
request(struct world *w, unsigned nth)
{
    for (size_t i = 0; w->open && i < w->peer.n; i++) {
        if (w->peer.frames[i].type == F_HEADERS &&
            w->peer.frames[i].id == (int32_t)(2 * nth - 1))
            return w->peer.frames[i].fields;
    }
    return NULL;
}

static void
expect(struct world *w, unsigned nth, const char *what)
{
    const char *fields = request(w, nth);

    if (!fields || !strstr(fields, what))
        fail_msg("request %u is %s", nth, fields ? fields : "missing");
}

static void
answer(struct world *w, unsigned nth, const char *body, bool end)
{
    int32_t id = (int32_t)(2 * nth - 1);

    h2peer_headers(&w->peer, id, 0, ":status", "200", NULL);
    h2peer_frame(&w->peer, F_DATA, end ? FL_END_STREAM : 0, id, body, strlen(body));
    turns(w);
}

#define ENDPOINTS(ip)                                                          \
    "\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"8\"},\"addressType\":" \
    "\"IPv4\",\"endpoints\":[{\"addresses\":[\"" ip "\"]}]}"
#define LIST                                                                    \
    "{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":\"7\"}," \
    "\"items\":[{" ENDPOINTS("10.0.0.1") "]}"
#define BOOKMARK \
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n"

/* ---- the world ---- */

static void
put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void
start_server(struct world *w)
{
    struct addr at;
    const char *why;
    char text[ADDR_TEXT_MAX];

    tlsid_make(&w->ca, NULL, NULL, -1, 1);
    tlsid_make(&w->id, "IP:127.0.0.1", &w->ca, -1, 1);
    tlsid_save(&w->ca, w->ca_path);
    assert_int_equal(addr_parse("127.0.0.1:0", true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(w->loop, &at, on_accept, w, &w->listener, &why),
                     ERR_OK);
    listener_start(w->listener);
    snprintf(w->server, sizeof(w->server), "https://%s",
             addr_print(listener_addr(w->listener), text));
}

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    rng_seed(&w->rng, 1);
    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-k8s-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->token, sizeof(w->token), "%s/token", w->dir);
    snprintf(w->ca_path, sizeof(w->ca_path), "%s/ca", w->dir);
    put(w->token, "first");
    w->loop = loop_new(vclock_init(&w->clock));
    w->slab = slab_new();
    w->bufs = buf_pool_new(1 << 20);
    start_server(w);
    w->conf.k8s = (struct k8s_conf){ .api_server = w->server,
                                     .token_file = w->token,
                                     .ca_file = w->ca_path };
    w->args = (struct resolver_args){
        .loop = w->loop,
        .h2 = h2_worker_new(w->loop, w->slab, w->bufs, &w->stats),
        .rng = &w->rng,
        .target = "k8s:///app.shop:80",
        .conf = &w->conf,
        .ops = &note_ops,
        .arg = w,
    };
    w->r = resolver_start(&w->args);
    wait_ms(w, 100);
    expect(w, 1, "&limit=50");
    expect(w, 1, "authorization: Bearer first\n");
}

/* Also: the list is answered, and the watch is open. */
static void
world_open_watch(struct world *w)
{
    world_open(w);
    answer(w, 1, LIST, true);
    assert_string_equal(w->got, "1 10.0.0.1:80");
    expect(w, 2,
           "&watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=7\n");
}

static void
world_close(struct world *w)
{
    resolver_stop(w->r);
    turns(w);
    hang_up(w);
    listener_close(w->listener);
    turns(w);
    h2_worker_free(w->args.h2);
    loop_free(w->loop);
    slab_free(w->slab);
    buf_pool_free(w->bufs);
    tlsid_done(&w->ca);
    tlsid_done(&w->id);
    (void)unlink(w->token);
    (void)unlink(w->ca_path);
    assert_int_equal(rmdir(w->dir), 0);
}

/* ---- tests ---- */

static void
a_list_without_an_answer_is_given_up_after_30_s(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    wait_ms(&w, 29000);
    assert_int_equal(w.errors, 0);
    assert_int_equal(w.accepted, 1);
    wait_ms(&w, 1500);
    assert_int_equal(w.errors, 1);
    assert_non_null(strstr(w.why, "does not answer in time"));
    wait_ms(&w, 2000);
    assert_int_equal(w.accepted, 2);
    expect(&w, 1, "&limit=50");
    world_close(&w);
}

static void
the_token_is_read_again_each_minute(void **state)
{
    struct world w;

    (void)state;
    world_open_watch(&w);
    put(w.token, "second\n");
    wait_ms(&w, 30000);
    answer(&w, 2, BOOKMARK, true);
    expect(&w, 3, "authorization: Bearer first\n");
    expect(&w, 3, "resourceVersion=9\n");
    wait_ms(&w, 31000);
    answer(&w, 3, BOOKMARK, true);
    expect(&w, 4, "authorization: Bearer second\n");
    assert_int_equal(w.errors, 0);
    assert_int_equal(w.accepted, 1);
    world_close(&w);
}

static void
a_watch_that_the_server_does_not_end_is_ended(void **state)
{
    struct world w;

    (void)state;
    world_open_watch(&w);
    answer(&w, 2, BOOKMARK, false);
    wait_ms(&w, 329000);
    assert_int_equal(w.errors, 0);
    assert_int_equal(w.accepted, 1);
    wait_ms(&w, 4000);
    assert_int_equal(w.errors, 1);
    assert_non_null(strstr(w.why, "the connection is dead"));
    assert_int_equal(w.accepted, 2);
    expect(&w, 1, "resourceVersion=9\n");
    assert_int_equal(w.lists, 1);
    world_close(&w);
}

static void
watches_that_end_at_once_make_no_storm(void **state)
{
    struct world w;
    unsigned watches = 0, seen = 0, before = 0;

    (void)state;
    world_open_watch(&w);
    for (unsigned i = 0; i < 300; i++) { /* 30 s */
        unsigned nth = w.accepted == 1 ? 2 : 1;

        if (w.accepted != before) {
            before = w.accepted;
            seen = 0;
        }
        if (!seen && request(&w, nth)) {
            seen = 1;
            watches++;
            answer(&w, nth, BOOKMARK, true);
        }
        wait_ms(&w, 100);
    }
    assert_in_range(watches, 15, 38);
    assert_int_equal(w.errors, 0);
    world_close(&w);
}

static void
a_version_that_is_too_old_is_left_within_a_second(void **state)
{
    struct world w;

    (void)state;
    world_open_watch(&w);
    wait_ms(&w, 5000);
    answer(&w, 2, "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n", false);
    wait_ms(&w, 3500); /* a second for the server to end it, one before the next */
    assert_int_equal(w.accepted, 2);
    expect(&w, 1, "&limit=50");
    answer(&w, 1, LIST, true);
    expect(&w, 2, "resourceVersion=7\n");
    assert_int_equal(w.lists, 2);
    assert_int_equal(w.errors, 0);
    wait_ms(&w, 5000);
    answer(&w, 2, "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n", true);
    expect(&w, 3, "&limit=50"); /* at once, on the same connection */
    world_close(&w);
}

static void
changes_come_in_the_turn_of_their_line(void **state)
{
    static const char line[] =
        "{\"type\":\"MODIFIED\",\"object\":{" ENDPOINTS("10.0.0.2") "}\n";
    struct world w;

    (void)state;
    world_open_watch(&w);
    h2peer_headers(&w.peer, 3, 0, ":status", "200", NULL);
    for (size_t i = 0; i < sizeof(line) - 1; i++) {
        assert_int_equal(w.lists, 1);
        h2peer_frame(&w.peer, F_DATA, 0, 3, line + i, 1);
        turns(&w);
    }
    assert_int_equal(w.lists, 2);
    assert_string_equal(w.got, "1 10.0.0.2:80");
    hang_up(&w);
    wait_ms(&w, 2000);
    expect(&w, 1, "resourceVersion=8\n");
    assert_int_equal(w.errors, 0);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_without_an_answer_is_given_up_after_30_s),
        cmocka_unit_test(the_token_is_read_again_each_minute),
        cmocka_unit_test(a_watch_that_the_server_does_not_end_is_ended),
        cmocka_unit_test(watches_that_end_at_once_make_no_storm),
        cmocka_unit_test(a_version_that_is_too_old_is_left_within_a_second),
        cmocka_unit_test(changes_come_in_the_turn_of_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
