/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what is read by hand in TLS - the name and the protocols of a ClientHello, names
 * in certificates and SPIFFE IDs. The first byte chooses. */
#include <string.h>

#include "fuzz.h"
#include "net/tls_conf.h"
#include "net/tls_hello.h"
#include "net/tls_san.h"

static void
try_hello(const uint8_t *p, size_t n)
{
    char name[TLS_NAME_MAX + 1], others[80];

    if (hello_sni(p, n, name)) {
        FUZZ_CHECK(name[0] && strlen(name) <= TLS_NAME_MAX);
        FUZZ_CHECK(!strchr(name, '*') && !strchr(name, ' '));
        for (const char *c = name; *c; c++)
            FUZZ_CHECK(*c > ' ' && *c < 0x7f && !(*c >= 'A' && *c <= 'Z'));
    }
    (void)hello_alpn(p, n, others);
    FUZZ_CHECK(strlen(others) < sizeof(others));
}

static void
try_name(uint32_t kind, const uint8_t *p, size_t n)
{
    struct tls_san_conf rule = { .exact = "spiffe://td/web" };
    struct san_view v;

    if (san_from_bytes(kind, p, n, &v) != SAN_GOOD)
        return;
    FUZZ_CHECK(v.len > 0 && !memchr(v.text, '\0', v.len));
    if (san_matches(&v, &rule) && kind != TLS_SAN_IP)
        FUZZ_CHECK(v.len == strlen(rule.exact));
    rule = (struct tls_san_conf){ .suffix = "b" };
    (void)san_matches(&v, &rule);
    (void)san_wildcard_is_good(v.text, v.len);
    if (san_is_spiffe_id(v.text, v.len)) {
        FUZZ_CHECK(san_claims_spiffe(v.text, v.len));
        FUZZ_CHECK(v.text[v.len - 1] != '/');
        FUZZ_CHECK(!memmem(v.text + 9, v.len - 9, "//", 2));
        FUZZ_CHECK(!memmem(v.text, v.len, "/../", 4));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    if (bytes[0] < 'D')
        try_hello(bytes + 1, n - 1);
    else
        try_name(bytes[0] % 6, bytes + 1, n - 1);
    return 0;
}
