/* SPDX-License-Identifier: Apache-2.0 */
/* admin/admin_int.h - what the files of the admin port share. Main thread only. */
#ifndef OUTRIGGER_ADMIN_ADMIN_INT_H
#define OUTRIGGER_ADMIN_ADMIN_INT_H

#include <stddef.h>

#include "admin/actions.h"
#include "admin/crowd.h"
#include "admin/events.h"
#include "admin/sniff.h"
#include "net/addr.h"

struct admin_rpc;
struct evbuffer;
struct event_text;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_request;
struct hub;
struct loop;
struct metrics_page;
struct stats;
struct strbuf;
struct tls_store;

/* GET of a page that goes on: takes the request over and returns ADMIN_LATER, or returns a status with a sentence in out. */
typedef int admin_stream_fn(void *arg, struct evhttp_request *req, const char *query,
                            struct strbuf *out);

struct admin_entry {
    const char *path, *type;
    admin_action_fn *action; /* or */
    admin_page_fn *page;     /* or */
    admin_query_fn *ask;     /* or */
    admin_stream_fn *stream;
    void *arg;
    struct evhttp_request *waiting; /* for admin_finish; NULL: nobody */
};

enum { STATUS_FORBIDDEN = 403 };

struct admin_viewer {           /* events.c */
    struct evhttp_request *req; /* NULL: a free place */
};

struct admin {
    struct loop *loop;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL: left to another process */
    int fd;                            /* its socket */
    struct crowd crowd;
    struct sniffer sniffer;
    struct admin_rpc *rpc; /* NULL: the port speaks no gRPC */
    const struct stats *const *stats;
    size_t n;
    struct hub *const *hubs;
    size_t hub_count;
    struct tls_store *tls;              /* NULL: none */
    struct addr at;                     /* where it really listens */
    char unix_path[ADDR_TEXT_MAX];      /* removed at the end; "": not ours */
    const struct metrics_page *metrics; /* NULL: none */
    struct admin_entry entries[ADMIN_ENTRIES_MAX];
    size_t entry_count;
    void (*print_stats)(void *arg, struct strbuf *out); /* NULL: nobody's */
    void *stats_arg;
    struct event_text *text; /* of this second; NULL: nobody came or could take it */
    struct admin_viewer viewers[ADMIN_VIEWERS_MAX];
};

void admin_set_stream(struct admin *a, const char *path, admin_stream_fn *fn, void *arg);
/* NULL: none of this path. */
struct admin_entry *admin_find(struct admin *a, const char *path);
/* Runs the action or makes the page into the request's output buffer. Returns the status; *ret_type is set for pages. ADMIN_LATER: nothing is to be sent. */
int admin_answer(const struct admin *a, struct admin_entry *e, struct evhttp_request *req,
                 const char **ret_type);
/* Pages tell addresses and texts of errors, so a web page that somebody looks at must not read them (DNS rebinding), nor take the places of viewers. /metrics and /ready are for all. A
 * client that sends no Host is no browser. False: *ret_why says why, static text. */
bool admin_may_read(const struct admin *a, struct evhttp_request *req, const char *path,
                    const char **ret_why);
/* Sends what is in the request's output buffer. */
void admin_send(struct evhttp_request *req, int status, const char *type);
/* GET /events, when there is print_stats. As admin_answer. */
int admin_events_answer(struct admin *a, struct evhttp_request *req);
/* A client that speaks HTTP/2; fd is rpc.c's from now on. r NULL: it is closed. */
void admin_rpc_take(struct admin_rpc *r, int fd);
/* Before evhttp goes. */
void admin_events_close(struct admin *a);

#endif
