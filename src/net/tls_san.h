/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_san.h - names in certificates: what they are, and rules about them. Every compare
 * knows the length: a name with a NUL or another control byte is bad as a whole and is never
 * cut (reliability.md D6). Pure; for room net; any thread. */
#ifndef OUTRIGGER_NET_TLS_SAN_H
#define OUTRIGGER_NET_TLS_SAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509v3.h>

struct conf_list;
struct tls_san_conf;

enum san_result { SAN_GOOD, SAN_OTHER_KIND, SAN_BAD };

struct san_view {
    uint32_t kind;    /* enum tls_san_kind */
    const char *text; /* not NUL-terminated; points into the name or into room */
    size_t len;
    char room[46]; /* an IP address as text */
};

/* SAN_BAD: empty, or bytes that no name has (below '!' or above '~'). */
enum san_result san_get(const GENERAL_NAME *name, struct san_view *ret);
/* The same from parts, for tests: kind and bytes as in the certificate. */
enum san_result san_from_bytes(uint32_t kind, const uint8_t *p, size_t n,
                               struct san_view *ret);
/* DNS names without regard to case, all else byte by byte; wildcards of certificates are
 * names like any other. */
bool san_matches(const struct san_view *v, const struct tls_san_conf *rule);
/* "spiffe://domain/path" by the rules of SPIFFE-ID 2.1-2.4. */
bool san_is_spiffe_id(const char *text, size_t n);
/* Says that it wants to be one: begins with the scheme, in any case. */
bool san_claims_spiffe(const char *text, size_t n);

/* What is wrong with the names of a certificate, a sentence for "the ... certificate"; NULL:
 * nothing. Names of kinds that we do not read are no fault. */
const char *san_fault(const GENERAL_NAMES *all);
/* One of the names fits one of the rules (struct tls_san_conf). */
bool san_any_matches(const GENERAL_NAMES *all, const struct tls_san_conf *rules, size_t n);

/* A name of ours against the one that a client asked for, both in lower case: "*.a.example"
 * is for one further label (RFC 6125 6.4.3). */
bool san_wildcard_is_good(const char *name, size_t n);

#endif
