/* SPDX-License-Identifier: Apache-2.0 */
/* An API server that is not there: how often it is asked, and what is said. Real sockets on
 * loopback, time by hand. What a server answers is tested in tests/integration. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/slab.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"
#include "vclock.h"

/* A CA that signed nothing: no handshake gets that far here. */
static const char ca_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdTCCARugAwIBAgIUT61qmnXRmMx06fZ0BfQ8/TxbjP0wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxOTM5MDRaGA8yMTI2MTAyOTE5Mzkw\n"
    "NFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCW7\n"
    "SDpstCQOkuF13Hw8QPo3Aa+Ws8rPaJy7sjAYPKhhKGrzXirYXKE3hv0d39vYmxoU\n"
    "8LjcaKfL+Pla6cMmup+jUzBRMB0GA1UdDgQWBBQP5+VGnuYWsH716ynWS3XOUDcK\n"
    "vTAfBgNVHSMEGDAWgBQP5+VGnuYWsH716ynWS3XOUDcKvTAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCWMincZHjrJyf3Sga0eXfHb6JsVThC9oWy\n"
    "klY1Ei6BvQIge2mVRi0+yrBetL+wpzWkuSYCPAyBL/hhZMrZPZSYBM8=\n"
    "-----END CERTIFICATE-----\n";

struct world {
    struct vclock clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct rng rng;
    struct resolver_args args;
    struct resolver *r;
    struct k8s_conf *conf;
    struct resolve_conf resolve;
    char dir[64], token[96], ca[96], server[64];
    int fd; /* bound */
    unsigned errors;
    char why[1024];
    bool stop_inside;
};

static void
note_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    (void)arg, (void)v, (void)n, (void)valid_ms;
    fail_msg("a list came from nowhere");
}

static void
note_error(void *arg, const char *why)
{
    struct world *w = arg;

    w->errors++;
    snprintf(w->why, sizeof(w->why), "%s", why);
    if (w->stop_inside) {
        resolver_stop(w->r);
        w->r = NULL;
    }
}

static const struct resolver_ops note_ops = { note_list, note_error };

static void
put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A port that is taken, so that nobody else listens there, and refuses until listen(). */
static void
take_port(struct world *w)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(in);

    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&in, &n), 0);
    snprintf(w->server, sizeof(w->server), "https://127.0.0.1:%u", ntohs(in.sin_port));
}

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    unit_seed(&w->rng);
    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-k8s-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->token, sizeof(w->token), "%s/token", w->dir);
    snprintf(w->ca, sizeof(w->ca), "%s/ca", w->dir);
    put(w->token, "secret\n");
    put(w->ca, ca_pem);
    take_port(w);
    w->conf = &w->resolve.k8s;
    *w->conf = (struct k8s_conf){ .api_server = w->server,
                                  .token_file = w->token,
                                  .ca_file = w->ca };
    w->loop = loop_new(vclock_init(&w->clock));
    w->slab = slab_new();
    w->bufs = buf_pool_new(1 << 20);
    w->args = (struct resolver_args){
        .loop = w->loop,
        .h2 = h2_worker_new(w->loop, w->slab, w->bufs, &w->stats),
        .rng = &w->rng,
        .target = "k8s:///app.shop:grpc",
        .conf = &w->resolve,
        .ops = &note_ops,
        .arg = w,
    };
    w->r = resolver_start(&w->args);
    assert_int_equal(w->errors, 0);
}

static void
world_close(struct world *w)
{
    resolver_stop(w->r);
    for (unsigned i = 0; i < 3; i++)
        loop_turn(w->loop, false);
    h2_worker_free(w->args.h2);
    loop_free(w->loop);
    slab_free(w->slab);
    buf_pool_free(w->bufs);
    close(w->fd);
    (void)unlink(w->token);
    (void)unlink(w->ca);
    assert_int_equal(rmdir(w->dir), 0);
}

static void
wait_ms(struct world *w, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 100) {
        vclock_advance_ms(&w->clock, 100);
        for (unsigned i = 0; i < 3; i++)
            loop_turn(w->loop, false);
    }
}

/* ---- tests ---- */

static void
a_server_that_refuses_is_asked_less_and_less(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    wait_ms(&w, 200);
    assert_int_equal(w.errors, 1);
    assert_non_null(strstr(w.why, "k8s:///app.shop:grpc: API server 127.0.0.1:"));
    assert_non_null(strstr(w.why, "connecting failed: Connection refused"));
    wait_ms(&w, 10000);
    assert_in_range(w.errors, 4, 6); /* after 0, 1, 2.6, 5.2, 9.3 s, 20 % by chance */
    wait_ms(&w, 80000);
    w.errors = 0;
    wait_ms(&w, 600000);
    assert_in_range(w.errors, 16, 26); /* each 30 s */
    world_close(&w);
}

static void
a_server_that_says_nothing_is_given_up_after_10_s(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(listen(w.fd, 4), 0);
    wait_ms(&w, 9500);
    assert_int_equal(w.errors, 0);
    wait_ms(&w, 1000);
    assert_int_equal(w.errors, 1);
    assert_non_null(strstr(w.why, "take too long"));
    world_close(&w);
}

static void
what_is_missing_is_named_and_found_later(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(unlink(w.ca), 0);
    wait_ms(&w, 100);
    assert_non_null(strstr(w.why, "/ca cannot be read: No such file"));
    put(w.ca, "nothing\n");
    wait_ms(&w, 3000);
    assert_non_null(strstr(w.why, "/ca has no certificate in PEM form"));
    put(w.ca, ca_pem);
    w.conf->api_server = NULL;
    assert_int_equal(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
    wait_ms(&w, 40000);
    assert_non_null(strstr(w.why, "write \"apiServer\" in the pool's \"k8s\""));
    assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "kubernetes", 1), 0);
    assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
    wait_ms(&w, 40000);
    assert_non_null(strstr(w.why, "names are not looked up here"));
    assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1", 1), 0);
    assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", strrchr(w.server, ':') + 1, 1), 0);
    wait_ms(&w, 40000);
    assert_non_null(strstr(w.why, "connecting failed: Connection refused"));
    world_close(&w);
}

static void
an_owner_may_stop_it_in_a_callback_and_at_any_time(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.stop_inside = true;
    wait_ms(&w, 5000);
    assert_int_equal(w.errors, 1);
    assert_null(w.r);
    world_close(&w);
    for (int64_t ms = 0; ms < 12000; ms += 3900) {
        world_open(&w);
        assert_int_equal(listen(w.fd, 4), 0);
        wait_ms(&w, ms);
        world_close(&w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_refuses_is_asked_less_and_less),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up_after_10_s),
        cmocka_unit_test(what_is_missing_is_named_and_found_later),
        cmocka_unit_test(an_owner_may_stop_it_in_a_callback_and_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
