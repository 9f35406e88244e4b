/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain_json.c - what becomes of a call, and where routes lead, as JSON for scripts (outriggerctl explain --json). */
#include <inttypes.h>
#include <stdio.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "conf/print.h"
#include "filter/retry_policy.h"
#include "proxy/explain.h"
#include "proxy/explain_filters.h"
#include "proxy/explain_int.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"

static void
json_key(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, "\"%s\":", key);
    if (text)
        json_text_add(out, text);
    else
        strbuf_puts(out, "null");
}

static void
json_route_name(const struct route *r, struct strbuf *out)
{
    strbuf_printf(out, "\"index\":%u,", r->index);
    json_key(out, "name", r->conf->name);
}

static void
json_to(const struct to_conf *to, struct strbuf *out)
{
    json_key(out, "pool", to->pool);
    strbuf_puts(out, ",\"subset\":{");
    for (size_t i = 0; i < to->subset.n; i++) {
        strbuf_puts(out, i ? "," : "");
        json_text_add(out, to->subset.items[i].key);
        strbuf_puts(out, ":");
        json_text_add(out, to->subset.items[i].value);
    }
    strbuf_puts(out, "}");
}

static void
json_targets(const struct route_conf *r, struct strbuf *out)
{
    const struct to_conf *to = r->to.items;

    strbuf_puts(out, "\"targets\":[");
    for (size_t i = 0; i < r->to.n; i++) {
        strbuf_puts(out, i ? ",{" : "{");
        json_to(&to[i], out);
        strbuf_printf(out, ",\"weight\":%u,\"percent\":%.6g}", to[i].weight,
                      explain_share(r, i));
    }
    strbuf_puts(out, "],");
    json_key(out, "splitBy", r->split_by.on ? r->split_by.header : NULL);
    if (r->status.on) {
        strbuf_puts(out, ",\"status\":{");
        json_key(out, "code", r->status.code);
        strbuf_puts(out, ",");
        json_key(out, "message", r->status.message);
        strbuf_puts(out, "}");
    } else {
        strbuf_puts(out, ",\"status\":null");
    }
}

static void
json_skips(const struct explain *e, struct strbuf *out)
{
    strbuf_printf(out, "\"skipped\":%zu,\"skippedLast\":[", e->skipped);
    for (size_t i = 0; i < e->shown; i++) {
        strbuf_puts(out, i ? ",\n{" : "\n{");
        json_route_name(&e->table->routes[e->skips[i].index], out);
        strbuf_puts(out, ",");
        json_key(out, "why", e->skips[i].why);
        strbuf_puts(out, "}");
    }
    strbuf_puts(out, "]");
}

static void
json_policy(const struct explain *e, struct strbuf *out)
{
    struct strbuf text;

    if (!e->policy || e->route->conf->status.on) {
        strbuf_puts(out, ",\"retry\":null");
        return;
    }
    strbuf_init(&text, 1024);
    explain_put_policy(e->policy, &text);
    strbuf_puts(out, ",\"retry\":{");
    json_key(out, "key", explain_policy_key(e->policy));
    strbuf_puts(out, ",");
    json_key(out, "of", explain_policy_is_routes(e) ? "route" : "methodConfig");
    strbuf_puts(out, ",");
    json_key(out, "text", text.s);
    strbuf_printf(out, ",\"thisCall\":%s}", e->first_hop_only ? "false" : "true");
    strbuf_done(&text);
}

void
explain_json(const struct explain *e, const char *address, uint64_t config,
             struct strbuf *out)
{
    char path[256];

    snprintf(path, sizeof(path), "%.*s", (int)e->call->in.path.n,
             (const char *)e->call->in.path.p);
    strbuf_printf(out, "\"version\":1,\"config\":%" PRIu64 ",", config);
    json_key(out, "listener", e->table->conf->name);
    strbuf_puts(out, ",");
    json_key(out, "address", address);
    strbuf_puts(out, ",");
    json_key(out, "method", path);
    strbuf_puts(out, ",\n");
    json_skips(e, out);
    if (!e->route) {
        strbuf_puts(out, ",\n\"route\":null,\"answer\":\"UNIMPLEMENTED\"");
        return;
    }
    strbuf_puts(out, ",\n\"route\":{");
    json_route_name(e->route, out);
    strbuf_puts(out, ",");
    json_targets(e->route->conf, out);
    strbuf_puts(out, ",\n\"config\":");
    conf_print_shown(&route_conf_struct, e->route->conf, out);
    strbuf_puts(out, ",\n\"filters\":");
    explain_filters_json(e->table, e->route, out);
    strbuf_puts(out, "},\"answer\":");
    if (e->route->conf->status.on)
        json_text_add(out, e->route->conf->status.code);
    else
        strbuf_puts(out, "null");
    strbuf_puts(out, ",\"methodConfig\":");
    if (e->method)
        conf_print_shown(&method_conf_struct, e->method, out);
    else
        strbuf_puts(out, "null");
    if (e->limit_us > 0)
        strbuf_printf(out, ",\"timeLimitUs\":%" PRId64, e->limit_us);
    else
        strbuf_printf(out, ",\"timeLimitUs\":%s", e->limit_us ? "0" : "null");
    if (e->target >= 0)
        strbuf_printf(out, ",\"target\":%d", e->target);
    else
        strbuf_puts(out, ",\"target\":null");
    json_policy(e, out);
}

void
explain_routes_json(const struct table *t, const char *address, struct strbuf *out)
{
    strbuf_puts(out, "{");
    json_key(out, "name", t->conf->name);
    strbuf_puts(out, ",");
    json_key(out, "address", address);
    strbuf_puts(out, ",\n\"filters\":");
    explain_filters_json(t, NULL, out);
    strbuf_puts(out, ",\n\"routes\":[");
    for (size_t i = 0; i < t->route_count; i++) {
        strbuf_puts(out, i ? ",\n{" : "\n{");
        json_route_name(&t->routes[i], out);
        strbuf_puts(out, ",\"match\":");
        conf_print_shown(&match_conf_struct, &t->routes[i].conf->match, out);
        strbuf_puts(out, ",");
        json_targets(t->routes[i].conf, out);
        strbuf_puts(out, ",\n\"filters\":");
        explain_filters_json(t, &t->routes[i], out);
        strbuf_puts(out, ",");
        json_key(out, "retry",
                 t->routes[i].policy ? explain_policy_key(t->routes[i].policy) : NULL);
        strbuf_puts(out, "}");
    }
    strbuf_puts(out, "]}");
}
