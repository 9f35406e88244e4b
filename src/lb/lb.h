/* SPDX-License-Identifier: Apache-2.0 */
/* lb/lb.h - choose one endpoint for one call.
 * A policy works on a list of pointers to endpoints that the pool owns. Its state is split in two: `update` may allocate and takes O(n) time; it runs
 * when the list or a state changed, and when the policy asked for it. `pick` runs for each call: it never blocks, never allocates, and takes about
 * constant time. It returns an index into the list, so a policy cannot keep a pointer to an endpoint that may die. To add one: one file, a line in
 * policies.h, registry.c and Makefile.inc, one test. Worker's thread only. */
#ifndef OUTRIGGER_LB_LB_H
#define OUTRIGGER_LB_LB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct balance_conf; /* lb/lb_conf.h: the `balance` object of a pool */
struct rng;

/* Connectivity of an endpoint as gRPC names it (doc/connectivity-semantics-and-api.md). FAILED = TRANSIENT_FAILURE, sticky until READY. */
enum lb_state { LB_IDLE, LB_CONNECTING, LB_READY, LB_FAILED };

/* The last ORCA report (gRFC A51); all values >= 0. */
struct lb_report {
    double qps, eps, utilization; /* utilization: already chosen by A58/A114 rules */
};

struct lb_endpoint {
    /* Written by the pool. */
    enum lb_state state;
    bool usable;      /* healthy and not ejected; ignored while the list is in panic */
    bool off;         /* an operator took it out; never usable, also in panic */
    bool room;        /* READY and a stream can be opened now */
    uint32_t weight;  /* >= 1, slow start applied; see LB_WEIGHT_ONE */
    uint32_t active;  /* calls of this worker that are under way */
    int64_t ready_us; /* since when READY */
    const char
        *key; /* identity for hashing: hash_key of the source, or "1.2.3.4:50051" */
    /* Written by the policies; the pool only zeroes it with the endpoint. */
    bool
        wanted; /* update sets it true: shall be connected now, and kept so. The pool clears it before each update */
    struct {
        struct lb_report report;
        int64_t updated_us, non_empty_us; /* 0: never; A58 */
        double ewma_us;                   /* peak-EWMA of the round trip */
        int64_t ewma_at_us;
    } load;
};

enum {
    LB_WEIGHT_ONE = 1000
}; /* weight 1 of the config, so that slow start and zones can scale down */

struct lb_list {
    struct lb_endpoint *const *v;
    size_t n;
    bool panic; /* too few are usable: health is ignored */
};

/* The state that a policy acts on: an endpoint that must not be used counts as failed. */
static inline enum lb_state
lb_state(const struct lb_list *l, size_t i)
{
    return l->v[i]->usable || (l->panic && !l->v[i]->off) ? l->v[i]->state : LB_FAILED;
}

static inline bool
lb_room(const struct lb_list *l, size_t i)
{
    return l->v[i]->room && (l->v[i]->usable || (l->panic && !l->v[i]->off));
}

enum {
    LB_NONE = -1, /* nothing usable and nothing under way: the call fails UNAVAILABLE */
    LB_WAIT = -2, /* something is connecting, or all are full: the call waits */
};

struct lb_pick {
    uint64_t hash; /* of the call, when hashed */
    bool hashed;   /* else: no key, a policy that hashes takes a random one */
    const struct lb_endpoint *
        avoid; /* endpoint of the attempt before: taken only when there is no other. May be NULL */
    int64_t now_us;
    bool connect; /* out, with LB_WAIT: the policy has set `wanted` of an idle endpoint */
};

struct lb_result { /* how a call ended, for policies that learn from it */
    int64_t
        duration_us; /* from request sent to end of response headers; see peak_ewma.c */
    bool failed;     /* grpc-status that outlier detection counts as a failure, or lost */
};

struct lb_policy {
    const char *name;   /* the word in the config file */
    size_t state_size;  /* zeroed bytes, owned by the pool */
    bool wants_reports; /* ORCA trailers are read for this policy */
    void (*start)(void *state, const struct balance_conf *conf,
                  struct rng *rng); /* may be NULL; both outlive the state */
    void (*stop)(void *state);      /* frees what update allocated; may be NULL */
    /* The list, a state, a weight or `usable` changed, or the time asked for has come. Sets `wanted`. Returns after how many microseconds it shall
     * run again at the latest (Happy Eyeballs, weight updates), or -1. */
    int64_t (*update)(void *state, const struct lb_list *l, int64_t now_us);
    /* Always with the list of the last update (same endpoints, states may differ a little). */
    int (*pick)(void *state, const struct lb_list *l, struct lb_pick *how);
    void (*ended)(void *state, struct lb_endpoint *e, const struct lb_result *r,
                  int64_t now_us); /* may be NULL */
    /* A report in a trailer, or out of band; then state is NULL. */
    void (*reported)(void *state, struct lb_endpoint *e, const struct lb_report *r,
                     int64_t now_us); /* may be NULL */
};

const struct lb_policy *lb_policy_find(const char *name); /* NULL if unknown */
const struct lb_policy *
lb_policy_at(size_t i); /* NULL behind the last: for lists in texts */

#endif
