/* SPDX-License-Identifier: Apache-2.0 */
/* healthrig.c - the world of the tests of active checks. */
#include "healthrig.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/field.h"
#include "net/transport.h"
#include "unit.h"

enum { TURNS = 12 };

void
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

void
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

void
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

void
world_start(struct world *w)
{
    w->hub = hub_new(w->rig.loop, w->rig.w, &w->rng, NULL, &w->conf, 1);
    world_turns(w);
}

void
world_wait_ms(struct world *w, int64_t ms)
{
    for (int64_t at = 0; at < ms; at += 100) {
        vclock_advance_ms(&w->rig.clock, 100);
        world_turns(w);
    }
}

void
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

const struct backend *
the_backend(const struct world *w)
{
    const struct backend_list *l = hub_list(w->hub);

    assert_non_null(l);
    assert_int_equal(l->n, 1);
    return l->rows[0].backend;
}

unsigned
world_down(const struct world *w)
{
    return atomic_load(&the_backend(w)->down);
}

int32_t
world_request(const struct world *w, unsigned peer, const char *method, unsigned nth)
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

void
say_headers(struct world *w, unsigned peer, int32_t id)
{
    h2peer_headers(&w->peers[peer], id, 0, ":status", "200", "content-type",
                   "application/grpc", NULL);
}

void
say_status(struct world *w, unsigned peer, int32_t id, uint8_t status)
{
    const uint8_t message[] = { 0, 0, 0, 0, 2, 8, status };

    h2peer_frame(&w->peers[peer], F_DATA, 0, id, message, sizeof(message));
}

void
say_end(struct world *w, unsigned peer, int32_t id, const char *code)
{
    h2peer_headers(&w->peers[peer], id, FL_END_STREAM, "grpc-status", code, NULL);
    world_turns(w);
}

void
say_error(struct world *w, unsigned peer, int32_t id, const char *code)
{
    h2peer_headers(&w->peers[peer], id, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", code, "grpc-message", "said so",
                   NULL);
    world_turns(w);
}

void
say_check(struct world *w, unsigned peer, int32_t id, uint8_t status)
{
    say_headers(w, peer, id);
    say_status(w, peer, id, status);
    say_end(w, peer, id, "0");
}

int32_t
world_watch(struct world *w)
{
    int32_t id;

    world_open(w, HEALTH_GRPC);
    world_start(w);
    assert_int_equal(world_down(w), BACKEND_UNCHECKED);
    id = world_request(w, 0, "Watch", 0);
    assert_int_not_equal(id, 0);
    say_headers(w, 0, id);
    say_status(w, 0, id, 1);
    world_turns(w);
    assert_int_equal(world_down(w), 0);
    return id;
}
