/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher_san.c - names in the client's certificate. */
#include <string.h>
#include <strings.h>

#include "net/tls.h"
#include "net/tls_conf.h"
#include "proxy/matcher_int.h"

/* DNS names have no case (RFC 4343); all else is compared byte by byte. */
static bool
text_eq(const char *a, const char *b, size_t n, bool fold)
{
    return fold ? strncasecmp(a, b, n) == 0 : memcmp(a, b, n) == 0;
}

static bool
name_fits(const struct tls_san *name, const struct san_match_conf *r)
{
    const char *want = r->exact ? r->exact : r->prefix ? r->prefix : r->suffix;
    bool fold = name->kind == TLS_SAN_DNS;
    size_t n = strlen(want);

    if (n > name->len || (r->exact && n != name->len))
        return false;
    return text_eq(r->suffix ? name->text + name->len - n : name->text, want, n, fold);
}

bool
san_fits(const struct tls_peer *peer, const struct san_match_conf *r)
{
    for (size_t i = 0; peer && peer->verified && i < peer->n_sans; i++) {
        if (name_fits(&peer->sans[i], r))
            return true;
    }
    return false;
}
