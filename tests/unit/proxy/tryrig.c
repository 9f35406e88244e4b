/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/tryrig.c - attempts as their backends see them. */
#include "tryrig.h"

#include "base/compat.h"
#include "filter/retry_conf.h"
#include "upstream/hub.h"
#include "upstream/hub_int.h"

static struct retry_code_conf codes[4] = { { "UNAVAILABLE" } };
static size_t seen[RIG_CONNS]; /* frames of each connection that were looked at */
static int64_t opened_us;

int
tryrig_setup(void **state)
{
    int rv = callrig_setup(state);

    rig.virtual = true;
    rig.routes[0].match.service = "test.Service";
    field_defaults(&route_conf_struct, &rig.routes[1]);
    rig.routes[1].to = rig.routes[0].to;
    rig.front.routes.n = 2;
    rig.pools[RIG_APP].endpoints = 3;
    rig.pools[RIG_APP].conf.balance.policy = "round_robin";
    memset(seen, 0, sizeof(seen));
    codes[0] = (struct retry_code_conf){ "UNAVAILABLE" };
    return rv;
}

struct retry_conf *
retry_with(uint32_t max_attempts)
{
    struct retry_conf *r = &rig.routes[0].retry;

    r->on = true;
    r->max_attempts = max_attempts;
    r->initial_backoff_ms = 100;
    r->max_backoff_ms = 1000;
    r->backoff_multiplier = 2;
    r->codes = (struct conf_list){ codes, 1 };
    return r;
}

struct hedging_conf *
hedge_with(uint32_t max_attempts, const char *delay)
{
    struct hedging_conf *h = &rig.routes[0].hedging;

    h->on = true;
    h->max_attempts = max_attempts;
    h->delay = delay;
    h->codes = (struct conf_list){ codes, 1 };
    return h;
}

int64_t
rig_ms(void)
{
    return (rig.clock.now_us - opened_us) / 1000;
}

/* A call that no policy touches brings the connections up. */
void
tryrig_open(void)
{
    struct rig_pool *p = &rig.pools[RIG_APP];

    callrig_open();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/warm.Up/M", ":authority", "x", "content-type",
                   "application/grpc", "te", "trailers", NULL);
    RIG_UNTIL(p->accepted == p->endpoints);
    rig_turns();
    for (unsigned i = 0; i < p->accepted; i++) {
        if (h2peer_count(&p->conns[i], F_HEADERS, 1))
            h2peer_headers(&p->conns[i], 1, FL_END_STREAM, ":status", "200",
                           "content-type", "application/grpc", "grpc-status", "0", NULL);
    }
    want_status(1, "0");
    rig_turns();
    for (unsigned i = 0; i < p->accepted; i++)
        seen[i] = p->conns[i].n;
    opened_us = rig.clock.now_us;
}

static bool
find_try(struct attempt_seen *t)
{
    struct rig_pool *p = &rig.pools[RIG_APP];

    for (unsigned i = 0; i < p->accepted; i++) {
        for (; seen[i] < p->conns[i].n; seen[i]++) {
            const struct peer_frame *f = &p->conns[i].frames[seen[i]];

            if (f->type != F_HEADERS)
                continue;
            *t = (struct attempt_seen){ &p->conns[i], f->id, p->at[i], f->fields,
                                        rig_ms() };
            seen[i]++;
            return true;
        }
    }
    return false;
}

struct attempt_seen
next_try(void)
{
    struct attempt_seen t = { 0 };

    rig_turns();
    for (int i = 0; !find_try(&t); i++) {
        if (i == 60000)
            fail_msg("no attempt came in 60 s");
        rig.clock.now_us += 1000;
        for (int k = 0; k < 6; k++)
            loop_turn(rig.loop, false);
    }
    rig_turns(); /* its body, too */
    return t;
}

void
no_try(int64_t ms)
{
    struct attempt_seen t;

    rig_wait_ms(ms);
    if (find_try(&t))
        fail_msg("an attempt came to endpoint %u:\n%s", t.door, t.fields);
}

void
answer_code(const struct attempt_seen *t, const char *code, const char *name,
            const char *value)
{
    char text[32];

    snprintf(text, sizeof(text), "text-%s", code);
    h2peer_headers(t->p, t->id, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", code, "grpc-message", text, name,
                   value, NULL);
    rig_turns();
}

void
answer_ok(const struct attempt_seen *t)
{
    answer_headers(t->p, t->id);
    send_hello(t->p, t->id, false);
    answer_trailers(t->p, t->id, "0");
    rig_turns();
}

void
client_call(int32_t id, const char *timeout)
{
    h2peer_headers(&rig.client, id, 0, ":method", "POST", ":scheme", "http", ":path",
                   "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "te", "trailers", timeout ? "grpc-timeout" : NULL,
                   timeout, NULL);
    send_hello(&rig.client, id, true);
    rig_turns();
}

struct retry_guard *
app_guard(void)
{
    return &rig.pools[RIG_APP].hub->levels->retry_guard;
}

void
want_cancelled(const struct attempt_seen *t)
{
    RIG_UNTIL(h2peer_rst_code(t->p, t->id) >= 0);
    assert_int_equal(h2peer_rst_code(t->p, t->id), H2_CANCEL);
}

void
want_alive(const struct attempt_seen *t)
{
    rig_turns();
    assert_int_equal(h2peer_rst_code(t->p, t->id), -1);
}

void
want_answer(int32_t id, const char *code)
{
    char text[32];

    snprintf(text, sizeof(text), "text-%s", code);
    HAS(want_status(id, code), text);
}
