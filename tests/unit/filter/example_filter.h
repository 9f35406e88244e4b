/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/example_filter.h - what kinds.h would have of the example. */
#ifndef OUTRIGGER_TESTS_EXAMPLE_FILTER_H
#define OUTRIGGER_TESTS_EXAMPLE_FILTER_H

#include <stdio.h>

#include "filter/kinds.h"

FILTER_KIND(client_version);

/* Calls that this filter has refused. */
unsigned long client_version_refused(const struct filter *f);

#endif
