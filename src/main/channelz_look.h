/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_look.h - what a worker finds out for channelz, in one turn of its loop: it walks its connections and copies what is asked for. Calls pay nothing for it; the walk
 * takes some tens of nanoseconds for each open connection of the worker. The question is constant while it is with workers; each has a place of its own for what it
 * finds. channelz_look runs on the worker's thread, the rest on any.
 *
 * Sockets: those of HTTP/2 connections are numbered by their worker (h2_conn_number), listening ones by their server; the numbers are interleaved, so that a number
 * means one socket of the process. */
#ifndef OUTRIGGER_MAIN_CHANNELZ_LOOK_H
#define OUTRIGGER_MAIN_CHANNELZ_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "h2/view.h"
#include "net/addr.h"
#include "net/socket_facts.h"

struct backend;
struct server;
struct worker;

enum { LOOK_CERT_MAX = 16 * 1024, LOOK_WHY_MAX = 512 };

enum look_what {
    LOOK_SERVERS,    /* counts of calls of some servers */
    LOOK_SOCKETS,    /* of one server, from an id on */
    LOOK_SUBCHANNEL, /* connections of one backend, and why there is none */
    LOOK_SOCKET,     /* one connection */
};

struct look {
    enum look_what what;
    struct server *
        *servers; /* LOOK_SERVERS: in the order of numbers; LOOK_SOCKETS: the one */
    size_t server_count;
    struct backend *backend; /* LOOK_SUBCHANNEL; held */
    int64_t start;           /* LOOK_SOCKETS: smallest id; LOOK_SOCKET: the id */
    size_t max;              /* of LOOK_SOCKETS and LOOK_SUBCHANNEL */
    bool summary; /* LOOK_SOCKET: without certificates and the kernel's words */
};

struct look_sum {
    int64_t calls, failed, open;
};

struct look_ref {
    int64_t id;
    char name[ADDR_TEXT_MAX];
};

struct look_socket {
    struct h2_view h2;
    struct addr remote;
    struct socket_facts facts; /* local.len 0: unknown */
    char remote_name[256];
    const char *cipher; /* NULL: plain text */
    bool cipher_standard;
    struct strbuf local_cert, remote_cert;
};

struct look_found {        /* of one worker; zeroed before */
    struct look_sum *sums; /* [server_count] */
    struct look_ref *refs; /* in the order of ids */
    size_t ref_count, ref_room;
    bool more;                  /* there are refs beyond max */
    struct look_socket *socket; /* NULL: not here */
    char why[LOOK_WHY_MAX];     /* "": nothing to say */
    int64_t why_age_us;
};

void channelz_look(struct worker *w, const struct look *q, struct look_found *ret);
void look_found_done(struct look_found *f);

/* Ids of sockets. */
int64_t look_conn_id(size_t workers, size_t worker, uint64_t number);
int64_t look_listen_id(size_t workers, uint64_t server);
/* The worker of a connection's id; `workers`: it is a listening socket, *ret_number its server. */
size_t look_id_worker(size_t workers, int64_t id, uint64_t *ret_number);

#endif
