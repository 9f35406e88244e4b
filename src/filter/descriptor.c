/* SPDX-License-Identifier: Apache-2.0 */
/* filter/descriptor.c - rows of descriptors, and their values in a call. */
#include "filter/descriptor.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "conf/check.h"
#include "filter/filter.h"

/* --- rows ----------------------------------------------------------------------------- */

static void
entry_check(void *obj, struct conf_place *place)
{
    struct descriptor_entry *e = obj;
    const char *why;
    int err = ERR_OK;

    if (e->from.text)
        err = key_part_parse(&e->from, &why);
    assert(err == ERR_OK);
    (void)err;
    if (!conf_place_clean(place) || (e->value != NULL) != (e->from.text != NULL))
        return;
    if (e->value)
        conf_problem(
            place, "value", "E0452",
            "value is a fixed text and from a part of the call; an entry has one "
            "of the two: remove the other");
    else
        conf_problem(place, NULL, "E0452",
                     "this entry has no value: write from with a part of the call, as in "
                     "\"header:x-tenant\", or value with a fixed text");
}

static const struct conf_field entry_fields[] = {
    { .key = "from",
      .type = CONF_STRING,
      .at = offsetof(struct descriptor_entry, from.text),
      .valid = key_part_valid,
      .code = "E0430",
      .example = "\"header:x-tenant\"",
      .help =
          "The part of the call that is the value: header:NAME, claim:NAME, address, "
          "san, client, connection, method, service, path, host or route. A bare string "
          "means the same. A call that lacks it does not have the descriptor." },
    { .key = "value",
      .type = CONF_STRING,
      .at = offsetof(struct descriptor_entry, value),
      .hide = CONF_SHOW,
      .example = "\"all\"",
      .help = "A fixed text as the value." },
    { .key = "key",
      .type = CONF_STRING,
      .at = offsetof(struct descriptor_entry, key),
      .hide = CONF_SHOW,
      .example = "\"tenant\"",
      .help =
          "The name of the pair. Default: generic_key for a fixed text, remote_address "
          "for address, NAME for header:NAME and claim:NAME, else the word in from." },
    { .key = NULL },
};

static const struct conf_struct entry_struct = {
    .name = "entry",
    .size = sizeof(struct descriptor_entry),
    .fields = entry_fields,
    .short_key = "from",
    .check = entry_check,
};

static void
descriptor_check(void *obj, struct conf_place *place)
{
    const struct descriptor_conf *c = obj;

    if (c->rate.rate.events > 0)
        rate_conf_check(&c->rate, place);
    else if (c->rate.burst && conf_place_clean(place))
        conf_problem(
            place, "burst", "E0453",
            "burst belongs to a rate, and this descriptor has none: add rate, as "
            "in \"100/s\", or remove burst");
}

static const struct conf_field descriptor_fields[] = {
    { .key = "entries",
      .type = CONF_LIST,
      .at = offsetof(struct descriptor_conf, entries),
      .sub = &entry_struct,
      .required = true,
      .one_ok = true,
      .min = 1,
      .max = DESCRIPTOR_ENTRIES_MAX,
      .example = "[{ \"key\": \"tenant\", \"from\": \"header:x-tenant\" }, \"method\"]",
      .help = "The pairs that say of which calls the limit counts." },
    { .key = "rate",
      .type = CONF_RATE,
      .at = offsetof(struct descriptor_conf, rate.rate),
      .min = 1,
      .max = BUCKET_RATE_MAX * CONF_PER_S,
      .example = "\"100/s\"",
      .help = "With redis: so many calls with the same values may go on per second (/s), "
              "minute (/m), hour (/h) or day (/d). With a pool the service knows the "
              "limit." },
    { .key = "burst",
      .type = CONF_UINT,
      .at = offsetof(struct descriptor_conf, rate.burst),
      .def = "0",
      .max = 1000000000,
      .example = "20",
      .help =
          "So many may go on at once after a rest; then they follow at the rate. 0: as "
          "many as the rate has for its unit." },
    { .key = NULL },
};

const struct conf_struct descriptor_conf_struct = {
    .name = "descriptor",
    .size = sizeof(struct descriptor_conf),
    .fields = descriptor_fields,
    .check = descriptor_check,
};

const char *
descriptor_entry_key(const struct descriptor_entry *e)
{
    if (e->key)
        return e->key;
    if (e->value)
        return "generic_key";
    if (strncmp(e->from.text, "address", 7) == 0)
        return "remote_address";
    return e->from.text + e->from.name_at;
}

/* --- values --------------------------------------------------------------------------- */

/* p NULL: the call lacks it; *full: the arena is full. */
static struct slice
entry_value(const struct descriptor_entry *e, const struct filter_call *fc, bool *full)
{
    char room[KEY_ROOM];
    struct slice text;
    const void *kept;

    if (e->value)
        return slice_of(e->value);
    text = key_part_get(&e->from, fc, room);
    if (text.p != (const uint8_t *)room)
        return text;
    kept = arena_copy(fc->arena, room, text.n ? text.n : 1);
    *full = *full || !kept;
    return slice_make(kept, text.n);
}

/* True: the call has it. */
static bool
descriptor_make(const struct descriptor_conf *conf, const struct filter_call *fc,
                struct rls_descriptor *ret, bool *full)
{
    const struct descriptor_entry *e = conf->entries.items;
    struct rls_pair *pairs = arena_alloc(fc->arena, conf->entries.n * sizeof(*pairs));

    *full = *full || !pairs;
    for (size_t i = 0; i < conf->entries.n && !*full; i++) {
        pairs[i].name = slice_of(descriptor_entry_key(&e[i]));
        pairs[i].value = entry_value(&e[i], fc, full);
        if (!pairs[i].value.p)
            return false;
    }
    *ret = (struct rls_descriptor){ pairs, conf->entries.n };
    return !*full;
}

bool
descriptors_make(const struct conf_list *list, const struct filter_call *fc,
                 struct descriptors *ret)
{
    const struct descriptor_conf *conf = list->items;
    bool full = false;

    ret->n = 0;
    for (size_t i = 0; i < list->n && !full; i++) {
        if (!descriptor_make(&conf[i], fc, &ret->v[ret->n], &full))
            continue;
        ret->conf[ret->n++] = &conf[i];
    }
    return !full;
}
