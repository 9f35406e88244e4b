/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/front.h - what one config says about a listener's connections: limits, keepalive, TLS. Immutable and counted; a connection holds the front under
 * which it came, a later config is for later connections. Any thread. */
#ifndef OUTRIGGER_PROXY_FRONT_H
#define OUTRIGGER_PROXY_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "h2/conn.h"

struct conf_copy;
struct listener_conf;
struct tls_keyring;

struct front {
    _Atomic unsigned holds;
    struct conf_copy *copy;
    const struct listener_conf *conf; /* without routes: those are the table's */
    struct h2_limits limits;
    uint64_t version; /* of the config that it came with */
    struct tls_keyring
        *tls; /* held; its newest context is for new connections; NULL: plain text */
};

/* One hold. local: the listener is on loopback or a unix socket. tls: the front takes the caller's hold; NULL when the conf has no TLS. */
struct front *front_new(const struct listener_conf *conf, bool local, uint64_t version,
                        struct tls_keyring *tls);
struct front *front_hold(struct front *f);
void front_drop(struct front *f); /* the last drop frees; NULL is fine */
/* A front made now of this config would be the same, but for what its TLS files hold. */
bool front_is_same(const struct front *f, const struct listener_conf *conf);

#endif
