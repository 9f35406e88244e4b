/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_slices.h - the EndpointSlices of one service, each with the endpoints that it has: what k8s_state.c keeps between a list and its events. Bounded by K8S_STORED_MAX and
 * K8S_SLICES_MAX. Owns names and endpoints; zones and hints are strings of k8s_state.c, the same text always at the same place. One thread. */
#ifndef OUTRIGGER_RESOLVE_K8S_SLICES_H
#define OUTRIGGER_RESOLVE_K8S_SLICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "net/addr.h"
#include "resolve/k8s_state.h"

struct k8s_endpoint {
    struct addr addr;
    bool ready, draining;    /* draining: serving && terminating */
    const char *zone, *hint; /* of words; "" unknown */
};

struct k8s_slice {
    char *name;
    bool has_port;
    struct k8s_endpoint *v;
    size_t n;
};

struct k8s_slices {
    struct k8s_slice *v;
    size_t n, room;
    size_t endpoints; /* in all */
};

void k8s_slices_clear(struct k8s_slices *t);
/* Takes the slice over, in the place of one with the same name. K8S_BAD: there would be too many, why was added. */
enum k8s_result
k8s_slices_put(struct k8s_slices *t, struct k8s_slice *s, struct strbuf *why) MUST_CHECK;
/* K8S_SAME: there is none of this name. */
enum k8s_result k8s_slices_drop(struct k8s_slices *t, const char *name) MUST_CHECK;

#endif
