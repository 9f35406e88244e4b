/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/front.c - from the config of a listener to the limits of its connections. */
#include "proxy/front.h"

#include <stdatomic.h>

#include "base/xalloc.h"
#include "conf/copy.h"
#include "net/tls_store.h"
#include "proxy/listener_conf.h"

static const char *const table_keys[] = { "routes", "filters", NULL };

static void
front_limits(struct h2_limits *l, const struct listener_limits_conf *c, bool local)
{
    *l = (struct h2_limits){
        .max_concurrent_streams = c->max_concurrent_streams,
        .max_header_bytes = (uint32_t)c->max_header_bytes,
        .max_header_count = c->max_header_count,
        .max_continuations = c->max_continuations,
        .stream_window = (uint32_t)c->stream_window,
        .connection_window = (uint32_t)c->connection_window,
        .max_stream_window = (uint32_t)c->max_stream_window,
        .max_connection_buffer = c->max_connection_buffer,
        .write_buffer = c->write_buffer,
        .max_queued_frames = c->max_queued_frames,
        /* DESIGN 3.6: cancelling is normal for gRPC clients next door, suspicious from far away. */
        .reset_burst = c->reset_burst ? c->reset_burst
                       : local        ? 10000
                                      : 1000,
        .reset_rate = c->reset_rate ? c->reset_rate
                      : local       ? 1000
                                    : 100,
        .glitch_burst = c->glitch_burst,
        .glitch_rate = c->glitch_rate,
        .max_streams_per_turn = c->max_streams_per_turn,
        .max_frames_per_turn = c->max_frames_per_turn,
        .handshake_timeout_us = c->handshake_timeout_ms * 1000,
        .header_timeout_us = c->header_timeout_ms * 1000,
        .idle_timeout_us = c->idle_timeout_ms * 1000,
        .write_stall_us = c->write_stall_timeout_ms * 1000,
        .max_age_us = c->max_connection_age_ms * 1000,
        .max_age_grace_us = c->max_connection_age_grace_ms * 1000,
        .max_requests = c->max_requests_per_connection,
    };
}

/* Routes and filters may be long, and nobody asks a front for them. */
static struct conf_copy *
front_copy(const struct listener_conf *conf)
{
    struct listener_conf own = *conf;

    own.routes = (struct conf_list){ 0 };
    own.filters = (struct conf_list){ 0 };
    return conf_copy_new(&listener_conf_struct, &own);
}

struct front *
front_new(const struct listener_conf *conf, bool local, uint64_t version,
          struct tls_keyring *tls)
{
    struct front *f = xcalloc(1, sizeof(*f));

    atomic_init(&f->holds, 1);
    f->copy = front_copy(conf);
    f->conf = conf_copy_root(f->copy);
    f->version = version;
    f->tls = tls;
    front_limits(&f->limits, &conf->limits, local);
    down_keepalive_fill(&f->limits.keepalive, &conf->keepalive);
    return f;
}

struct front *
front_hold(struct front *f)
{
    atomic_fetch_add_explicit(&f->holds, 1, memory_order_relaxed);
    return f;
}

void
front_drop(struct front *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->holds, 1, memory_order_acq_rel) != 1)
        return;
    tls_keyring_drop(f->tls);
    conf_copy_drop(f->copy);
    xfree(f);
}

bool
front_is_same(const struct front *f, const struct listener_conf *conf)
{
    return conf_equal_but(&listener_conf_struct, f->conf, conf, table_keys);
}
