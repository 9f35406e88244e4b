/* SPDX-License-Identifier: Apache-2.0 */
/* filter/api_key_conf.h - what the config file says about API keys. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_API_KEY_CONF_H
#define OUTRIGGER_FILTER_API_KEY_CONF_H

#include <stdbool.h>

#include "conf/field.h"
#include "filter/watched.h"

/* Where a client puts its key. */
struct api_key_header_conf {
    const char *name;
    const char
        *prefix; /* what stands before the key ("Bearer "), in any case; NULL: nothing */
};

struct api_key_entry_conf {
    const char *client;
    const char *sha256; /* 64 hex digits */
};

struct api_key_conf {
    struct conf_list headers; /* of struct api_key_header_conf; empty: x-api-key */
    const char *file;         /* NULL: none */
    struct conf_list keys;    /* of struct api_key_entry_conf */
    bool forward;
    const char *client_header;       /* NULL: none */
    struct conf_list except_methods; /* of struct pattern_conf */
};

extern const struct conf_struct api_key_conf_struct;
/* Reads a struct key_set; arg: the struct api_key_conf, whose keys are in it too. */
extern const struct watched_kind api_key_file;

#endif
