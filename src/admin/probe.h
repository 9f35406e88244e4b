/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe.h - the probe port: is this process alive, ready, started? For Kubernetes, load balancers and Prometheus; it changes nothing and may be open to the network.
 * One port speaks two protocols, both in plain text, and tells them apart by the first bytes:
 *   HTTP/1.1  GET or HEAD of /livez, /readyz, /startupz (200 "ok", or 503 and a line for each reason), /metrics, and "/" which lists them
 *   HTTP/2    grpc.health.v1.Health: Check, Watch, List of "" (as readiness), "liveness", "readiness", "startup", "pool/NAME"
 * evhttp, which the admin port uses, takes no connection that somebody else has accepted and looked into; hence our own reader.
 * Bounds: PROBE_CONNS_MAX connections; a further one takes the place of the one that has waited longest over the protocol that has more than half of them, so that
 * held streams cannot lock the kubelet out (only so many HTTP/2 connections a second: each keeps its descriptor for a while); a head within
 * PROBE_HEAD_US and PROBE_HEAD_MAX bytes; PROBE_STREAMS_MAX streams each, PROBE_WATCHERS_MAX watchers in all; a few /metrics at a time. Main thread only. */
#ifndef OUTRIGGER_ADMIN_PROBE_H
#define OUTRIGGER_ADMIN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct addr;
struct h2_worker;
struct metrics_page;
struct probe;
struct strbuf;
struct transport;

enum {
    PROBE_CONNS_MAX = 64,
    PROBE_STREAMS_MAX = 32,
    PROBE_WATCHERS_MAX = 256,
    PROBE_BURST_MAX = 16, /* requests at once on a connection, which ends behind them */
    PROBE_PAGES_MAX = 4,  /* answers of /metrics on their way */
    PROBE_HEAD_US = 5 * 1000000, /* from the first byte, or the accept, to a whole head */
    PROBE_IDLE_US = 120 * 1000000, /* between two requests */
    PROBE_WRITE_US = 10 * 1000000, /* for taking PROBE_WRITE_MIN bytes of an answer */
    PROBE_WRITE_MIN = 16 * 1024,
    PROBE_ANSWER_US = 60 * 1000000, /* for all of it */
    PROBE_LINGER_US = 1000000,      /* for reading a last answer */
    PROBE_TELL_US = 100 * 1000,     /* how often watchers are looked after */
};

enum probe_what { PROBE_LIVE, PROBE_READY, PROBE_STARTUP };
enum probe_pool { PROBE_POOL_UNKNOWN, PROBE_POOL_DOWN, PROBE_POOL_UP };

struct probe_ops {
    /* Whether the process is that. If not, adds a line for each reason to why. Called often: cheap. */
    bool (*good)(void *arg, enum probe_what what, struct strbuf *why);
    /* UP: it has a usable endpoint. */
    enum probe_pool (*pool)(void *arg, const char *name);
    const char *(*pool_name)(void *arg, size_t i); /* NULL behind the last */
    /* The page of /metrics; NULL: there is none on this port. */
    const struct metrics_page *(*metrics)(void *arg);
};

/* fd: a socket that listens there already and is the port's from now on, also on failure (owns_file as listener_adopt); -1: none. Nobody is answered before
 * probe_start. h2: of the main loop; it counts there. ERR_SYS with *ret_why: a plain sentence. */
int probe_open(struct h2_worker *h2, const struct addr *at, int fd, bool owns_file,
               const struct probe_ops *ops, void *arg, struct probe **ret,
               const char **ret_why) MUST_CHECK;
void probe_start(struct probe *p);
const struct addr *probe_addr(const struct probe *p);
/* The probe without a port, for tests: connections come by probe_take alone. */
struct probe *probe_new(struct h2_worker *h2, const struct probe_ops *ops, void *arg);
/* A connection of a client. */
void probe_take(struct probe *p, struct transport *t);
/* What a probe would answer may have changed: watchers hear it at once, not only within PROBE_TELL_US. NULL is fine. */
void probe_tell(struct probe *p);
/* What another process needs to listen here too; -1: nothing. */
int probe_fd(const struct probe *p, bool *ret_owns_file);
/* Another process answers here from now on: accepts no more, leaves the file alone and closes connections, so that their clients come to that process. NULL is fine. */
void probe_leave(struct probe *p);
/* Ends all. Idempotent; NULL is fine. */
void probe_close(struct probe *p);
/* After probe_close and h2_worker_free. NULL is fine. */
void probe_free(struct probe *p);

#endif
