/* SPDX-License-Identifier: Apache-2.0 */
/* lb/registry.c - all balancing policies, one row each. */
#include <string.h>

#include "base/compat.h"
#include "lb/policies.h"

static const struct lb_policy *const policies[] = {
    &lb_pick_first,
    &lb_round_robin,
};

const struct lb_policy *
lb_policy_at(size_t i)
{
    return i < ARRAY_LEN(policies) ? policies[i] : NULL;
}

const struct lb_policy *
lb_policy_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    }
    return NULL;
}
