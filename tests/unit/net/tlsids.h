/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/net/tlsids.h - identities for tests of who is believed: CAs, chains of them, and a server of ours, also as files in the folder of tlsrig.h. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSIDS_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSIDS_H

#include "unit.h"

#include "tlsrig.h"

/* ca is the one that is believed. It signed server, middle, weak_middle (a key of 1,024 bits), chain[0], and chain[7], which may sign names below "example" only;
 * chain[1] to chain[6] are each signed by the one before. */
extern struct tlsid ca, other_ca, middle, weak_middle, server, chain[8];
/* crl_file: where a test writes a list of revoked certificates. */
extern char ca_file[128], server_crt[128], server_key[128], crl_file[128];
/* Our server wants a certificate of ca. */
extern struct tls_server_conf mtls;

/* For the group. */
int tlsids_make(void **state);
int tlsids_drop(void **state);

#endif
