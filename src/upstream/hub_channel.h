/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_channel.h - a pool as gRPC's channels are looked at: a pool is a channel, an endpoint a subchannel. Main thread, but for upconn_each. */
#ifndef OUTRIGGER_UPSTREAM_HUB_CHANNEL_H
#define OUTRIGGER_UPSTREAM_HUB_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "grpc/channelz.h"

struct backend;
struct h2_conn;
struct hub;
struct strbuf;

/* Unique in the process, from 1; a pool that a reload makes anew has another one. */
uint64_t hub_number(const struct hub *hub);
/* When it was made, of the loop's clock. */
int64_t hub_made_us(const struct hub *hub);
/* The targets of the config, with commas. */
void hub_put_targets(const struct hub *hub, struct strbuf *out);
/* READY when some endpoint is, else CONNECTING, IDLE, TRANSIENT_FAILURE in this order; without a list, whether its sources failed. */
enum channelz_state hub_channel_state(const struct hub *hub);
/* What calls would find there: a connection, and nothing that keeps them away (health, ejection, an operator). */
enum channelz_state backend_channel_state(const struct backend *b);
/* started and succeeded of all workers; failed is what ended otherwise. A success is an answer that outlier detection would not hold against the backend. */
void backend_channel_calls(const struct backend *b, struct channelz_calls *ret);

/* On a worker's thread: each connection to this backend that speaks HTTP/2; all: to any backend of this pool. */
typedef void upconn_each_fn(void *arg, const struct backend *b, const struct h2_conn *h2);
struct pool;
void upconn_each(const struct backend *b, size_t worker, upconn_each_fn *fn, void *arg);
void upconn_each_of_pool(const struct pool *p, upconn_each_fn *fn, void *arg);
/* The same thread: why this backend could not be connected last time, and when that was tried (of the loop's clock). "": it could. Valid in this turn. */
const char *
upconn_last_failure(const struct backend *b, size_t worker, int64_t *ret_when_us);

#endif
