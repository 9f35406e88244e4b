/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descset.c - what is asked of a set: three lists of hashes, sorted and searched by halves: names, extensions, names of files. descset_walk.c fills them. */
#include "grpc/descset.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "grpc/descset_int.h"

/* --- hashes ---------------------------------------------------------------------------- */

static const uint64_t desc_hash_none = UINT64_C(0xcbf29ce484222325);

/* FNV-1a */
static uint64_t
desc_hash_add(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

uint64_t
desc_hash_in(uint64_t scope, struct slice name)
{
    if (scope != desc_hash_none)
        scope = desc_hash_add(scope, slice_of("."));
    return desc_hash_add(scope, name);
}

uint64_t
desc_hash_of(struct slice name)
{
    return desc_hash_add(desc_hash_none, name);
}

/* --- lists ----------------------------------------------------------------------------- */

static int
desc_name_compare(const void *a, const void *b)
{
    const struct desc_name *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

void
desc_list_add(struct desc_list *l, const struct desc_name *one)
{
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 64;
        l->v = xrealloc(l->v, l->room * sizeof(*l->v));
    }
    l->v[l->n++] = *one;
}

void
desc_list_sort(struct desc_list *l)
{
    if (l->n > 0)
        qsort(l->v, l->n, sizeof(*l->v), desc_name_compare);
}

/* The first that is not smaller; l->n: all are. */
static size_t
desc_list_find(const struct desc_list *l, uint64_t hash, uint32_t number)
{
    const struct desc_name wanted = { .hash = hash, .number = number };
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (desc_name_compare(&l->v[mid], &wanted) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static size_t
desc_list_file(const struct desc_list *l, uint64_t hash, uint32_t number)
{
    size_t i = desc_list_find(l, hash, number);

    return i < l->n && l->v[i].hash == hash && l->v[i].number == number ? l->v[i].file
                                                                        : DESCSET_NONE;
}

/* --- the set --------------------------------------------------------------------------- */

void
descset_free(struct descset *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->service_count; i++)
        xfree(d->services[i]);
    xfree(d->names.v);
    xfree(d->extensions.v);
    xfree(d->file_names.v);
    xfree(d->imports);
    xfree(d->files);
    xfree(d);
}

size_t
descset_files(const struct descset *d)
{
    return d->n;
}

struct slice
descset_file(const struct descset *d, size_t i)
{
    return d->files[i].bytes;
}

size_t
descset_import(const struct descset *d, size_t i, size_t k)
{
    const struct desc_file *f = &d->files[i];

    return k < f->imports ? d->imports[f->import_at + k] : DESCSET_NONE;
}

size_t
descset_find_file(const struct descset *d, struct slice name)
{
    return desc_list_file(&d->file_names, desc_hash_of(name), 0);
}

size_t
descset_find_symbol(const struct descset *d, struct slice name)
{
    return desc_list_file(&d->names, desc_hash_of(name), 0);
}

size_t
descset_find_extension(const struct descset *d, struct slice type, uint32_t number)
{
    return desc_list_file(&d->extensions, desc_hash_of(type), number);
}

bool
descset_extension_number(const struct descset *d, struct slice type, size_t i,
                         uint32_t *ret)
{
    uint64_t hash = desc_hash_of(type);
    size_t at = desc_list_find(&d->extensions, hash, 0);

    if (i >= d->extensions.n - at || d->extensions.v[at + i].hash != hash)
        return false;
    *ret = d->extensions.v[at + i].number;
    return true;
}

size_t
descset_services(const struct descset *d)
{
    return d->service_count;
}

const char *
descset_service(const struct descset *d, size_t i)
{
    return d->services[i];
}
