/* SPDX-License-Identifier: Apache-2.0 */
/* admin/aliases.c - the table. /ready, /server_info, /listeners and /quitquitquit have pages of their own (main/control_pages.c), /certs is our own name too. */
#include "admin/aliases.h"

#include <string.h>

#include "base/compat.h"

static const struct admin_alias aliases[] = {
    { "/stats/prometheus", "/metrics" }, { "/stats", "/metrics" },
    { "/clusters", "/pools" },           { "/config_dump", "/config" },
    { "/logging", "/log-level" },        { "/drain_listeners", "/drain" },
    { "/healthcheck/fail", "/drain" },   { "/healthcheck/ok", "/undrain" },
};

const struct admin_alias *
admin_alias_at(size_t i)
{
    return i < ARRAY_LEN(aliases) ? &aliases[i] : NULL;
}

const char *
admin_alias(const char *path)
{
    for (size_t i = 0; path && i < ARRAY_LEN(aliases); i++) {
        if (strcmp(aliases[i].path, path) == 0)
            return aliases[i].means;
    }
    return path;
}
