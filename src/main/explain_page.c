/* SPDX-License-Identifier: Apache-2.0 */
/* main/explain_page.c - puts together what routes say (proxy/explain.h) and what pools say (upstream/hub_explain.h). */
#include "main/explain_page.h"

#include <string.h>

#include "admin/actions.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "main/process_int.h"
#include "net/addr.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "upstream/hub_explain.h"

enum { GOOD = 200, BAD_QUERY = 400, UNKNOWN = 422 };

static const char *const json_type = "application/json";

static const char *
server_name(const struct server *s)
{
    return s->table->conf->name;
}

static const struct server *
server_find(const struct process *p, const char *name, struct strbuf *out)
{
    if (!name && p->server_count == 1)
        return p->servers[0];
    for (size_t i = 0; name && i < p->server_count; i++) {
        if (strcmp(server_name(p->servers[i]), name) == 0)
            return p->servers[i];
    }
    strbuf_puts(out, name ? "there is no such listener" : "which listener is meant");
    strbuf_puts(out, "; there is: ");
    for (size_t i = 0; i < p->server_count; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", server_name(p->servers[i]));
    strbuf_puts(out, "\n");
    return NULL;
}

/* Adds the pool of a target that the call may take. */
static void
put_pool(const struct process *p, const struct explain *e, unsigned i, bool json,
         struct strbuf *out)
{
    const struct table_target *t = &e->table->targets[e->route->target + i];
    const struct hub *hub = p->slots[t->slot]->hub;

    if (json)
        hub_explain_json(hub, t->selector, out);
    else
        hub_explain(hub, t->selector, out);
}

static void
put_answer(const struct process *p, const struct explain *e, const char *address,
           bool json, struct strbuf *out)
{
    bool more = false;

    if (json) {
        strbuf_puts(out, "{");
        explain_json(e, address, p->version, out);
        strbuf_puts(out, ",\n\"pools\":[");
    } else {
        explain_print(e, address, p->version, out);
    }
    for (unsigned i = 0; e->route && i < e->route->target_count; i++) {
        if (!explain_takes(e, i))
            continue;
        strbuf_puts(out, json && more ? ",\n" : "\n");
        put_pool(p, e, i, json, out);
        more = true;
    }
    if (json)
        strbuf_puts(out, "]}\n");
}

static int
page_explain_as(const struct process *p, const char *query, bool json, struct strbuf *out,
                const char **ret_type)
{
    struct explain_query *q = xcalloc(1, sizeof(*q));
    const char *why = "";
    int status = BAD_QUERY;

    if (explain_query_read(q, query, &why)) {
        const struct server *s = server_find(p, q->listener, out);

        status = UNKNOWN;
        if (s) {
            char address[ADDR_TEXT_MAX];
            struct explain e;

            status = GOOD;
            json = json || q->json;
            if (json)
                *ret_type = json_type;
            explain_init(&e, s->table, &q->call);
            put_answer(p, &e, addr_print(&s->addr, address), json, out);
            explain_done(&e);
        }
    } else {
        strbuf_printf(out, "%s\n", why);
    }
    xfree(q);
    return status;
}

static int
page_explain(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    return page_explain_as(arg, query, false, out, ret_type);
}

static int
page_explain_json(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    return page_explain_as(arg, query, true, out, ret_type);
}

static void
page_routes(void *arg, struct strbuf *out)
{
    const struct process *p = arg;
    char address[ADDR_TEXT_MAX];

    for (size_t i = 0; i < p->server_count; i++) {
        const struct server *s = p->servers[i];

        strbuf_puts(out, i ? "\n" : "");
        explain_routes(s->table, addr_print(&s->addr, address), out);
    }
}

/* {"version":1,"config":3,"listeners":[...]} */
static void
page_routes_json(void *arg, struct strbuf *out)
{
    const struct process *p = arg;
    char address[ADDR_TEXT_MAX];

    strbuf_printf(out, "{\"version\":1,\"config\":%llu,\"listeners\":[",
                  (unsigned long long)p->version);
    for (size_t i = 0; i < p->server_count; i++) {
        const struct server *s = p->servers[i];

        strbuf_puts(out, i ? ",\n" : "\n");
        explain_routes_json(s->table, addr_print(&s->addr, address), out);
    }
    strbuf_puts(out, "\n]}\n");
}

void
explain_page_open(struct process *p)
{
    admin_set_query(p->admin, "/explain-call", page_explain, p);
    admin_set_query(p->admin, "/explain-call.json", page_explain_json, p);
    admin_set_page(p->admin, "/routes", "text/plain; charset=utf-8", page_routes, p);
    admin_set_page(p->admin, "/routes.json", json_type, page_routes_json, p);
}
