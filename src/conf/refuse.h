/* SPDX-License-Identifier: Apache-2.0 */
/* conf/refuse.h - complaints about one value, with its path in front. For room conf only. */
#ifndef OUTRIGGER_CONF_REFUSE_H
#define OUTRIGGER_CONF_REFUSE_H

#include "base/compat.h"

struct conf_field;
struct conf_place;
struct json_t;

/* "pools[0].name <fmt><why_not>" with this code. key: below place; NULL: place itself. */
void refuse(struct conf_place *place, const char *key, const char *code,
            const char *why_not, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The value is of another JSON type than the row wants; says what is probably meant. */
void refuse_type(struct conf_place *place, const struct conf_field *f, const char *key,
                 const struct json_t *json);

#endif
