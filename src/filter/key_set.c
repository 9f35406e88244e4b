/* SPDX-License-Identifier: Apache-2.0 */
/* filter/key_set.c - open addressing with linear probing; at most half of the places are taken. */
#include "filter/key_set.h"

#include <string.h>

#include "base/err.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { PLACES_FIRST = 16 };

struct key {
    uint8_t hash[SHA256_LEN];
    uint32_t client, client_len; /* in names */
};

struct key_set {
    uint64_t seed;
    struct key *keys;
    size_t n, room;
    char *names;
    size_t names_len, names_room;
    uint32_t *places; /* index of a key + 1; 0: free */
    size_t n_places;  /* a power of two */
};

struct key_set *
key_set_new(void)
{
    struct key_set *s = xcalloc(1, sizeof(*s));
    struct rng r;

    rng_seed_system(&r);
    s->seed = rng_next(&r);
    s->n_places = PLACES_FIRST;
    s->places = xcalloc(s->n_places, sizeof(*s->places));
    return s;
}

void
key_set_free(struct key_set *s)
{
    if (!s)
        return;
    xfree(s->keys);
    xfree(s->names);
    xfree(s->places);
    xfree(s);
}

size_t
key_set_count(const struct key_set *s)
{
    return s->n;
}

/* --- the table ---------------------------------------------------------------------- */

static size_t
place_first(const struct key_set *s, const uint8_t hash[SHA256_LEN])
{
    uint64_t v;

    /* A SHA-256 is random enough; the seed and the mixing (the finalizer of splitmix64) are against files made for us. */
    memcpy(&v, hash, sizeof(v));
    v ^= s->seed;
    v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(v ^ v >> 31) & (s->n_places - 1);
}

/* The first free place of the key's run. */
static size_t
place_free(const struct key_set *s, const uint8_t hash[SHA256_LEN])
{
    size_t at = place_first(s, hash);

    while (s->places[at])
        at = (at + 1) & (s->n_places - 1);
    return at;
}

static void
places_grow(struct key_set *s)
{
    xfree(s->places);
    s->n_places *= 2;
    s->places = xcalloc(s->n_places, sizeof(*s->places));
    for (size_t i = 0; i < s->n; i++)
        s->places[place_free(s, s->keys[i].hash)] = (uint32_t)i + 1;
}

/* The whole run is compared, so that a hit takes the time of a miss. */
static const struct key *
key_search(const struct key_set *s, const uint8_t hash[SHA256_LEN])
{
    const struct key *found = NULL;

    for (size_t at = place_first(s, hash); s->places[at];
         at = (at + 1) & (s->n_places - 1)) {
        const struct key *k = &s->keys[s->places[at] - 1];

        if (secret_equal(k->hash, hash, SHA256_LEN))
            found = k;
    }
    return found;
}

struct slice
key_set_find(const struct key_set *s, const uint8_t hash[SHA256_LEN])
{
    const struct key *k = key_search(s, hash);

    return k ? slice_make(s->names + k->client, k->client_len) : (struct slice){ 0 };
}

/* --- making ------------------------------------------------------------------------- */

static uint32_t
name_keep(struct key_set *s, struct slice name)
{
    size_t at = s->names_len;

    if (at + name.n > s->names_room) {
        s->names_room = 2 * (at + name.n);
        s->names = xrealloc(s->names, s->names_room);
    }
    memcpy(s->names + at, name.p, name.n);
    s->names_len += name.n;
    return (uint32_t)at;
}

int
key_set_add(struct key_set *s, const uint8_t hash[SHA256_LEN], struct slice client)
{
    struct key *k;

    if (key_search(s, hash))
        return ERR_SYNTAX;
    if (s->n >= KEY_COUNT_MAX)
        return ERR_LIMIT;
    if (2 * (s->n + 1) > s->n_places)
        places_grow(s);
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : PLACES_FIRST;
        s->keys = xrealloc(s->keys, s->room * sizeof(*s->keys));
    }
    s->places[place_free(s, hash)] = (uint32_t)s->n + 1;
    k = &s->keys[s->n++];
    memcpy(k->hash, hash, SHA256_LEN);
    k->client = name_keep(s, client);
    k->client_len = (uint32_t)client.n;
    return ERR_OK;
}

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
key_hash_read(struct slice text, uint8_t ret[SHA256_LEN])
{
    uint8_t hash[SHA256_LEN];

    if (text.n != (size_t)2 * SHA256_LEN)
        return false;
    for (size_t i = 0; i < SHA256_LEN; i++) {
        int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret, hash, SHA256_LEN);
    return true;
}

const char *
key_client_refuse(struct slice name)
{
    if (name.n == 0 || name.n > KEY_CLIENT_MAX)
        return "it must have 1 to 128 characters";
    if (slice_eq_str(name, "-")) /* of sha256sum, for its standard input */
        return "write the name of the client in the place of \"-\"";
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < 0x20 || name.p[i] > 0x7e || name.p[i] == '"' || name.p[i] == '\\')
            return "it may have only characters from space to ~, and neither \" nor \\";
    }
    return name.p[0] == ' ' || name.p[name.n - 1] == ' '
               ? "it may not begin or end with a space"
               : NULL;
}

/* --- the file ----------------------------------------------------------------------- */

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static int
line_read(struct key_set *s, struct slice line, unsigned long number, struct strbuf *why)
{
    enum { HEX = 2 * SHA256_LEN };
    uint8_t hash[SHA256_LEN];
    struct slice client;
    const char *refused;
    int rv;

    if (line.n <= HEX || !is_blank(line.p[HEX]) ||
        !key_hash_read(slice_make(line.p, HEX), hash)) {
        strbuf_printf(why,
                      "line %lu: a line has the SHA-256 of a key as 64 hex digits, a "
                      "space, and the name of the client; printf %%s KEY | sha256sum "
                      "writes the first of them",
                      number);
        return ERR_SYNTAX;
    }
    client = trim(slice_make(line.p + HEX, line.n - HEX));
    refused = key_client_refuse(client);
    if (refused) {
        strbuf_printf(why, "line %lu: the client's name: %s", number, refused);
        return ERR_SYNTAX;
    }
    rv = key_set_add(s, hash, client);
    if (rv == ERR_LIMIT)
        strbuf_printf(why, "line %lu: there are more than %d keys", number,
                      KEY_COUNT_MAX);
    else if (rv != ERR_OK)
        strbuf_printf(why, "line %lu: this key stands here for the second time", number);
    return rv;
}

int
key_set_read(struct key_set *s, const char *text, size_t n, struct strbuf *why)
{
    unsigned long number = 1;

    for (const char *at = text, *end = text + n; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct slice line = trim(slice_make(at, (size_t)((stop ? stop : end) - at)));
        int rv =
            line.n == 0 || line.p[0] == '#' ? ERR_OK : line_read(s, line, number, why);

        if (rv != ERR_OK)
            return rv;
        at = stop ? stop + 1 : end;
    }
    return ERR_OK;
}
