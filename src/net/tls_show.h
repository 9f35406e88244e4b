/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_show.h - what of a TLS connection may be shown to an operator: names and certificates, never keys. For transports of net/tls.h whose handshake is over
 * (tls_version is not ""). The transport's thread. */
#ifndef OUTRIGGER_NET_TLS_SHOW_H
#define OUTRIGGER_NET_TLS_SHOW_H

#include <stdbool.h>

struct strbuf;
struct transport;

/* Name of the cipher suite; *ret_standard: it is the one of IANA's list. Lives as long as the process. */
const char *tls_show_cipher(const struct transport *t, bool *ret_standard);
/* The certificate itself as DER (not its chain), the peer's or the one that we showed; nothing when there is none or it is longer than out's cap. */
void tls_show_certificate(const struct transport *t, bool of_peer, struct strbuf *out);

#endif
