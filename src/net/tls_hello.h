/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_hello.h - the two extensions of a ClientHello that are read before OpenSSL chooses
 * anything: the server's name (RFC 6066 3) and the protocols (RFC 7301 3.1). Pure; for room
 * net; any thread. */
#ifndef OUTRIGGER_NET_TLS_HELLO_H
#define OUTRIGGER_NET_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls.h"

enum hello_alpn {
    HELLO_ALPN_H2,     /* "h2" is among them */
    HELLO_ALPN_OTHERS, /* a good list without it */
    HELLO_ALPN_BAD,    /* not a list of names */
};

/* p: body of the extension. The name in lower case without a dot at its end. False: no name
 * that a certificate could have. */
bool hello_sni(const uint8_t *p, size_t n, char ret[TLS_NAME_MAX + 1]);
/* others: the names, printable, for a sentence. */
enum hello_alpn hello_alpn(const uint8_t *p, size_t n, char others[80]);

#endif
