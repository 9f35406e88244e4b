/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descset_int.h - what a set of descriptors is: for descset_walk.c, which makes it, and descset.c, which answers questions. */
#ifndef OUTRIGGER_GRPC_DESCSET_INT_H
#define OUTRIGGER_GRPC_DESCSET_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "grpc/descset.h"

struct desc_file {
    struct slice bytes, name;
    size_t import_at, imports; /* in descset.imports */
};

struct desc_name {
    uint64_t hash;
    uint32_t file;
    uint32_t number; /* of an extension: hash is the type's */
};

struct desc_list {
    struct desc_name *v;
    size_t n, room;
};

struct descset {
    struct desc_file *files;
    size_t n;
    uint32_t *imports;
    size_t import_count;
    struct desc_list names, extensions, file_names;
    char *services[DESCSET_SERVICES_MAX];
    size_t service_count;
};

/* Of a whole name. */
uint64_t desc_hash_of(struct slice name);
/* Of "scope.name", or of "name" where there is no scope. */
uint64_t desc_hash_in(uint64_t scope, struct slice name);
void desc_list_add(struct desc_list *l, const struct desc_name *one);
/* Before anything is searched in it. */
void desc_list_sort(struct desc_list *l);

#endif
