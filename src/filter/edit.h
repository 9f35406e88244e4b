/* SPDX-License-Identifier: Apache-2.0 */
/* filter/edit.h - header edits of routes and filters: each is a small program made while loading, run over the fields of a block. First every field named in remove
 * or set goes, then set adds one field of each of its names, then add adds one more field of its names.
 * Two steps, so that a call that is tried again writes its values once: edit_values makes the texts, edit_apply changes a block.
 * Bounded: a program adds at most EDIT_ADDS_MAX fields (the config is refused else) and EDIT_BYTES_MAX bytes of values. No malloc.
 * A value that is empty because its variables are is not added.
 * Made by the loading thread, used by any. */
#ifndef OUTRIGGER_FILTER_EDIT_H
#define OUTRIGGER_FILTER_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "base/slice.h"

struct arena;
struct edit;
struct edit_conf;
struct h2_field;
struct h2_headers;
struct slab;
struct template_values;

enum {
    EDIT_ADDS_MAX = 64, /* set and add of one program together */
    EDIT_BYTES_MAX = 8 * 1024,
};

/* NULL when there is nothing to do. The strings of conf must outlive it. */
struct edit *edit_new(const struct edit_conf *conf);
void edit_free(struct edit *e);
/* template_wants of all its values. */
unsigned edit_wants(const struct edit *e);
/* Most fields that it adds to a block. */
size_t edit_adds(const struct edit *e);
/* The texts of this call; they live as long as the arena and the program. ERR_LIMIT when they are too long, ERR_NOMEM when the arena is full. */
int edit_values(const struct edit *e, const struct template_values *values,
                struct arena *arena, const struct slice **ret) MUST_CHECK;
/* Changes fields[0..n), which has room for edit_adds more. values: from edit_values. Returns the new number. */
size_t edit_apply(const struct edit *e, const struct slice *values,
                  struct h2_field *fields, size_t n);

/* The same for a block that grows by itself (h2/edit.h). values must live as long as the block. ERR_LIMIT, ERR_NOMEM: there is no room; some of it is done then. */
int edit_apply_block(const struct edit *e, const struct slice *values,
                     struct h2_headers *h, struct slab *slab) MUST_CHECK;
/* Field i < edit_adds that the program adds. False: it is left out, since its variables gave nothing. */
bool edit_added(const struct edit *e, const struct slice *values, size_t i,
                struct slice *ret_name, struct slice *ret_value);

/* For loading: why this is no name of a header of the config file, or why headers of this name cannot be edited; NULL: all is well. Sentences without
 * a full stop. */
const char *edit_name_malformed(const char *name);
const char *edit_name_refuse(const char *name);
/* An outside service may set and remove headers of this name: not pseudo headers, not what belongs to the connection or to gRPC. */
bool edit_name_is_open(struct slice name);

#endif
