/* SPDX-License-Identifier: Apache-2.0 */
/* filter/key.h - `key` of the filters that count by client, tenant or method: a list of parts, each of which takes one text from the call.
 *     "key": ["header:x-tenant", "method"]
 * The parts are parsed while the config is loaded: a row's plain values are all that a call needs. A part that the call does not have (no such header, no
 * certificate) differs from one that is there and empty. Of headers and claims with several values the first one counts, since that is the one that an
 * earlier filter sets. Immutable; any thread. */
#ifndef OUTRIGGER_FILTER_KEY_H
#define OUTRIGGER_FILTER_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/siphash.h"
#include "base/slice.h"
#include "conf/field.h"

struct filter_call;
struct strbuf;

enum {
    KEY_PARTS_MAX = 8,
    KEY_ROOM = 64, /* bytes for the text of a part that is made: an address, a number */
};

struct key_part {
    const char *text; /* as in the file */
    /* from text: */
    uint32_t kind;    /* key.c */
    uint32_t name_at; /* of the header's or claim's name in text; 0: none */
    uint32_t v4_bits, v6_bits;
};

/* Row of a list of parts: a string, or { "part": string }. */
extern const struct conf_struct key_part_struct;

/* For structs that have a part in them: conf_field.valid of its text; and what their check does, which sets all of part but text from it (pure; ERR_SYNTAX with a
 * plain sentence, part is of no use then). */
int key_part_valid(const char *text, const char **ret_why);
int key_part_parse(struct key_part *part, const char **ret_why) MUST_CHECK;

/* The part's text in this call: points into the call, or into room. p NULL: the call has none. */
struct slice key_part_get(const struct key_part *part, const struct filter_call *fc,
                          char room[KEY_ROOM]);
/* One hash for all parts (of struct key_part). *ret_missing: the call lacks at least one of them. */
struct sip_hash key_hash(const struct conf_list *parts, const struct filter_call *fc,
                         const struct sip_secret *secret, bool *ret_missing);
/* Adds the parts as people read them: "header:x-tenant, method". */
void key_print(const struct conf_list *parts, struct strbuf *out);

#endif
