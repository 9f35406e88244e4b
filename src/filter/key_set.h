/* SPDX-License-Identifier: Apache-2.0 */
/* filter/key_set.h - API keys by their SHA-256, and the client that each belongs to. The keys themselves are never kept. The file has one key per line,
 *     64 hex digits, space, name of the client
 * as `sha256sum` writes them; "#" begins a comment line. A client may have several keys (to change one). It is good as a whole or not at all: a file that was cut off
 * while it was written must not lock clients out.
 * The time of a search says nothing about the hashes: the place in the table is mixed with a random number that nobody sees, and all hashes found there are compared
 * in constant time (reliability.md J10).
 * Made by one thread, then immutable and read by any. */
#ifndef OUTRIGGER_FILTER_KEY_SET_H
#define OUTRIGGER_FILTER_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "net/digest.h"

struct key_set;
struct strbuf;

enum {
    KEY_FILE_MAX = 4 * 1024 * 1024,
    KEY_COUNT_MAX = 100 * 1000,
    KEY_CLIENT_MAX = 128, /* characters of a client's name */
};

struct key_set *key_set_new(void);
void key_set_free(struct key_set *s); /* NULL is fine */
size_t key_set_count(const struct key_set *s);

/* 0, ERR_LIMIT (KEY_COUNT_MAX), or ERR_SYNTAX: the key is there already. */
int key_set_add(struct key_set *s, const uint8_t hash[SHA256_LEN],
                struct slice client) MUST_CHECK;
/* Adds all keys of a file. ERR_SYNTAX or ERR_LIMIT: why gets a sentence without a full stop that begins with "line N: "; it has nothing of the line in it, which may
 * be a secret in the wrong place. Some of the keys were added then: the set is only good to be freed. */
int key_set_read(struct key_set *s, const char *text, size_t n,
                 struct strbuf *why) MUST_CHECK;
/* The client of the key with this hash; p NULL: unknown. Lives as long as the set. */
struct slice key_set_find(const struct key_set *s, const uint8_t hash[SHA256_LEN]);

/* 64 hex digits of either case. */
bool key_hash_read(struct slice text, uint8_t ret[SHA256_LEN]) MUST_CHECK;
/* What is wrong with the name of a client, to be put behind it; NULL: it is good for logs and headers. */
const char *key_client_refuse(struct slice name);

#endif
