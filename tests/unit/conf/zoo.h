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

struct word {
    const char *word;
};

struct lamp {
    const char *name; /* the key */
    const char *color;
    int64_t warmth;
    uint32_t lit;           /* enum conf_maybe */
    struct conf_list words; /* of struct word; one may stand alone */
};

/* A tagged struct: each kind has keys of its own. */
struct ride {
    uint32_t type;
    const char *name;
    bool off;
    void *kind; /* struct train, struct boat, or struct swing */
};

struct train {
    uint32_t wagons; /* 7 is refused */
    const char *whistle;
    struct conf_list stops; /* of struct word */
};

struct boat {
    uint32_t seats;
    struct conf_rate trips;
};

struct swing {
    char nothing;
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
    struct conf_list guests;            /* of struct cage; one may stand alone */
    struct conf_list lamps;             /* of struct lamp, by name */
    struct conf_list rides, more_rides; /* of struct ride */
    struct conf_rate visitors;
};

extern const struct conf_struct zoo_struct;
extern const struct conf_struct ride_struct;

/* What loading `text` prints; "" when it is good. Static memory, until the next call. */
const char *zoo_problems(const char *text);

#endif
