/* SPDX-License-Identifier: Apache-2.0 */
/* filter/key.c - one row of kinds says how a part is written and what it takes. */
#include "filter/key.h"

#include <arpa/inet.h>
#include <assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/values.h"
#include "filter/claims.h"
#include "filter/filter.h"
#include "h2/headers.h"
#include "net/addr.h"

enum key_kind {
    KEY_HEADER,
    KEY_CLAIM,
    KEY_ADDRESS,
    KEY_SAN,
    KEY_CLIENT,
    KEY_CONNECTION,
    KEY_METHOD,
    KEY_SERVICE,
    KEY_PATH,
    KEY_HOST,
    KEY_ROUTE,
};

enum {
    NAME_MAX_BYTES = 128,
    V4_BITS = 32,
    V6_BITS = 128,
    /* One subscriber usually has a whole /64, so that a key of all bits would give it as many buckets as it likes. */
    V6_BITS_DEFAULT = 64,
};

static const struct {
    const char *word;
    enum key_kind kind;
    bool named;
} kinds[] = {
    { "header:", KEY_HEADER, true },   { "claim:", KEY_CLAIM, true },
    { "address", KEY_ADDRESS, false }, { "san", KEY_SAN, false },
    { "client", KEY_CLIENT, false },   { "connection", KEY_CONNECTION, false },
    { "method", KEY_METHOD, false },   { "service", KEY_SERVICE, false },
    { "path", KEY_PATH, false },       { "host", KEY_HOST, false },
    { "route", KEY_ROUTE, false },
};

#define KEY_WORDS                                                                        \
    "write header:NAME, claim:NAME, address, san, client, connection, method, service, " \
    "path, host or route"

/* --- how it is written -------------------------------------------------------------- */

static int
name_parse(struct key_part *part, const char **ret_why)
{
    const char *name = part->text + part->name_at;
    size_t n = strlen(name);

    if (part->kind == KEY_CLAIM) {
        *ret_why = "write the name of a claim of 1 to 128 bytes, as in \"claim:sub\"";
        return n > 0 && n <= NAME_MAX_BYTES ? ERR_OK : ERR_SYNTAX;
    }
    *ret_why = "write the name of a header in lower case, as in \"header:x-tenant\"";
    if (n == 0 || n > NAME_MAX_BYTES ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != n)
        return ERR_SYNTAX;
    if (n >= 4 && strcmp(name + n - 4, "-bin") == 0) {
        *ret_why =
            "a header that ends in -bin is no key, since the same bytes can be written "
            "in several ways; name one with plain text";
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* "", "/24", "/24/56" */
static int
bits_parse(const char *text, struct key_part *part, const char **ret_why)
{
    uint32_t *const bits[] = { &part->v4_bits, &part->v6_bits };
    const uint64_t max[] = { V4_BITS, V6_BITS };

    part->v4_bits = V4_BITS;
    part->v6_bits = V6_BITS_DEFAULT;
    *ret_why =
        "write address, address/24 (bits of an IPv4 address), or address/24/56 (and "
        "of an IPv6 address, which are 64 else)";
    for (size_t i = 0; *text; i++) {
        char digits[4];
        uint64_t n;
        size_t len;

        if (i == ARRAY_LEN(bits) || *text != '/')
            return ERR_SYNTAX;
        len = strcspn(++text, "/");
        if (len == 0 || len >= sizeof(digits))
            return ERR_SYNTAX;
        memcpy(digits, text, len);
        digits[len] = '\0';
        if (uint_parse(digits, max[i], &n) != ERR_OK || n == 0)
            return ERR_SYNTAX;
        *bits[i] = (uint32_t)n;
        text += len;
    }
    return ERR_OK;
}

int
key_part_parse(struct key_part *part, const char **ret_why)
{
    const char *text = part->text;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t n = strlen(kinds[i].word);

        if (strncmp(text, kinds[i].word, n) != 0)
            continue;
        part->kind = kinds[i].kind;
        part->name_at = kinds[i].named ? (uint32_t)n : 0;
        if (kinds[i].named)
            return name_parse(part, ret_why);
        if (kinds[i].kind == KEY_ADDRESS)
            return bits_parse(text + n, part, ret_why);
        if (!text[n])
            return ERR_OK;
    }
    *ret_why = KEY_WORDS;
    return ERR_SYNTAX;
}

int
key_part_valid(const char *text, const char **ret_why)
{
    struct key_part part = { .text = text };

    return key_part_parse(&part, ret_why);
}

static void
part_check(void *obj, struct conf_place *place)
{
    struct key_part *part = obj;
    const char *why;
    int err = ERR_OK;

    (void)place;
    if (part->text) /* NULL: what stood there was refused */
        err = key_part_parse(part, &why);
    assert(err == ERR_OK);
    (void)err;
}

static const struct conf_field part_fields[] = {
    { .key = "part",
      .type = CONF_STRING,
      .at = offsetof(struct key_part, text),
      .required = true,
      .valid = key_part_valid,
      .code = "E0430",
      .example = "\"header:x-tenant\"",
      .help =
          "header:NAME or claim:NAME (the first value), address of the client (/24/56: "
          "so many bits of an IPv4 and of an IPv6 address, else 32 and 64), san "
          "(identity by TLS), client (of apiKey), connection, method, service, path, "
          "host or route. A bare string means the same." },
    { .key = NULL },
};

const struct conf_struct key_part_struct = {
    .name = "key part",
    .size = sizeof(struct key_part),
    .fields = part_fields,
    .short_key = "part",
    .check = part_check,
};

/* --- what it takes ------------------------------------------------------------------ */

static void
mask_bits(uint8_t *p, unsigned n, unsigned bits)
{
    for (unsigned i = 0; i < n; i++, bits -= bits < CHAR_BIT ? bits : CHAR_BIT) {
        if (bits < CHAR_BIT)
            p[i] &= (uint8_t)(0xff00 >> bits);
    }
}

static struct slice
address_print(int family, uint8_t *bytes, unsigned bits, char room[KEY_ROOM])
{
    unsigned all = family == AF_INET ? V4_BITS : V6_BITS;
    size_t n;

    mask_bits(bytes, all / CHAR_BIT, bits);
    if (!inet_ntop(family, bytes, room, KEY_ROOM))
        return (struct slice){ 0 };
    n = strlen(room);
    if (bits < all)
        n += (size_t)snprintf(room + n, KEY_ROOM - n, "/%u", bits);
    return slice_make(room, n);
}

/* "10.0.0.1", "10.0.0.0/24", "2001:db8::/64", "unix". An IPv4 client of a socket for both families is an IPv4 client. */
static struct slice
address_get(const struct key_part *part, const struct addr *a, char room[KEY_ROOM])
{
    if (!a || a->len == 0)
        return (struct slice){ 0 };
    if (a->sa.ss_family == AF_INET) {
        struct in_addr in = ((const struct sockaddr_in *)(const void *)&a->sa)->sin_addr;

        return address_print(AF_INET, (uint8_t *)&in, part->v4_bits, room);
    }
    if (a->sa.ss_family == AF_INET6) {
        struct in6_addr in =
            ((const struct sockaddr_in6 *)(const void *)&a->sa)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&in))
            return address_print(AF_INET, &in.s6_addr[12], part->v4_bits, room);
        return address_print(AF_INET6, in.s6_addr, part->v6_bits, room);
    }
    return slice_of("unix");
}

static struct slice
host_get(const struct filter_call *fc)
{
    struct slice host = h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);

    return host.p ? host : h2_headers_get(fc->request, H2_TOKEN_HOST);
}

static struct slice
claim_get(const struct filter_call *fc, const char *name)
{
    size_t at = 0;
    const struct claim *c =
        fc->claims ? claims_find(fc->claims, slice_of(name), &at) : NULL;

    return c ? c->value : (struct slice){ 0 };
}

struct slice
key_part_get(const struct key_part *part, const struct filter_call *fc,
             char room[KEY_ROOM])
{
    switch ((enum key_kind)part->kind) {
    case KEY_HEADER:
        return filter_header(fc, slice_of(part->text + part->name_at));
    case KEY_CLAIM:
        return claim_get(fc, part->text + part->name_at);
    case KEY_ADDRESS:
        return address_get(part, fc->address, room);
    case KEY_SAN:
        return slice_of(filter_identity(fc));
    case KEY_CLIENT:
        return fc->client;
    case KEY_CONNECTION:
        return slice_make(room,
                          (size_t)snprintf(room, KEY_ROOM, "%u.%llu", fc->worker,
                                           (unsigned long long)filter_connection(fc)));
    case KEY_METHOD:
        return fc->method;
    case KEY_SERVICE:
        return fc->service;
    case KEY_PATH:
        return fc->path;
    case KEY_HOST:
        return host_get(fc);
    case KEY_ROUTE:
        return slice_of(fc->route);
    }
    return (struct slice){ 0 };
}

/* The hash of the parts' hashes: texts of any length, no copy, and no way to shift bytes from one part into the next. */
struct sip_hash
key_hash(const struct conf_list *parts, const struct filter_call *fc,
         const struct sip_secret *secret, bool *ret_missing)
{
    const struct key_part *part = parts->items;
    struct sip_hash of[KEY_PARTS_MAX + 1] = { 0 };
    char room[KEY_ROOM];

    for (size_t i = 0; i < parts->n; i++) {
        struct slice text = key_part_get(&part[i], fc, room);

        if (text.p)
            of[i] = sip_hash(secret, text.p, text.n);
        else
            of[parts->n].lo |= UINT64_C(1) << i;
    }
    *ret_missing = of[parts->n].lo != 0;
    return sip_hash(secret, of, (parts->n + 1) * sizeof(of[0]));
}

void
key_print(const struct conf_list *parts, struct strbuf *out)
{
    const struct key_part *part = parts->items;

    for (size_t i = 0; i < parts->n; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", part[i].text);
}
