/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/conf/zoo.h - a small file format with one row of every kind, for the tests of
 * the room itself. */
#ifndef OUTRIGGER_TESTS_ZOO_H
#define OUTRIGGER_TESTS_ZOO_H

#include "conf/field.h"

struct cage {
    const char *animal;
    uint32_t count;
};

struct zoo_gate {
    int64_t open_ms;
    uint64_t width, height; /* height must be at least width */
};

struct zoo {
    uint32_t version;
    bool closed;
    uint32_t mood;
    const char *name, *motto, *food;
    struct zoo_gate gate;
    struct cage star;
    struct conf_list cages;
    double price, tax;
    struct conf_map signs;
};

extern const struct conf_struct zoo_struct;

/* What loading `text` prints; "" when it is good. Static memory, until the next call. */
const char *zoo_problems(const char *text);

#endif
