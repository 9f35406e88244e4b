/* SPDX-License-Identifier: Apache-2.0 */
/* lb/registry.c - all balancing policies, one row each. */
#include <string.h>

#include "base/compat.h"
#include "lb/policies.h"

static const struct lb_policy *const policies[] = {
    &lb_pick_first,    &lb_round_robin, &lb_weighted_round_robin,
    &lb_least_request, &lb_ring_hash,   &lb_random,
    &lb_peak_ewma,
};

const struct lb_policy *
lb_policy_at(size_t i)
{
    return i < ARRAY_LEN(policies) ? policies[i] : NULL;
}

/* Equal but for '_' and upper case: "leastRequest" is least_request. */
static bool
name_matches(const char *name, const char *text)
{
    for (; *name; name++) {
        if (*name == '_') {
            if (*text != '_' && name[1] - 'a' + 'A' == *text) {
                name++;
                text++;
                continue;
            }
        }
        if (*name != *text++)
            return false;
    }
    return *text == '\0';
}

const struct lb_policy *
lb_policy_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        if (name_matches(policies[i]->name, name))
            return policies[i];
    }
    return NULL;
}
