/* SPDX-License-Identifier: Apache-2.0 */
/* net/cidr.c - ranges of addresses. */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/err.h"
#include "net/addr.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct ip
ip_plain(const struct ip *ip)
{
    struct ip v4 = { .family = 4 };

    if (ip->family != 6 || memcmp(ip->b, mapped, sizeof(mapped)) != 0)
        return *ip;
    memcpy(v4.b, ip->b + sizeof(mapped), 4);
    return v4;
}

/* Bit i, counted from the left. */
static bool
ip_bit(const struct ip *ip, unsigned i)
{
    return ip->b[i / 8] >> (7 - i % 8) & 1;
}

static int
cidr_fail(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_SYNTAX;
}

static bool
parse_bits(const char *text, unsigned most, unsigned *ret)
{
    unsigned bits = 0;

    if (*text == '\0' || strlen(text) > 3)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        bits = bits * 10 + (unsigned)(*text - '0');
    }
    *ret = bits;
    return bits <= most;
}

int
cidr_parse(const char *text, struct cidr *ret, const char **ret_why)
{
    struct cidr c = { 0 };
    size_t n = strcspn(text, "/");
    char host[INET6_ADDRSTRLEN];
    unsigned most;

    if (n >= sizeof(host))
        return cidr_fail(ret_why, "a range looks like 10.0.0.0/8 or fd00::/8");
    memcpy(host, text, n);
    host[n] = '\0';
    if (inet_pton(AF_INET, host, c.ip.b) == 1)
        c.ip.family = 4;
    else if (inet_pton(AF_INET6, host, c.ip.b) == 1)
        c.ip.family = 6;
    else
        return cidr_fail(ret_why, "a range looks like 10.0.0.0/8 or fd00::/8");
    most = c.ip.family == 4 ? 32 : 128;
    c.bits = most;
    if (text[n] == '/' && !parse_bits(text + n + 1, most, &c.bits))
        return cidr_fail(ret_why, "after the slash comes the number of bits: 0 to 32 for "
                                  "IPv4, 0 to 128 for IPv6");
    for (unsigned i = c.bits; i < most; i++)
        if (ip_bit(&c.ip, i))
            return cidr_fail(ret_why, "the address has bits set behind the prefix; write "
                                      "the first address of the range");
    /* Addresses of that form are compared as IPv4: so must the range be, or it would hold
     * nobody. */
    if (c.bits >= 96 && ip_plain(&c.ip).family == 4 && c.ip.family == 6) {
        c.ip = ip_plain(&c.ip);
        c.bits -= 96;
    }
    *ret = c;
    return ERR_OK;
}

bool
cidr_has(const struct cidr *c, const struct ip *ip)
{
    struct ip plain = ip_plain(ip);
    unsigned bytes = c->bits / 8, rest = c->bits % 8;

    if (plain.family != c->ip.family || memcmp(plain.b, c->ip.b, bytes) != 0)
        return false;
    return rest == 0 || (plain.b[bytes] ^ c->ip.b[bytes]) >> (8 - rest) == 0;
}

bool
ip_of_addr(const struct addr *a, struct ip *ret)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->len == 0)
        return false;
    if (a->sa.ss_family == AF_INET) {
        memcpy(&v4, &a->sa, sizeof(v4));
        *ret = (struct ip){ .family = 4 };
        memcpy(ret->b, &v4.sin_addr, 4);
        return true;
    }
    if (a->sa.ss_family != AF_INET6)
        return false;
    memcpy(&v6, &a->sa, sizeof(v6));
    *ret = (struct ip){ .family = 6 };
    memcpy(ret->b, &v6.sin6_addr, 16);
    return true;
}

bool
ip_usable(const struct ip *ip)
{
    static const uint8_t zero[16];
    struct ip plain = ip_plain(ip);

    if (plain.family == 4)
        return plain.b[0] != 0 && plain.b[0] < 224;
    return memcmp(plain.b, zero, 16) != 0 && plain.b[0] != 0xff &&
           !(plain.b[0] == 0xfe && (plain.b[1] & 0xc0) == 0x80);
}
