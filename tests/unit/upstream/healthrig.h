/* SPDX-License-Identifier: Apache-2.0 */
/* healthrig.h - a hub with one endpoint under active checks: real sockets of this process, time that the test makes, and a raw HTTP/2 peer
 * that answers what the test says. Everything asserts; a test calls world_open, changes conf, calls world_start, and ends with world_close. */
#ifndef OUTRIGGER_TESTS_HEALTHRIG_H
#define OUTRIGGER_TESTS_HEALTHRIG_H

#include "base/rand.h"
#include "h2rig.h"
#include "upstream/health.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"

enum { PEERS = 16 };

struct world {
    struct rig rig;
    struct rng rng;
    struct pool_conf conf;
    struct endpoint_conf endpoint;
    char target[64];
    struct hub *hub;
    int listening;
    struct h2peer peers[PEERS]; /* connections in order of arrival */
    unsigned n;
    uint16_t port;
};

void world_listen(struct world *w); /* on the port that it had, or a free one */
void world_open(struct world *w, enum health_type type);
void world_turns(struct world *w); /* some turns; takes new connections */
void world_start(struct world *w); /* makes the hub */
void world_wait_ms(struct world *w, int64_t ms);
void world_close(struct world *w);
const struct backend *the_backend(const struct world *w);
unsigned world_down(const struct world *w); /* bits of enum backend_down */
/* The stream of the nth request (from 0) for this method on a connection; 0: none. */
int32_t
world_request(const struct world *w, unsigned peer, const char *method, unsigned nth);
void say_headers(struct world *w, unsigned peer, int32_t id);
void say_status(struct world *w, unsigned peer, int32_t id, uint8_t status);
void say_end(struct world *w, unsigned peer, int32_t id, const char *code);
void say_error(struct world *w, unsigned peer, int32_t id,
               const char *code); /* Trailers-Only */
void say_check(struct world *w, unsigned peer, int32_t id, uint8_t status);
/* A Watch that says SERVING on the first connection. Returns its stream. */
int32_t world_watch(struct world *w);

#endif
