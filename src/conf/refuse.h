/* SPDX-License-Identifier: Apache-2.0 */
/* conf/refuse.h - complaints about one value, with its path in front. For room conf only. */
#ifndef OUTRIGGER_CONF_REFUSE_H
#define OUTRIGGER_CONF_REFUSE_H

#include "base/compat.h"

struct conf_field;
struct conf_place;
struct conf_struct;
struct json_t;

/* "pools[0].name <fmt><why_not>" with this code. key: below place; NULL: place itself. */
void refuse(struct conf_place *place, const char *key, const char *code,
            const char *why_not, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The value is of another JSON type than the row wants; says what is probably meant. */
void refuse_type(struct conf_place *place, const struct conf_field *f, const char *key,
                 const struct json_t *json);
/* The object has a key that is not known. variant: whose keys may stand there too; NULL:
 * none. Returns the key of the object that was probably meant; NULL: no idea. */
const char *refuse_key(struct conf_place *place, const struct conf_struct *root,
                       const struct conf_struct *type, const struct conf_struct *variant,
                       const char *key);
/* The object does not have a key that it needs. */
void refuse_missing(struct conf_place *place, const struct conf_field *f);
/* The same of the tag of a tagged struct; says what was probably meant. */
void refuse_no_tag(struct conf_place *place, const struct conf_struct *type,
                   const struct json_t *object);

#endif
