/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/check.h - the check of one backend, and what the checks of a pool share. Files
 * health.c (the pool's set), check.c (one check: its connection, its turns) and
 * check_call.c (Watch and Check calls) only. Main thread.
 *
 * A check is always in exactly one of these: waiting for `timer`, waiting for its turn to
 * connect, or waiting for the network with `deadline` or the probe call's own deadline
 * running. So it can neither sleep for ever nor run twice. */
#ifndef OUTRIGGER_UPSTREAM_CHECK_H
#define OUTRIGGER_UPSTREAM_CHECK_H

#include "base/list.h"
#include "grpc/client.h"
#include "grpc/health.h"
#include "h2/conn.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "upstream/backend.h"
#include "upstream/health_state.h"

struct backend;
struct hub;
struct loop;
struct transport;

enum {
    CHECK_CONNECTS_MAX = 64, /* of one pool at a time */
    CHECK_TEXT_MAX = 128,
};

struct health {
    struct ref ref; /* checks hold it: their connections use what is in here */
    struct loop *loop;
    struct hub *hub; /* not in what runs after check_stop: it may be gone by then */
    const struct health_conf *conf;
    struct list checks;
    struct list queue; /* of checks that may not connect yet */
    unsigned connecting;
    bool told_unimplemented; /* the log says it once per pool */
    struct h2_limits limits;
    struct grpc_client_field fields[GRPC_CLIENT_FIELDS_MAX];
};

struct check {
    struct ref ref;
    struct list link, queue;
    struct health *health;
    struct backend *backend; /* held */
    struct health_state state;
    struct grpc_client_conf client_conf;
    char tls_name[BACKEND_TLS_NAME_MAX];
    struct grpc_client *client; /* NULL: tcp */
    struct transport *tcp;      /* while it connects */
    struct grpc_client_call *watch, *probe;
    struct timer timer, deadline, hold;
    bool connecting;           /* counted in health->connecting */
    bool no_watch;             /* this connection has none */
    bool answered;             /* this connection gave an answer */
    bool told;                 /* this Watch gave an answer */
    unsigned messages;         /* of the probe */
    bool readable;             /* they could be decoded */
    enum health_status status; /* of the last of them */
    uint64_t calls;            /* to the backend, when it was checked last */
    /* What the pools page shows. */
    uint64_t version; /* of the last list that named the backend */
    int64_t last_us;  /* 0: no check has ended yet */
    bool last_good;
    const char *last_how; /* "Watch", "Check", "connect" */
    char last[CHECK_TEXT_MAX];
};

/* check.c */
struct check *check_new(struct health *h, struct backend *b);
/* Whom the backend's certificate must be for, from the next connection on; see backend_row. */
void check_set_host(struct check *c, const char *host);
void check_stop(struct check *c); /* frees it at the end of the turn */
/* A queued check may connect now. */
void check_proceed(struct check *c);
/* The probe's verdict, or the backend's word, goes into the state and out to the workers. */
void check_probed(struct check *c, const char *how, bool good, const char *text);
void check_word(struct check *c, const char *how, bool serving, const char *text);
/* Starts the timer: to the next probe; to the next try of a Watch. */
void check_wait(struct check *c);
void check_wait_again(struct check *c, bool had_message);

/* check_call.c: the calls on a connection that is up */
void check_ask(struct check *c); /* the Watch, or beside it or without it a Check */
void check_forget_calls(struct check *c);

#endif
