/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/xfcc.h - the header x-forwarded-client-cert: who the client is, told to the backend (Envoy's format: elements separated by commas, in each pairs
 * separated by semicolons). What a client says of itself is worth nothing unless somebody checked it, so it is taken out by default. Worker's thread only. */
#ifndef OUTRIGGER_PROXY_XFCC_H
#define OUTRIGGER_PROXY_XFCC_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct down;
struct h2_field;
struct strbuf;
struct tls_peer;

enum xfcc_mode {
    XFCC_SANITIZE, /* taken out */
    XFCC_FORWARD_ONLY, /* passed on when the client has a verified certificate, else taken out */
    XFCC_APPEND_FORWARD, /* likewise, and our element is added */
    XFCC_SANITIZE_SET, /* taken out; our element when the client has a verified certificate */
    XFCC_ALWAYS_FORWARD_ONLY, /* passed on */
};

extern const char *const xfcc_words[]; /* of the config, in this order; ends with NULL */

/* Our element of a client with a verified certificate: By, Hash, Subject, URI and DNS. */
void xfcc_print(const struct tls_peer *p, struct strbuf *out);
/* Applies the listener's mode to the n fields of a request block, which has room for one more. Returns their new number. */
size_t xfcc_apply(struct down *d, struct arena *a, struct h2_field *f, size_t n);

#endif
