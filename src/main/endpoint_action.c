/* SPDX-License-Identifier: Apache-2.0 */
/* main/endpoint_action.c - reads the question and finds the pool. */
#include "main/endpoint_action.h"

#include <string.h>

#include "admin/actions.h"
#include "admin/query.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/near.h"
#include "main/config.h"
#include "main/process_int.h"
#include "upstream/hub.h"

enum { GOOD = 200, CANNOT = 422 };

struct wish {
    struct query query; /* holds the words */
    const char *pool, *address, *what;
};

static bool
wish_read(struct wish *w, const char *text, const char **ret_why)
{
    const char *key, *value;
    enum query_step step;

    w->pool = w->address = w->what = NULL;
    if (!query_begin(&w->query, text, ret_why))
        return false;
    while ((step = query_next(&w->query, &key, &value, ret_why)) == QUERY_WORD) {
        const char **at = strcmp(key, "do") == 0        ? &w->what
                          : strcmp(key, "pool") == 0    ? &w->pool
                          : strcmp(key, "address") == 0 ? &w->address
                                                        : NULL;

        *ret_why = "known are do, pool and address, each once";
        if (!at || *at)
            return false;
        *at = value;
    }
    if (step != QUERY_END)
        return false;
    *ret_why =
        "say what and where: do=disable&pool=NAME&address=IP:PORT; do is disable or "
        "enable";
    return w->pool && w->address && w->what &&
           (strcmp(w->what, "disable") == 0 || strcmp(w->what, "enable") == 0);
}

static struct hub *
hub_find(const struct process *p, const char *name, struct strbuf *out)
{
    const char **names = xcalloc(p->hub_count + 1, sizeof(*names));
    struct hub *found = NULL;

    for (size_t i = 0; i < p->hub_count && !found; i++) {
        struct hub_load load;

        hub_load_get(p->hubs[i], &load);
        names[i] = load.name;
        if (strcmp(load.name, name) == 0)
            found = p->hubs[i];
    }
    if (!found) {
        strbuf_printf(out, "there is no pool \"%.100s\"", name);
        near_suggest(out, name, names, p->hub_count, "there is");
        strbuf_puts(out, "\n");
    }
    xfree(names);
    return found;
}

static int
action_endpoint(void *arg, const char *query, struct strbuf *out)
{
    const char *why = "";
    struct wish w;
    struct hub *hub;

    if (!wish_read(&w, query, &why)) {
        strbuf_printf(out, "%s\n", why);
        return CANNOT;
    }
    hub = hub_find(arg, w.pool, out);
    return hub && hub_disable(hub, w.address, strcmp(w.what, "disable") == 0, out)
               ? GOOD
               : CANNOT;
}

void
endpoint_action_open(struct process *p)
{
    admin_set_action(p->admin, "/endpoint", action_endpoint, p);
}
