/* SPDX-License-Identifier: Apache-2.0 */
/* filter/descriptor.h - `descriptors` of globalRateLimit: each is a list of pairs that says of which calls a limit counts, as Envoy's rate limit service has them. A pair is
 * a fixed text, or a part of the call (filter/key.h). A call that lacks one of a descriptor's parts does not have that descriptor.
 *     { "entries": [{ "key": "tenant", "from": "header:x-tenant" }, "method"], "rate": "100/s" }
 * Immutable after loading. */
#ifndef OUTRIGGER_FILTER_DESCRIPTOR_H
#define OUTRIGGER_FILTER_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "filter/key.h"
#include "filter/rate_conf.h"
#include "grpc/rls.h"

struct filter_call;

enum { DESCRIPTORS_MAX = 16, DESCRIPTOR_ENTRIES_MAX = 8 };

struct descriptor_entry {
    const char *key;      /* NULL: the usual name, see descriptor_entry_key */
    const char *value;    /* a fixed text; NULL: `from` */
    struct key_part from; /* text NULL: `value` */
};

struct descriptor_conf {
    struct conf_list entries; /* of struct descriptor_entry */
    struct rate_conf rate;    /* rate.events 0: none */
};

extern const struct conf_struct descriptor_conf_struct;

/* The name of the pair: its own, or as other proxies call it: "generic_key" of a fixed text, "remote_address" of address, NAME of header:NAME and claim:NAME, else the
 * word. */
const char *descriptor_entry_key(const struct descriptor_entry *e);

struct descriptors { /* of one call */
    size_t n;
    struct rls_descriptor v[DESCRIPTORS_MAX];
    const struct descriptor_conf *conf[DESCRIPTORS_MAX];
};

/* Those that this call has; their texts are the call's, the config's, or in its arena. list: of struct descriptor_conf, at most DESCRIPTORS_MAX. False: the arena is
 * full. */
bool descriptors_make(const struct conf_list *list, const struct filter_call *fc,
                      struct descriptors *ret) MUST_CHECK;

#endif
