/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_rules.h - rules made ready, and what they say of a call. The rules of the config and those of a policy of gRPC (A43) become the same: a list in which
 * the first one that fits decides. Deny rules of a policy come before its allow rules.
 *
 * Three states of a header or a claim differ (reliability.md B12): absent, there and empty, there with a value. Only "present": false fits what is absent.
 * Principals of a policy (grpc-spec 16.2): without TLS none fits; without a certificate only "" does; else a URI name, a DNS name or the subject.
 * Made by the main thread, then immutable; any thread. */
#ifndef OUTRIGGER_FILTER_RBAC_RULES_H
#define OUTRIGGER_FILTER_RBAC_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "filter/rbac_conf.h"
#include "filter/watched.h"

struct addr;
struct claims;
struct h2_headers;
struct rbac_rules;
struct tls_peer;

/* What rules look at. */
struct rbac_facts {
    struct slice path;
    const struct h2_headers *headers;
    const struct addr *from;
    const struct tls_peer *peer; /* NULL: no TLS */
    const struct claims *claims; /* NULL: no token */
    struct slice client;         /* p NULL: unknown */
};

enum { RBAC_LOGGED_MAX = 8 };

struct rbac_decision {
    bool allowed;
    const char *rule; /* the one that decided; NULL: none did */
    const char
        *twice; /* not allowed because this header came more than once; NULL else */
    /* Rules with the action log that fitted; further ones are not kept. */
    unsigned n_logged;
    const char *logged[RBAC_LOGGED_MAX];
};

/* Strings of the decision live as long as the rules. */
void rbac_decide(const struct rbac_rules *r, const struct rbac_facts *f,
                 struct rbac_decision *ret);

/* Of the policy; "" for rules of our own. */
const char *rbac_rules_policy(const struct rbac_rules *r);
enum rbac_audit rbac_rules_audit(const struct rbac_rules *r);

/* An object of struct rbac_rules; arg: the struct rbac_conf, which must outlive it. */
extern const struct watched_kind rbac_file;

#endif
