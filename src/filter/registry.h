/* SPDX-License-Identifier: Apache-2.0 */
/* filter/registry.h - all kinds of filters, one row each in registry.c, and the same as variants for the rows of `filters` (filter_conf.c). Constant; any thread. */
#ifndef OUTRIGGER_FILTER_REGISTRY_H
#define OUTRIGGER_FILTER_REGISTRY_H

#include <stddef.h>

#include "conf/field.h"

struct filter_kind;

/* In the order of the manual; ends at tag NULL. owner is the struct filter_kind. */
extern const struct conf_variant filter_variants[];

/* By the value of "type"; NULL: there is none. */
const struct filter_kind *filter_kind_find(const char *name);
/* Number i; NULL: that was the last. */
const struct filter_kind *filter_kind_at(size_t i);

#endif
