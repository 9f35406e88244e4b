/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_san.c - see tls_san.h */
#include "net/tls_san.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "net/tls.h"
#include "net/tls_conf.h"

#define SPIFFE_SCHEME "spiffe://"

enum { SPIFFE_LEN = sizeof(SPIFFE_SCHEME) - 1, SPIFFE_ID_MAX = 2048 };

/* ---- one name ---- */

static bool
text_is_clean(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < '!' || p[i] > '~')
            return false;
    return n > 0;
}

static enum san_result
ip_get(const uint8_t *p, size_t n, struct san_view *ret)
{
    if ((n != 4 && n != 16) ||
        !inet_ntop(n == 4 ? AF_INET : AF_INET6, p, ret->room, sizeof(ret->room)))
        return SAN_BAD;
    ret->text = ret->room;
    ret->len = strlen(ret->room);
    return SAN_GOOD;
}

enum san_result
san_from_bytes(uint32_t kind, const uint8_t *p, size_t n, struct san_view *ret)
{
    ret->kind = kind;
    if (kind == TLS_SAN_IP)
        return ip_get(p, n, ret);
    if (kind != TLS_SAN_DNS && kind != TLS_SAN_URI && kind != TLS_SAN_EMAIL)
        return SAN_OTHER_KIND;
    ret->text = (const char *)p;
    ret->len = n;
    return text_is_clean(ret->text, n) ? SAN_GOOD : SAN_BAD;
}

enum san_result
san_get(const GENERAL_NAME *name, struct san_view *ret)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    uint32_t kind = type == GEN_DNS     ? TLS_SAN_DNS
                    : type == GEN_URI   ? TLS_SAN_URI
                    : type == GEN_EMAIL ? TLS_SAN_EMAIL
                    : type == GEN_IPADD ? TLS_SAN_IP
                                        : TLS_SAN_ANY;

    if (kind == TLS_SAN_ANY)
        return SAN_OTHER_KIND;
    return san_from_bytes(kind, ASN1_STRING_get0_data(value),
                          (size_t)ASN1_STRING_length(value), ret);
}

/* ---- SPIFFE ---- */

bool
san_claims_spiffe(const char *text, size_t n)
{
    return n >= SPIFFE_LEN && strncasecmp(text, SPIFFE_SCHEME, SPIFFE_LEN) == 0;
}

static bool
is_one_of(char c, const char *range)
{
    return c && strchr(range, c);
}

static bool
is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* "/a/b": no empty segment, no "." and "..", plain characters. */
static bool
spiffe_path_is_good(const char *p, size_t n)
{
    size_t start = 1;

    for (size_t i = 1; i <= n; i++) {
        if (i < n && p[i] != '/') {
            if (!is_lower_or_digit(p[i]) && !(p[i] >= 'A' && p[i] <= 'Z') &&
                !is_one_of(p[i], "-._"))
                return false;
            continue;
        }
        if (i == start || (i == start + 1 && p[start] == '.') ||
            (i == start + 2 && p[start] == '.' && p[start + 1] == '.'))
            return false;
        start = i + 1;
    }
    return true;
}

bool
san_is_spiffe_id(const char *text, size_t n)
{
    size_t i = SPIFFE_LEN;

    if (n > SPIFFE_ID_MAX || n <= SPIFFE_LEN ||
        memcmp(text, SPIFFE_SCHEME, SPIFFE_LEN) != 0)
        return false;
    while (i < n && (is_lower_or_digit(text[i]) || is_one_of(text[i], "-._")))
        i++;
    if (i == SPIFFE_LEN || i - SPIFFE_LEN > 255)
        return false;
    return i == n || (text[i] == '/' && spiffe_path_is_good(text + i, n - i));
}

/* ---- rules ---- */

static bool
ip_is(const struct san_view *v, const char *text)
{
    unsigned char a[16], b[16];
    int family = memchr(v->text, ':', v->len) ? AF_INET6 : AF_INET;

    return inet_pton(family, v->room, a) == 1 && inet_pton(family, text, b) == 1 &&
           memcmp(a, b, family == AF_INET ? 4 : 16) == 0;
}

bool
san_matches(const struct san_view *v, const struct tls_san_conf *rule)
{
    const char *want = rule->exact    ? rule->exact
                       : rule->prefix ? rule->prefix
                                      : rule->suffix;
    size_t n = want ? strlen(want) : 0;
    const char *part = v->text;

    if (n == 0 || (rule->kind != TLS_SAN_ANY && rule->kind != v->kind))
        return false;
    if (v->kind == TLS_SAN_IP)
        return rule->exact && ip_is(v, rule->exact);
    if (v->len < n || (rule->exact && v->len != n))
        return false;
    if (!rule->exact && !rule->prefix)
        part += v->len - n;
    if (v->kind == TLS_SAN_DNS)
        return strncasecmp(part, want, n) == 0; /* neither has a NUL */
    return memcmp(part, want, n) == 0;
}

bool
san_any_matches(const GENERAL_NAMES *all, const struct tls_san_conf *rules, size_t n)
{
    struct san_view v;

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        if (san_get(sk_GENERAL_NAME_value(all, i), &v) != SAN_GOOD)
            continue;
        for (size_t k = 0; k < n; k++)
            if (san_matches(&v, &rules[k]))
                return true;
    }
    return false;
}

bool
tls_san_fits(const struct tls_san *name, const struct tls_san_conf *rule)
{
    struct san_view v = { .kind = name->kind, .text = name->text, .len = name->len };

    if (name->len < sizeof(v.room)) /* an IP address is compared as one */
        memcpy(v.room, name->text, name->len + 1);
    return san_matches(&v, rule);
}

const char *
san_fault(const GENERAL_NAMES *all)
{
    unsigned uris = 0, spiffe = 0, good_spiffe = 0;
    struct san_view v;

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        enum san_result r = san_get(sk_GENERAL_NAME_value(all, i), &v);

        if (r == SAN_BAD)
            return "has a name (subjectAltName) with a byte that no name has, as a NUL";
        if (r != SAN_GOOD)
            continue;
        /* Also as a DNS name: rules of any kind compare the text only. */
        spiffe += san_claims_spiffe(v.text, v.len);
        if (v.kind != TLS_SAN_URI)
            continue;
        uris++;
        good_spiffe += san_is_spiffe_id(v.text, v.len);
    }
    if (spiffe > good_spiffe)
        return "has a name that looks like a SPIFFE ID and is no correct one";
    if (spiffe > 0 && uris > 1)
        return "has a SPIFFE ID and another URI; exactly one URI is allowed then";
    return NULL;
}

bool
san_wildcard_is_good(const char *name, size_t n)
{
    /* "*.a.b": one star, alone in the first label, and not for a whole top-level domain */
    return n > 4 && name[0] == '*' && name[1] == '.' && name[2] != '.' &&
           !memchr(name + 1, '*', n - 1) && memchr(name + 3, '.', n - 3);
}
