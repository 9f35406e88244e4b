/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_target.c - reads targets from the left: scheme, server, host, port. */
#include "resolve/dns_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "resolve/dns_answer.h"

static int
fail(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_SYNTAX;
}

/* --- name servers ---------------------------------------------------------------- */

int
dns_server_parse(const char *text, struct addr *ret, const char **ret_why)
{
    static const char form[] =
        "a name server is written as an address, such as 10.96.0.10, 127.0.0.1:5353 or "
        "[::1]:53";
    struct in6_addr in6;
    char full[ADDR_TEXT_MAX];
    const char *why;
    int n;

    if (inet_pton(AF_INET6, text, &in6) == 1)
        n = snprintf(full, sizeof(full), "[%s]:%d", text, DNS_PORT);
    else if (text[0] == '[' ? !strstr(text, "]:") : !strchr(text, ':'))
        n = snprintf(full, sizeof(full), "%s:%d", text, DNS_PORT);
    else
        n = snprintf(full, sizeof(full), "%s", text);
    if (n < 0 || n >= (int)sizeof(full) || addr_parse(full, false, ret, &why) != ERR_OK ||
        addr_is_unix(ret))
        return fail(ret_why, form);
    return ERR_OK;
}

/* --- targets ---------------------------------------------------------------------- */

/* Splits off "scheme:", "scheme:///" or "scheme://server/"; *text moves to the rest. */
static int
take_head(const char **text, const char *scheme, struct dns_target *t,
          const char **ret_why)
{
    size_t n = strlen(scheme);
    char server[ADDR_TEXT_MAX];
    const char *slash;

    if (strncasecmp(*text, scheme, n) != 0 || (*text)[n] != ':')
        return ERR_OK;
    *text += n + 1;
    if (strncmp(*text, "//", 2) != 0) {
        if (**text == '/')
            return fail(ret_why, "write three slashes, as in \"dns:///host:port\"");
        return ERR_OK;
    }
    *text += 2;
    slash = strchr(*text, '/');
    if (!slash)
        return fail(ret_why, "after two slashes comes a name server; without one write "
                             "three slashes, as in \"dns:///host:port\"");
    n = (size_t)(slash - *text);
    if (n >= sizeof(server))
        return fail(ret_why, "the address of the name server is too long");
    memcpy(server, *text, n);
    server[n] = '\0';
    *text = slash + 1;
    return n ? dns_server_parse(server, &t->server, ret_why) : ERR_OK;
}

static int
take_host(const char *text, size_t n, struct dns_target *t, const char **ret_why)
{
    const char *why = dns_name_why_bad(text, n);

    if (why)
        return fail(ret_why, why);
    t->absolute = text[n - 1] == '.';
    dns_name_copy(t->host, text, n);
    return ERR_OK;
}

/* Sets the port; false: no number from 1 to 65535. */
static bool
take_port(const char *text, struct dns_target *t)
{
    unsigned port = 0;

    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        port = port * 10 + (unsigned)(*text - '0');
    }
    t->port = (uint16_t)port;
    return port > 0 && port <= 65535;
}

/* A name whose last part is a number would be taken for an address by others (RFC 1123). */
static bool
ends_in_number(const char *host)
{
    const char *last = strrchr(host, '.');

    last = last ? last + 1 : host;
    return last[strspn(last, "0123456789")] == '\0';
}

int
dns_target_parse(const char *text, struct dns_target *ret, const char **ret_why)
{
    struct dns_target t = { 0 };
    struct in6_addr in6;
    const char *colon, *ignored;

    if (take_head(&text, "dns", &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    if (*text == '\0')
        return fail(ret_why, "the name is missing; write \"dns:///host:port\"");
    if (strchr(text, ','))
        return fail(ret_why, "one target has one name; write each name as an endpoint of "
                             "its own");
    if (strchr(text, '/'))
        return fail(ret_why, "a name has no slash; write \"dns:///host:port\"");
    if (text[0] == '[') {
        *ret = t;
        return addr_parse(text, false, &ret->literal, ret_why);
    }
    if (inet_pton(AF_INET6, text, &in6) == 1)
        return fail(ret_why, "an IPv6 address has brackets: \"[::1]:50051\"");
    colon = strrchr(text, ':');
    if (!colon)
        return fail(ret_why, "the port is missing; write \"dns:///host:port\" (443 is "
                             "not assumed)");
    if (!take_port(colon + 1, &t))
        return fail(ret_why, "after the last colon comes the port, a number from 1 to "
                             "65535");
    if (addr_parse(text, false, &t.literal, &ignored) == ERR_OK &&
        !addr_is_unix(&t.literal)) {
        *ret = t;
        return ERR_OK;
    }
    t.literal.len = 0;
    if (take_host(text, (size_t)(colon - text), &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    if (ends_in_number(t.host))
        return fail(ret_why, "this is neither an IPv4 address nor a name");
    *ret = t;
    return ERR_OK;
}

int
srv_target_parse(const char *text, struct dns_target *ret, const char **ret_why)
{
    static const char form[] =
        "an SRV name is _service._proto.host, as in \"srv:///_grpc._tcp.app.example\"";
    struct dns_target t = { .srv = true };
    const char *second;

    if (take_head(&text, "srv", &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    if (strchr(text, ':'))
        return fail(ret_why, "an SRV target has no port: the record says it");
    if (take_host(text, strlen(text), &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    second = strchr(t.host, '.');
    if (t.host[0] != '_' || !second || second[1] != '_' || !strchr(second + 1, '.'))
        return fail(ret_why, form);
    *ret = t;
    return ERR_OK;
}

/* --- search list ------------------------------------------------------------------- */

static unsigned
count_dots(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == '.';
    return n;
}

bool
dns_search_name(const struct dns_search *s, const struct dns_target *t, size_t i,
                char out[DNS_HOST_ROOM])
{
    bool bare_first = count_dots(t->host) >= s->ndots;
    size_t domains = t->absolute ? 0 : s->n;
    char full[2 * DNS_HOST_ROOM];
    size_t bare = bare_first ? 0 : domains;
    int n;

    if (i > domains)
        return false;
    if (i == bare) {
        memcpy(out, t->host, strlen(t->host) + 1);
        return true;
    }
    n = snprintf(full, sizeof(full), "%s.%s", t->host,
                 s->domains[bare_first ? i - 1 : i]);
    if (n < 0 || n >= (int)sizeof(full) || dns_name_why_bad(full, (size_t)n)) {
        /* A domain that makes no name (".", too long): the bare name stands in for it, and
         * asking that twice harms nobody. */
        memcpy(out, t->host, strlen(t->host) + 1);
        return true;
    }
    dns_name_copy(out, full, (size_t)n);
    return true;
}
