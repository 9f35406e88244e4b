/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/rbacrig.h - calls as rules of authorization see them. */
#ifndef OUTRIGGER_TESTS_RBACRIG_H
#define OUTRIGGER_TESTS_RBACRIG_H

#include "filter/kinds.h"
#include "filterrig.h"
#include "net/tls.h"

struct claims;

/* Clients: with a DNS name, a URI, an e-mail and an IP in a verified certificate; with the same that nobody verified; without any. */
extern const struct tls_peer with_cert, unverified, without_cert;

/* What a call is like; all may be NULL. */
struct sample {
    const char *path, *header, *value, *second, *from, *client;
    const struct tls_peer *peer;
    const struct claims *claims;
};

/* The code that the call gets from the chain of the rig; its reason fits, and its text names no rule. */
int decide(const struct sample *s);
/* The same for calls that are allowed or denied. */
bool allowed(const struct sample *s);

#define POLICY                                                                           \
    "{ \"name\": \"shop\","                                                              \
    "  \"deny_rules\": [{ \"name\": \"debug\", \"request\": { \"paths\": "               \
    "[\"/shop.Debug/*\"], \"headers\": [{ \"key\": \"x-force\", \"values\": [\"*\"] }] " \
    "} }],"                                                                              \
    "  \"allow_rules\": [{ \"name\": \"web\", \"source\": { \"principals\": "            \
    "[\"spiffe://shop.example/*\", \"old.shop.example\"] } },"                           \
    "    { \"name\": \"all-health\", \"request\": { \"paths\": "                         \
    "[\"/grpc.health.v1.Health/*\"] } }] }"

#endif
