/* SPDX-License-Identifier: Apache-2.0 */
/* admin/aliases.c - the table. /ready, /server_info, /listeners and /quitquitquit have pages of their own (main/control_pages.c), /certs is our own name too. */
#include "admin/aliases.h"

#include <string.h>

#include "base/compat.h"

/* What needs the query stands before what does not. */
static const struct admin_alias aliases[] = {
    { "/stats", "/stats.json", true },        { "/clusters", "/pools.json", true },
    { "/certs", "/certs.json", true },        { "/stats/prometheus", "/metrics", false },
    { "/stats", "/metrics", false },          { "/clusters", "/pools", false },
    { "/config_dump", "/config", false },     { "/logging", "/log-level", false },
    { "/drain_listeners", "/drain", false },  { "/healthcheck/fail", "/drain", false },
    { "/healthcheck/ok", "/undrain", false }, { "/live", "/livez", false },
};

const struct admin_alias *
admin_alias_at(size_t i)
{
    return i < ARRAY_LEN(aliases) ? &aliases[i] : NULL;
}

/* Of the parts of a query one is "format=json". */
static bool
wants_json(const char *query)
{
    static const char wanted[] = "format=json";

    for (const char *part = query; part; part = strchr(part, '&')) {
        part += *part == '&';
        if (strcspn(part, "&") == strlen(wanted) &&
            strncmp(part, wanted, strlen(wanted)) == 0)
            return true;
    }
    return false;
}

const char *
admin_alias(const char *path, const char *query)
{
    for (size_t i = 0; path && i < ARRAY_LEN(aliases); i++) {
        if (strcmp(aliases[i].path, path) == 0 && (!aliases[i].json || wants_json(query)))
            return aliases[i].means;
    }
    return path;
}
