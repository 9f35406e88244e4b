/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_disable.c - endpoints that an operator took out: one more bit of
 * backend->down, which nothing but an operator clears. The table of backends keeps them. */
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/near.h"
#include "upstream/backend_table.h"
#include "upstream/hub_int.h"

enum { DISABLED_MAX = 1000 }; /* of a pool; they are kept for good */

static const char why_off[] = "an operator disabled it";

static struct backend *
find(const struct hub *hub, const char *address)
{
    const struct backend_table *t = &hub->table;

    /* Also one that left the list while it was disabled can be put back. */
    for (size_t i = 0; i < t->size; i++) {
        if (t->slots[i] && strcmp(t->slots[i]->name, address) == 0)
            return t->slots[i];
    }
    return NULL;
}

static size_t
count(const struct hub *hub)
{
    size_t n = 0;

    for (size_t i = 0; i < hub->table.size; i++)
        n += hub->table.slots[i] && backend_disabled(hub->table.slots[i]);
    return n;
}

static void
say_unknown(const struct hub *hub, const char *address, struct strbuf *out)
{
    size_t n = hub->list ? hub->list->n : 0;
    const char **names = xcalloc(n + 1, sizeof(*names));

    for (size_t i = 0; i < n; i++)
        names[i] = hub->list->rows[i].backend->name;
    strbuf_printf(out, "the pool %s has no endpoint \"%.100s\"", hub->conf->name,
                  address);
    if (n)
        near_suggest(out, address, names, n, "there is");
    strbuf_puts(out, "\n");
    xfree(names);
}

bool
hub_disable(struct hub *hub, const char *address, bool off, struct strbuf *out)
{
    struct backend *b = find(hub, address);
    bool was;

    if (!b) {
        say_unknown(hub, address, out);
        return false;
    }
    was = backend_disabled(b);
    if (off && !was && count(hub) >= DISABLED_MAX) {
        strbuf_printf(out,
                      "%d endpoints of the pool %s are disabled; enable some first\n",
                      DISABLED_MAX, hub->conf->name);
        return false;
    }
    if (off != was)
        hub_mark(hub, b, BACKEND_DISABLED, off, off ? why_off : "an operator enabled it");
    strbuf_printf(out, "%s of the pool %s %s %s\n", address, hub->conf->name,
                  off != was ? "is now" : "was already", off ? "disabled" : "enabled");
    return true;
}

void
hub_disable_as(struct hub *hub, const struct hub *old)
{
    for (size_t i = 0; i < old->table.size; i++) {
        const struct backend *b = old->table.slots[i];

        if (b && backend_disabled(b))
            hub_mark(hub,
                     backend_table_get(&hub->table, &b->addr, hub->worker_count, NULL),
                     BACKEND_DISABLED, true, why_off);
    }
}
