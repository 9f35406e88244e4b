/* SPDX-License-Identifier: Apache-2.0 */
/* net/addr.c - addresses as text and back. Numbers only: names are the resolver's
 * business. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/slice.h"

enum { ADDR_PORT_DIGITS = 5 };

static const char addr_form[] =
    "an address looks like 127.0.0.1:50051, [::1]:50051, localhost:50051 or unix:/path";
static const char addr_form_listen[] = "an address looks like 127.0.0.1:8080, [::]:8080, "
                                       ":8080 (all addresses) or unix:/path";
static const char addr_no_port[] = "the port is missing; write it as address:port";

static int
addr_fail(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_SYNTAX;
}

static int
addr_parse_port(struct slice text, bool listen, in_port_t *ret_port, const char **ret_why)
{
    unsigned port = 0;

    if (text.n == 0)
        return addr_fail(ret_why, "the port is missing after the colon");
    if (text.n > ADDR_PORT_DIGITS)
        return addr_fail(ret_why, "the port must be a number from 1 to 65535");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return addr_fail(ret_why, "the port must be a number from 1 to 65535");
        port = port * 10 + (unsigned)(text.p[i] - '0');
    }
    if (port > 65535)
        return addr_fail(ret_why, "the port must be a number from 1 to 65535");
    if (port == 0 && !listen)
        return addr_fail(ret_why, "port 0 cannot be connected to; name the real port");
    *ret_port = htons((in_port_t)port);
    return ERR_OK;
}

static int
addr_parse_unix(const char *path, struct addr *ret_addr, const char **ret_why)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    /* gRPC's spelling of an absolute path: unix:///path */
    if (strncmp(path, "///", 3) == 0)
        path += 2;

    size_t n = strlen(path);

    if (n == 0)
        return addr_fail(ret_why, "the path is missing after \"unix:\"");
    if (n >= sizeof(un.sun_path))
        return addr_fail(ret_why, "the path of a unix socket may have 107 bytes at most");
    memcpy(un.sun_path, path, n + 1);
    *ret_addr = (struct addr){ .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                                  n + 1) };
    memcpy(&ret_addr->sa, &un, sizeof(un));
    return ERR_OK;
}

/* Linux' name space without files: the name has no NUL at its end, all its bytes count. */
static int
addr_parse_abstract(const char *name, struct addr *ret_addr, const char **ret_why)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t n = strlen(name);

    if (n == 0)
        return addr_fail(ret_why, "the name is missing after \"unix-abstract:\"");
    if (n >= sizeof(un.sun_path))
        return addr_fail(ret_why, "the name of a unix socket may have 107 bytes at most");
    memcpy(un.sun_path + 1, name, n);
    *ret_addr = (struct addr){ .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                                  1 + n) };
    memcpy(&ret_addr->sa, &un, sizeof(un));
    return ERR_OK;
}

/* Sets the family and the host part; false when the text is no IPv4 number. */
static bool
addr_set_v4(struct addr *a, const char *host, in_port_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };

    if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
        return false;
    *a = (struct addr){ .len = sizeof(in) };
    memcpy(&a->sa, &in, sizeof(in));
    return true;
}

static bool
addr_parse_zone(const char *text, uint32_t *ret_index)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;

    unsigned long index = strtoul(text, &end, 10);

    if (*end != '\0' || index == 0 || index > UINT32_MAX)
        return false;
    *ret_index = (uint32_t)index;
    return true;
}

/* host may end in %zone: the name or the number of a network interface. */
static bool
addr_set_v6(struct addr *a, char *host, in_port_t port)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = port };
    char *zone = strchr(host, '%');

    if (zone) {
        *zone++ = '\0';
        in6.sin6_scope_id = if_nametoindex(zone);
        if (in6.sin6_scope_id == 0 && !addr_parse_zone(zone, &in6.sin6_scope_id))
            return false;
    }
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
        return false;
    *a = (struct addr){ .len = sizeof(in6) };
    memcpy(&a->sa, &in6, sizeof(in6));
    return true;
}

static int
addr_parse_bracketed(const char *text, bool listen, struct addr *ret,
                     const char **ret_why)
{
    const char *end = strchr(text, ']');
    char host[ADDR_TEXT_MAX];
    in_port_t port;

    if (!end)
        return addr_fail(ret_why, "the closing bracket of the IPv6 address is missing");
    if (end[1] != ':')
        return addr_fail(ret_why, "the port is missing; write it as [address]:port");
    if ((size_t)(end - text - 1) >= sizeof(host))
        return addr_fail(ret_why, "this is not an IPv6 address");
    if (addr_parse_port(slice_of(end + 2), listen, &port, ret_why) < 0)
        return ERR_SYNTAX;
    memcpy(host, text + 1, (size_t)(end - text - 1));
    host[end - text - 1] = '\0';
    if (!addr_set_v6(ret, host, port))
        return addr_fail(ret_why, "this is not an IPv6 address");
    return ERR_OK;
}

/* All but the port is there. */
static bool
addr_is_host(const char *text)
{
    struct in_addr in;

    return strcasecmp(text, "localhost") == 0 || inet_pton(AF_INET, text, &in) == 1;
}

static int
addr_parse_inet(const char *text, bool listen, struct addr *ret, const char **ret_why)
{
    const char *colon = strrchr(text, ':');
    char host[ADDR_TEXT_MAX];
    in_port_t port;

    if (!colon)
        return addr_fail(ret_why, addr_is_host(text) ? addr_no_port
                                  : listen           ? addr_form_listen
                                                     : addr_form);
    if (memchr(text, ':', (size_t)(colon - text)))
        return addr_fail(ret_why, "an IPv6 address needs brackets: [::1]:50051");
    if ((size_t)(colon - text) >= sizeof(host))
        return addr_fail(ret_why, listen ? addr_form_listen : addr_form);
    if (addr_parse_port(slice_of(colon + 1), listen, &port, ret_why) < 0)
        return ERR_SYNTAX;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (host[0] == '\0' && listen) {
        char any[] = "::";

        addr_set_v6(ret, any, port);
        return ERR_OK;
    }
    if (host[0] == '\0')
        return addr_fail(ret_why, "the host is missing before the colon");
    if (!addr_set_v4(ret, strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host, port))
        return addr_fail(ret_why, listen ? addr_form_listen : addr_form);
    return ERR_OK;
}

int
addr_parse(const char *text, bool listen, struct addr *ret_addr, const char **ret_why)
{
    struct addr a;
    int rc;

    if (strncmp(text, "unix:", 5) == 0)
        rc = addr_parse_unix(text + 5, &a, ret_why);
    else if (!listen && strncmp(text, "unix-abstract:", 14) == 0)
        rc = addr_parse_abstract(text + 14, &a, ret_why);
    else if (text[0] == '[')
        rc = addr_parse_bracketed(text, listen, &a, ret_why);
    else
        rc = addr_parse_inet(text, listen, &a, ret_why);
    if (rc == ERR_OK)
        *ret_addr = a;
    return rc;
}

/* The path of a unix address: at most this many bytes, maybe without a NUL. */
static struct slice
addr_unix_path(const struct addr *a)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&a->sa;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t n = a->len > head ? a->len - head : 0;

    if (n > sizeof(un->sun_path))
        n = sizeof(un->sun_path);
    /* A leading NUL is Linux' abstract name space, where all bytes count. */
    if (n > 0 && un->sun_path[0] != '\0')
        n = strnlen(un->sun_path, n);
    return slice_make(un->sun_path, n);
}

static void
addr_print_unix(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    struct slice path = addr_unix_path(a);

    snprintf(out, ADDR_TEXT_MAX, "unix:%.*s", (int)path.n, (const char *)path.p);
    if (path.n > 0 && path.p[0] == '\0')
        snprintf(out, ADDR_TEXT_MAX, "unix-abstract:%.*s", (int)path.n - 1,
                 (const char *)path.p + 1);
}

static char *
put_number(char *to, unsigned v)
{
    char digits[10];
    size_t n = sizeof(digits);

    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    memcpy(to, digits + n, sizeof(digits) - n);
    return to + sizeof(digits) - n;
}

/* Without printf: lines of logs have addresses of clients. */
static void
addr_print_in(const struct sockaddr_in *in, char *out)
{
    const uint8_t *bytes = (const uint8_t *)&in->sin_addr;

    for (int i = 0; i < 4; i++) {
        out = put_number(out, bytes[i]);
        *out++ = i < 3 ? '.' : ':';
    }
    *put_number(out, ntohs(in->sin_port)) = '\0';
}

const char *
addr_print(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;
    char host[INET6_ADDRSTRLEN], zone[16] = "";

    if (a->len == 0) {
        snprintf(out, ADDR_TEXT_MAX, "none");
    } else if (a->sa.ss_family == AF_INET) {
        addr_print_in(in, out);
    } else if (a->sa.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        if (in6->sin6_scope_id != 0)
            snprintf(zone, sizeof(zone), "%%%u", in6->sin6_scope_id);
        snprintf(out, ADDR_TEXT_MAX, "[%s%s]:%u", host, zone, ntohs(in6->sin6_port));
    } else {
        addr_print_unix(a, out);
    }
    return out;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
    if (a->len == 0 || b->len == 0)
        return a->len == b->len;
    if (a->sa.ss_family != b->sa.ss_family)
        return false;
    if (a->sa.ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)(const void *)&a->sa;
        const struct sockaddr_in *y = (const struct sockaddr_in *)(const void *)&b->sa;

        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)(const void *)&a->sa;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)(const void *)&b->sa;

        return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&x->sin6_addr, &y->sin6_addr);
    }
    return slice_eq(addr_unix_path(a), addr_unix_path(b));
}

static uint64_t
hash_bytes(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 1099511628211u; /* FNV-1a */
    return h;
}

/* Only bytes that addr_equal compares. */
uint64_t
addr_hash(const struct addr *a, uint64_t seed)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;
    uint64_t h = seed ^ 14695981039346656037u;

    if (a->len == 0)
        return h;
    if (a->sa.ss_family == AF_INET) {
        h = hash_bytes(h, &in->sin_port, sizeof(in->sin_port));
        h = hash_bytes(h, &in->sin_addr, sizeof(in->sin_addr));
    } else if (a->sa.ss_family == AF_INET6) {
        h = hash_bytes(h, &in6->sin6_port, sizeof(in6->sin6_port));
        h = hash_bytes(h, &in6->sin6_addr, sizeof(in6->sin6_addr));
    } else {
        struct slice path = addr_unix_path(a);

        h = hash_bytes(h, path.p, path.n);
    }
    return h ^ (h >> 32);
}

bool
addr_is_local(const struct addr *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;

    if (a->len == 0)
        return false;
    if (a->sa.ss_family == AF_INET)
        return (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    if (a->sa.ss_family ==
        AF_INET6) /* an IPv4 peer on a socket for both families: ::ffff:127.0.0.1 */
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
                in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
    return addr_is_unix(a);
}

bool
addr_is_unix(const struct addr *a)
{
    return a->len > 0 && a->sa.ss_family == AF_UNIX;
}
