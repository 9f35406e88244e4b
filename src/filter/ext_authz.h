/* SPDX-License-Identifier: Apache-2.0 */
/* filter/ext_authz.h - the filter extAuthz: asks an authorization service (Envoy's envoy.service.auth.v3.Authorization/Check, as Open Policy Agent and others
 * have it) about each call, and waits for the answer before anything goes to a backend. Fails closed: no answer, or one that cannot be read, refuses the call,
 * unless failureModeAllow is set.
 *
 *   ext_authz_conf.c      its rows
 *   ext_authz_request.c   a call as the service sees it
 *   ext_authz.c           the question, the cache, what an answer does to the call
 *
 * Reasons: AUTHZ_DENIED (the service's no), AUTHZ_UNAVAILABLE (it gave no answer). */
#ifndef OUTRIGGER_FILTER_EXT_AUTHZ_H
#define OUTRIGGER_FILTER_EXT_AUTHZ_H

#include "base/compat.h"
#include "base/siphash.h"
#include "filter/ext_authz_conf.h"
#include "filter/filter.h"
#include "filter/pattern.h"

struct strbuf;

struct ext_authz_filter {
    struct filter base;
    struct pattern_set headers;
    struct sip_secret secret;
    unsigned workers;
    struct answer_cache **caches; /* one for each worker; NULL: no cache */
    size_t *counted;              /* bytes of each, in the counters of its worker */
    struct stats *stats;          /* of the main thread */
};

/* Appends the CheckRequest of this call. ERR_NOMEM: its arena is full; ERR_LIMIT: out's cap is reached. */
int ext_authz_request_write(const struct ext_authz_filter *f,
                            const struct filter_call *fc, struct strbuf *out) MUST_CHECK;

#endif
