/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe_int.h - what the files of the probe port share. Main thread only. */
#ifndef OUTRIGGER_ADMIN_PROBE_INT_H
#define OUTRIGGER_ADMIN_PROBE_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/probe.h"
#include "base/bucket.h"
#include "base/list.h"
#include "grpc/health_service.h"
#include "grpc/server.h"
#include "h2/conn.h"
#include "loop/timer.h"
#include "obs/stats.h"

struct listener;
struct loop;

struct probe {
    struct loop *loop;
    struct h2_worker *h2;
    struct stats *stats;
    const struct probe_ops *ops;
    void *arg;
    struct listener *listener; /* NULL: none, or left */
    bool closed;
    unsigned conns;      /* HTTP/1 and HTTP/2 */
    unsigned http_conns; /* of them in http */
    struct list http;    /* probe_conn; who was heard of longest ago first */
    unsigned pages;      /* of them with /metrics on the way */
    struct bucket pace;  /* of /metrics */
    struct bucket
        ends; /* of HTTP/2 connections that make room: each keeps its descriptor for about a second */
    struct h2_limits limits;
    struct grpc_server_conf conf;
    struct grpc_server *grpc;
    struct health_service health;
    struct timer tell;
};

/* probe.c */
/* A connection is gone. */
void probe_lost(struct probe *p);
/* Its first bytes were HTTP/2: hands it on, with them. */
void probe_take_h2(struct probe *p, struct transport *t, const void *bytes, size_t n);

/* probe_conn.c */
/* A new connection, whose protocol is not known yet. */
void probe_conn_open(struct probe *p, struct transport *t);
/* Ends the HTTP/1 connection that has waited longest. False: there is none. */
bool probe_conn_shed(struct probe *p);
void probe_conn_close_all(struct probe *p);

/* probe_health.c */
void probe_health_open(struct probe *p);
void probe_health_close(struct probe *p);

#endif
