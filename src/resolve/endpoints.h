/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/endpoints.h - the endpoints file: a list, or an object with the list "endpoints".
 * An item is an address, or an object:
 *     { "target": "1.2.3.4:50051", "weight": 10, "priority": 0, "zone": "a",
 *       "hashKey": "node-7", "labels": { "version": "v2" } }
 * JSON with comments and trailing commas, as the config. Pure; any thread. */
#ifndef OUTRIGGER_RESOLVE_ENDPOINTS_H
#define OUTRIGGER_RESOLVE_ENDPOINTS_H

#include <stddef.h>

#include "resolve/resolver.h"

struct json_t;
struct strbuf;

enum {
    ENDPOINTS_FILE_MAX = 8 << 20,
    ENDPOINTS_WEIGHT_MAX = 1000000,
    ENDPOINTS_PRIORITY_MAX = 127,
};

struct endpoints {
    struct resolved *v; /* without doubles; the first of them counts */
    size_t n;
    struct resolve_label *labels;
    struct json_t *tree; /* holds the strings */
};

/* Reads text[0..n), which it changes. ERR_SYNTAX (also when there is no endpoint) adds
 * "line 3, column 5: ..." to why. On success *ret is to be given to endpoints_done. */
int endpoints_parse(char *text, size_t n, struct endpoints *ret,
                    struct strbuf *why) MUST_CHECK;
void endpoints_done(struct endpoints *e);

#endif
