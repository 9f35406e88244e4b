/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_state.h - all decisions about EndpointSlices: lists and watch events of
 * discovery.k8s.io/v1 in, endpoints out. Knows no connection and no clock. One thread.
 * Rules: ready (absent = true) endpoints are used; only when there is none, those that are
 * serving and terminating; the first address of each, once; the port by its name in the
 * slice, or the number as it is written. */
#ifndef OUTRIGGER_RESOLVE_K8S_STATE_H
#define OUTRIGGER_RESOLVE_K8S_STATE_H

#include <stddef.h>

#include "base/compat.h"
#include "resolve/k8s_target.h"
#include "resolve/resolver.h"

struct k8s_state;
struct strbuf;

enum {
    K8S_OBJECT_MAX = 4 << 20, /* bytes of one event or one page */
    K8S_STORED_MAX =
        2 * RESOLVE_ENDPOINTS_MAX, /* endpoints in all slices, ready or not */
    K8S_SLICES_MAX = 4096,
    K8S_PAGE = 50, /* slices in one page of a list: 100 endpoints each, below the cap */
};

enum k8s_result {
    K8S_SAME,    /* nothing that we look at changed */
    K8S_CHANGED, /* publish */
    K8S_MORE,    /* of a list: ask for the page after k8s_state_continue */
    K8S_EXPIRED, /* our version is too old: list again */
    K8S_BAD,     /* cannot be used; why was added */
};

struct k8s_state *k8s_state_new(const struct k8s_target *target); /* copied */
void k8s_state_free(struct k8s_state *s);                         /* NULL is fine */

/* The host of all endpoints, for TLS; a string of the caller, NULL: none. */
void k8s_state_set_host(struct k8s_state *s, const char *host);

/* A list begins: its pages gather beside what is known, the last one replaces it. */
void k8s_state_list_begin(struct k8s_state *s);
enum k8s_result k8s_state_page(struct k8s_state *s, const char *text, size_t n,
                               struct strbuf *why) MUST_CHECK;
/* One line of a watch. After K8S_BAD nothing changed. */
enum k8s_result k8s_state_event(struct k8s_state *s, const char *text, size_t n,
                                struct strbuf *why) MUST_CHECK;

/* Where a watch goes on; "" when there was no list yet. */
const char *k8s_state_version(const struct k8s_state *s);
const char *k8s_state_continue(const struct k8s_state *s);
/* Makes the version unknown: the next thing is a list. The endpoints stay until then. */
void k8s_state_forget(struct k8s_state *s);
/* The usable endpoints, at most RESOLVE_ENDPOINTS_MAX; valid until the next call of anything
 * here. 0: none, and a sentence is added to why. */
size_t
k8s_state_publish(struct k8s_state *s, const struct resolved **ret, struct strbuf *why);

#endif
