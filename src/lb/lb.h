/* SPDX-License-Identifier: Apache-2.0 */
/* lb/lb.h - choose one endpoint for one call.
 * A policy sees a read-only list and keeps its own small state. It never blocks, never allocates, and returns an index: it cannot keep a
 * pointer to an endpoint that may die. It also says which endpoints the pool shall keep connected. To add one: one file, two lines in
 * registry.c, one Makefile line, one test. Worker's thread only. */
#ifndef OUTRIGGER_LB_LB_H
#define OUTRIGGER_LB_LB_H

#include <stdbool.h>
#include <stddef.h>

struct rng;

/* Connectivity of an endpoint as gRPC names it (doc/connectivity-semantics-and-api.md). */
enum lb_state { LB_IDLE, LB_CONNECTING, LB_READY, LB_FAILED };

struct lb_endpoint {
    enum lb_state state;
    bool room; /* READY and a stream can be opened now */
};

enum {
    LB_NONE = -1, /* nothing usable and nothing under way: the call fails UNAVAILABLE */
    LB_WAIT = -2, /* something is connecting, or all are full: the call waits */
};

struct lb_policy {
    const char *name;  /* the word in the config file */
    size_t state_size; /* zeroed bytes, owned by the pool */
    void (*start)(void *state, size_t n, struct rng *rng); /* may be NULL */
    int (*pick)(void *state, const struct lb_endpoint *eps, size_t n);
    /* Shall endpoint i be connected now, and kept so? */
    bool (*wants)(const void *state, const struct lb_endpoint *eps, size_t n, size_t i);
};

const struct lb_policy *lb_policy_find(const char *name); /* NULL if unknown */
const struct lb_policy *
lb_policy_at(size_t i); /* NULL behind the last: for lists in texts */

#endif
