/* SPDX-License-Identifier: Apache-2.0 */
/* filter/edit_conf.h - what the config file says about headers to change. Immutable after loading; owned by the config snapshot. */
#ifndef OUTRIGGER_FILTER_EDIT_CONF_H
#define OUTRIGGER_FILTER_EDIT_CONF_H

#include <stdbool.h>

#include "conf/field.h"

struct edit_name_conf {
    const char *name;
};

struct edit_conf {
    bool on;
    struct conf_map set, add; /* name: text with variables, see template.h */
    struct conf_list remove;  /* of struct edit_name_conf */
};

extern const struct conf_struct edit_conf_struct;

#endif
