/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_channel.h - questions to name servers: c-ares behind the loop. Only
 * dns_channel.c and dns_ares.c know c-ares.
 * A channel is shared by all resolvers of a loop that ask the same servers in the same way. It
 * follows resolv.conf, and starts afresh when nothing works (envoy#37446: stuck for ever after
 * the DNS service had moved). Two rules keep c-ares safe: its callbacks only take notes, and it
 * is destroyed by the reaper only. Main thread only. */
#ifndef OUTRIGGER_RESOLVE_DNS_CHANNEL_H
#define OUTRIGGER_RESOLVE_DNS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "resolve/dns_answer.h"
#include "resolve/dns_target.h"

struct loop;
struct dns_channel;
struct dns_query;
struct dns_conf;

/* server: len 0, or the only one to ask (of the target). Counted: put it back. */
struct dns_channel *
dns_channel_get(struct loop *l, const struct dns_conf *conf, const struct addr *server);
/* All queries of the caller were forgotten before. */
void dns_channel_put(struct dns_channel *ch);

/* Before each round of questions: looks whether resolv.conf changed (one stat). */
void dns_channel_refresh(struct dns_channel *ch);
/* How the last round ended; after DNS_REBUILD_AFTER failures in a row c-ares starts afresh. */
void dns_channel_note(struct dns_channel *ch, bool answered);
const struct dns_search *dns_channel_search(const struct dns_channel *ch);
/* True when the servers are the system's, so its hosts file counts too. */
bool dns_channel_is_system(const struct dns_channel *ch);

/* answer: read, never NULL; the callee may take what is in it. timed_out: nobody answered.
 * Called once, in a later turn, unless the query is forgotten; the handle is gone then. */
typedef void dns_query_fn(void *arg, struct dns_answer *answer, bool timed_out);
struct dns_query *dns_query_start(struct dns_channel *ch, const char *name, unsigned type,
                                  dns_query_fn *fn, void *arg);
/* No callback afterwards. NULL is fine. */
void dns_query_forget(struct dns_query *q);

/* NULL, or why names cannot be asked for safely here: without a random device c-ares would make
 * query ids that can be guessed (reliability.md F10). device: NULL is /dev/urandom. */
const char *dns_random_why_bad(const char *device);
/* "1.18.1", of the library that runs. */
const char *dns_library_version(void);

#endif
