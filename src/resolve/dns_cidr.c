/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_cidr.c - prefixes, bit by bit. */
#include "resolve/dns_cidr.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct dns_ip
ip_plain(const struct dns_ip *ip)
{
    struct dns_ip v4 = { .family = 4 };

    if (ip->family != 6 || memcmp(ip->b, mapped, sizeof(mapped)) != 0)
        return *ip;
    memcpy(v4.b, ip->b + sizeof(mapped), 4);
    return v4;
}

/* Bit i, counted from the left. */
static bool
ip_bit(const struct dns_ip *ip, unsigned i)
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
dns_cidr_parse(const char *text, struct dns_cidr *ret, const char **ret_why)
{
    struct dns_cidr c = { 0 };
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
    *ret = c;
    return ERR_OK;
}

bool
dns_cidr_has(const struct dns_cidr *c, const struct dns_ip *ip)
{
    struct dns_ip plain = ip_plain(ip);

    if (plain.family != c->ip.family)
        return false;
    for (unsigned i = 0; i < c->bits; i++)
        if (ip_bit(&plain, i) != ip_bit(&c->ip, i))
            return false;
    return true;
}

bool
dns_ip_usable(const struct dns_ip *ip)
{
    static const uint8_t zero[16];
    struct dns_ip plain = ip_plain(ip);

    if (plain.family == 4)
        return plain.b[0] != 0 && plain.b[0] < 224;
    return memcmp(plain.b, zero, 16) != 0 && plain.b[0] != 0xff &&
           !(plain.b[0] == 0xfe && (plain.b[1] & 0xc0) == 0x80);
}
