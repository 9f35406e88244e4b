/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/kinds.h - the rows of registry.c: one for each scheme of a target. Each is
 * defined in the file named after it. Constant; only registry.c and tests use them by
 * name. */
#ifndef OUTRIGGER_RESOLVE_KINDS_H
#define OUTRIGGER_RESOLVE_KINDS_H

#include "resolve/resolver.h"

/* static.c: lists, and single addresses in their spellings */
extern const struct resolver_kind resolver_static;
extern const struct resolver_kind resolver_literal;
extern const struct resolver_kind resolver_unix;
extern const struct resolver_kind resolver_unix_abstract;

extern const struct resolver_kind resolver_file; /* file.c */
extern const struct resolver_kind resolver_k8s;  /* k8s.c */

/* dns.c: names and services, by c-ares */
extern const struct resolver_kind resolver_dns;
extern const struct resolver_kind resolver_srv;

#endif
