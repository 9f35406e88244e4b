/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of short lives of resolvers against a name server that answers, lies, is late or
 * silent; each is stopped at some moment, also inside its own callbacks and with questions on
 * their way. Nothing may be told afterwards, and ASan sees what is used or left behind. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#include "base/log.h"
#include "guard.h"
#include "loop/fdwatch.h"
#include "resolve/dns_file.h"
#include "resolve/kinds.h"
#include "resolve/resolve_conf.h"

enum { LIVES = 20000, AT_ONCE = 16 };

struct server {
    struct fdwatch *watch;
    int fd;
    struct rng *rng;
    unsigned asked;
    /* An answer that is sent late, after the next ones. */
    uint8_t late[512];
    size_t late_n;
    struct sockaddr_in late_to;
};

static size_t
put16(uint8_t *p, size_t at, unsigned v)
{
    p[at] = (uint8_t)(v >> 8);
    p[at + 1] = (uint8_t)v;
    return at + 2;
}

/* Turns a question into an answer of its kind; returns its length. */
static size_t
make_answer(struct server *s, uint8_t *p, size_t n)
{
    size_t end = 12, at;
    unsigned type;

    while (end < n && p[end])
        end += p[end] + 1u;
    end += 5;
    if (end > n)
        return 0;
    type = (unsigned)p[end - 4] << 8 | p[end - 3];
    p[2] = 0x81;
    p[3] = 0x80;
    put16(p, 6, 1);
    put16(p, 8, 0);
    put16(p, 10, 0);
    at = put16(p, end, 0xc00c);
    at = put16(p, at, type);
    at = put16(p, at, 1);
    at = put16(p, at, 0);
    at = put16(p, at, (unsigned)rng_below(s->rng, 3));
    if (type == 33) {
        at = put16(p, at, 6 + 5);
        at = put16(p, at, 1);
        at = put16(p, at, 1);
        at = put16(p, at, 80);
        memcpy(p + at, "\003one", 5);
        return at + 5;
    }
    at = put16(p, at, type == 1 ? 4 : 16);
    memset(p + at, 10, 16);
    return at + (type == 1 ? 4 : 16);
}

static void
server_on_question(void *arg, int what)
{
    struct server *s = arg;
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    uint8_t p[512];
    ssize_t got = recvfrom(s->fd, p, sizeof(p) - 64, 0, (struct sockaddr *)&from, &len);
    size_t n;

    (void)what;
    if (got < 12)
        return;
    s->asked++;
    n = make_answer(s, p, (size_t)got);
    switch (rng_below(s->rng, 10)) {
    case 0:
        return; /* silence */
    case 1:
        p[3] |= 3; /* NXDOMAIN */
        break;
    case 2:
        p[3] |= 2; /* SERVFAIL */
        break;
    case 3:
        n = rng_below(s->rng, n + 1); /* cut anywhere, also to nothing */
        break;
    case 4:
        p[rng_below(s->rng, n)] = (uint8_t)rng_next(s->rng);
        break;
    case 5:
        memcpy(s->late, p, n);
        s->late_n = n;
        s->late_to = from;
        return;
    default:
        break;
    }
    sendto(s->fd, p, n, 0, (struct sockaddr *)&from, len);
    if (s->late_n && rng_below(s->rng, 3) == 0) {
        sendto(s->fd, s->late, s->late_n, 0, (struct sockaddr *)&s->late_to, len);
        s->late_n = 0;
    }
}

static unsigned
server_open(struct server *s, struct loop *l, struct rng *rng)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof(in);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *s = (struct server){ .rng = rng };
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&in, &len), 0);
    s->watch = fdwatch_open(l, s->fd, server_on_question, s);
    fdwatch_want(s->watch, true, false);
    return ntohs(in.sin_port);
}

struct life {
    struct resolver *r; /* NULL: over */
    struct rng *rng;
    unsigned *lists, *errors;
};

static void
life_end(struct life *life)
{
    struct resolver *r = life->r;

    life->r = NULL;
    resolver_stop(r);
}

static void
on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct life *life = arg;

    assert_non_null(life->r);
    assert_true(n > 0 && v[0].weight > 0 && valid_ms >= 0);
    ++*life->lists;
    if (rng_below(life->rng, 2))
        life_end(life);
    else
        resolver_again(life->r);
}

static void
on_error(void *arg, const char *why)
{
    struct life *life = arg;

    assert_non_null(life->r);
    assert_true(strlen(why) > 5);
    ++*life->errors;
    if (rng_below(life->rng, 2))
        life_end(life);
}

static const struct resolver_ops ops = { on_list, on_error };

struct town {
    struct loop *loop;
    struct rng rng;
    struct server server;
    struct resolve_conf conf[2];
    char target[2][128];
    struct life lives[AT_ONCE];
    unsigned lists, errors;
};

static void
town_open(struct town *t)
{
    unsigned port;

    *t = (struct town){ .loop = loop_new(NULL) };
    unit_seed(&t->rng);
    log_setup(LOG_ERROR, LOG_TEXT);
    dns_file_use("/nonexistent/resolv.conf", "/nonexistent/hosts");
    for (int i = 0; i < 2; i++)
        field_defaults(&dns_conf_struct, &t->conf[i].dns);
    t->conf[0].dns.timeout_ms = 20;
    t->conf[0].dns.tries = 2;
    t->conf[1].dns.timeout_ms = 35; /* another channel */
    t->conf[1].dns.tries = 1;
    t->conf[1].dns.family = RESOLVE_V4;
    port = server_open(&t->server, t->loop, &t->rng);
    snprintf(t->target[0], sizeof t->target[0], "dns://127.0.0.1:%u/app.example:80",
             port);
    snprintf(t->target[1], sizeof t->target[1], "srv://127.0.0.1:%u/_grpc._tcp.example",
             port);
}

static void
town_close(struct town *t)
{
    fdwatch_close(t->server.watch);
    loop_turn(t->loop, false);
    close(t->server.fd);
    loop_free(t->loop);
    dns_file_use(NULL, NULL);
}

static void
life_start(struct town *t, struct life *life)
{
    struct resolver_args args = {
        .loop = t->loop,
        .rng = &t->rng,
        .ops = &ops,
        .arg = life,
        .target = t->target[rng_below(&t->rng, 2)],
        .conf = &t->conf[rng_below(&t->rng, 2)],
    };

    if (life->r)
        life_end(life);
    *life = (struct life){ .rng = &t->rng, .lists = &t->lists, .errors = &t->errors };
    life->r = resolver_start(&args);
}

/* Each life ends now with this chance in 256. */
static void
end_some(struct town *t, unsigned chance)
{
    for (size_t i = 0; i < AT_ONCE; i++)
        if (t->lives[i].r && rng_below(&t->rng, 256) < chance)
            life_end(&t->lives[i]);
}

static bool
any_alive(const struct town *t)
{
    for (size_t i = 0; i < AT_ONCE; i++)
        if (t->lives[i].r)
            return true;
    return false;
}

static void
lives_end_at_any_moment(void **state)
{
    struct town t;

    (void)state;
    town_open(&t);
    for (unsigned i = 0; i < LIVES; i++) {
        unsigned told = t.lists + t.errors;

        life_start(&t, &t.lives[rng_below(&t.rng, AT_ONCE)]);
        for (uint64_t n = rng_below(&t.rng, 5); n > 0; n--)
            loop_turn(t.loop, false);
        if (rng_below(&t.rng, 8) == 0)
            end_some(&t, 128);
        if (i % 2000 == 1999) /* some grow old: timeouts, second rounds */
            TURN_UNTIL(t.loop, t.lists + t.errors > told + 3 || !any_alive(&t));
    }
    end_some(&t, 256);
    assert_true(t.server.asked > LIVES / 4);
    assert_true(t.lists > 100 && t.errors > 20);
    town_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lives_end_at_any_moment) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
