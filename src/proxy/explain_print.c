/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain_print.c - what becomes of a call, and where routes lead, as lines for a terminal. The same as JSON: explain_json.c. */
#include <inttypes.h>

#include "base/strbuf.h"
#include "conf/redact.h"
#include "conf/values.h"
#include "filter/retry_policy.h"
#include "grpc/status.h"
#include "proxy/explain.h"
#include "proxy/explain_filters.h"
#include "proxy/explain_int.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"

/* --- parts ------------------------------------------------------------------------------ */

static void
put_route(const struct route *r, struct strbuf *out)
{
    strbuf_printf(out, "routes[%u]", r->index);
    if (r->conf->name)
        strbuf_printf(out, " \"%s\"", r->conf->name);
}

static void
put_pairs(const struct conf_map *m, const char *between, struct strbuf *out)
{
    for (size_t i = 0; i < m->n; i++)
        strbuf_printf(out, "%s%s%s%s", i ? ", " : "", m->items[i].key, between,
                      m->items[i].value);
}

static void
put_to(const struct to_conf *to, struct strbuf *out)
{
    strbuf_printf(out, "pool %s", to->pool);
    if (to->subset.n) {
        strbuf_puts(out, " with ");
        put_pairs(&to->subset, "=", out);
    }
}

double
explain_share(const struct route_conf *r, size_t i)
{
    const struct to_conf *to = r->to.items;
    double sum = 0;

    for (size_t k = 0; k < r->to.n; k++)
        sum += to[k].weight;
    return r->to.n == 1 ? 100 : 100 * to[i].weight / sum;
}

/* "pool stock with version=v2 (10 %), pool stock (90 %)", or the answer. */
static void
put_targets(const struct route_conf *r, struct strbuf *out)
{
    const struct to_conf *to = r->to.items;

    if (r->status.on)
        strbuf_printf(out, "answers %s%s%s", r->status.code,
                      r->status.message ? ": " : "",
                      r->status.message ? r->status.message : "");
    for (size_t i = 0; i < r->to.n; i++) {
        strbuf_puts(out, i ? ", " : "");
        put_to(&to[i], out);
        if (r->to.n > 1)
            strbuf_printf(out, " (%.4g %%)", explain_share(r, i));
    }
    if (r->to.n > 1 && r->split_by.on)
        strbuf_printf(out, ", by header %s", r->split_by.header);
}

static void
put_time(const char *before, int64_t ms, const char *after, struct strbuf *out)
{
    char text[VALUE_TEXT_MAX];

    if (ms == 0)
        return;
    duration_print(ms, text);
    strbuf_printf(out, "%s%s%s", before, text, after);
}

static void
put_bytes(const char *before, uint64_t bytes, struct strbuf *out)
{
    char text[VALUE_TEXT_MAX];

    if (bytes == 0)
        return;
    size_print(bytes, text);
    strbuf_printf(out, "%s%s\n", before, text);
}

/* Of a request its backend is told secrets. */
static void
put_headers(const struct conf_map *m, bool told, struct strbuf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct conf_pair *h = &m->items[i];

        strbuf_printf(out, "%s%s: %s", i ? ", " : "", h->key,
                      conf_header_shown(h->key, h->value, told));
    }
}

static void
put_edits(const char *key, const struct edit_conf *e, bool told, struct strbuf *out)
{
    const struct edit_name_conf *gone = e->remove.items;

    if (!e->on)
        return;
    strbuf_printf(out, "  %s:", key);
    if (e->set.n) {
        strbuf_puts(out, " set ");
        put_headers(&e->set, told, out);
        strbuf_puts(out, e->add.n || e->remove.n ? ";" : "");
    }
    if (e->add.n) {
        strbuf_puts(out, " add ");
        put_headers(&e->add, told, out);
        strbuf_puts(out, e->remove.n ? ";" : "");
    }
    for (size_t i = 0; i < e->remove.n; i++)
        strbuf_printf(out, "%s%s", i ? ", " : " remove ", gone[i].name);
    strbuf_puts(out, "\n");
}

static void
put_codes(uint32_t codes, struct strbuf *out)
{
    bool any = false;

    for (int i = 0; i < GRPC_CODE_COUNT; i++) {
        if (!(codes >> i & 1))
            continue;
        strbuf_printf(out, "%s%s", any ? ", " : "", grpc_code_name(i));
        any = true;
    }
    if (!any)
        strbuf_puts(out, "none");
}

/* "at most 3 attempts after UNAVAILABLE, 100ms apart, x2 up to 1s" */
void
explain_put_policy(const struct retry_policy *p, struct strbuf *out)
{
    strbuf_printf(out, "at most %u attempts", p->max_attempts);
    if (!p->hedging) {
        strbuf_puts(out, " after ");
        put_codes(p->codes, out);
        put_time("; ", p->initial_us / 1000, " apart", out);
        strbuf_printf(out, ", x%.4g", p->multiplier);
        put_time(" up to ", p->max_us / 1000, "", out);
        put_time("; perTryTimeout ", p->per_try_us / 1000, "", out);
        return;
    }
    if (p->percentile)
        strbuf_printf(out, ", p%u of the method's time apart", p->percentile);
    else if (p->delay_us)
        put_time(", ", p->delay_us / 1000, " apart", out);
    else
        strbuf_puts(out, ", all at once");
    strbuf_puts(out, "; not fatal: ");
    put_codes(p->codes, out);
}

/* --- a call, for a terminal --------------------------------------------------------------- */

static void
print_choice(const struct explain *e, struct strbuf *out)
{
    const struct route_conf *r = e->route->conf;
    const struct to_conf *to = r->to.items;

    if (r->to.n < 2)
        return;
    if (e->target >= 0) {
        strbuf_printf(out, "  this call takes, by header %s: ", r->split_by.header);
        put_to(&to[e->target], out);
        strbuf_puts(out, "\n");
    } else if (r->split_by.on) {
        strbuf_printf(out, "  the call has no header %s (splitBy): chance decides\n",
                      r->split_by.header);
    } else {
        strbuf_puts(out, "  chance decides for each call\n");
    }
}

static void
print_time(const struct explain *e, struct strbuf *out)
{
    const struct route_conf *r = e->route->conf;

    put_time("  timeout: ", r->timeout_ms, "\n", out);
    put_time("  grpcTimeoutMax: ", r->grpc_timeout_max_ms, "\n", out);
    if (e->limit_us > 0 && e->limit_us < 1000)
        strbuf_printf(out, "  ends with DEADLINE_EXCEEDED after %" PRId64 " us\n",
                      e->limit_us);
    else if (e->limit_us > 0)
        put_time("  ends with DEADLINE_EXCEEDED after ", e->limit_us / 1000, "\n", out);
    else if (e->limit_us < 0)
        strbuf_puts(out, "  its grpc-timeout is over when it arrives: "
                         "DEADLINE_EXCEEDED\n");
    else if (!r->status.on)
        strbuf_printf(out, "  no time limit%s\n",
                      e->call->timeout_ns < 0 ? ", unless the client sends grpc-timeout"
                                              : "");
}

static void
print_method(const struct method_conf *m, struct strbuf *out)
{
    if (!m)
        return;
    strbuf_puts(out, "  methodConfig has an entry for this method\n");
    put_time("    timeout: ", m->timeout_ms, "\n", out);
    put_bytes("    maxRequestMessageBytes: ", m->max_request_bytes, out);
    put_bytes("    maxResponseMessageBytes: ", m->max_response_bytes, out);
}

static void
print_actions(const struct explain *e, struct strbuf *out)
{
    const struct listener_limits_conf *l = &e->table->conf->limits;
    const struct route_conf *r = e->route->conf;

    put_edits("requestHeaders", &r->request_headers, false, out);
    put_edits("responseHeaders", &r->response_headers, true, out);
    put_edits("responseTrailers", &r->response_trailers, true, out);
    if (r->mirror.on) {
        strbuf_printf(out, "  mirror: %.4g %% of the calls are copied to ",
                      r->mirror.share);
        put_to(&r->mirror.to, out);
        strbuf_puts(out, "\n");
    }
    put_bytes("  maxRequestMessageBytes: ",
              route_message_max(r->limits.max_request_message_bytes, l), out);
    put_bytes("  maxResponseMessageBytes: ",
              route_message_max(r->limits.max_response_message_bytes, l), out);
    if (r->limits.max_concurrent_requests)
        strbuf_printf(out, "  maxConcurrentRequests: %u\n",
                      r->limits.max_concurrent_requests);
}

static void
print_policy(const struct explain *e, struct strbuf *out)
{
    if (e->method && e->method->wait_for_ready)
        strbuf_puts(out, "  waitForReady: waits for an endpoint until its deadline\n");
    if (!e->policy || e->route->conf->status.on)
        return;
    strbuf_printf(out, "  %s of %s: ", explain_policy_key(e->policy),
                  explain_policy_is_routes(e) ? "the route" : "methodConfig");
    explain_put_policy(e->policy, out);
    strbuf_puts(out, "\n");
    if (e->first_hop_only)
        strbuf_puts(out, "    not for this call: it comes with "
                         "grpc-previous-rpc-attempts (retryOnlyFirstHop)\n");
}

static void
print_skips(const struct explain *e, struct strbuf *out)
{
    if (e->skipped == 0)
        return;
    strbuf_printf(out, "passed over: %zu route%s\n", e->skipped,
                  e->skipped == 1 ? "" : "s");
    for (size_t i = 0; i < e->shown; i++) {
        strbuf_puts(out, "  ");
        put_route(&e->table->routes[e->skips[i].index], out);
        strbuf_printf(out, ": %s\n", e->skips[i].why);
    }
    if (e->shown < e->skipped)
        strbuf_printf(out, "  and %zu more before these\n", e->skipped - e->shown);
}

void
explain_print(const struct explain *e, const char *address, uint64_t config,
              struct strbuf *out)
{
    const struct match_input *in = &e->call->in;

    strbuf_printf(out, "%.*s to listener %s (%s), config %" PRIu64 "\n", (int)in->path.n,
                  (const char *)in->path.p, e->table->conf->name, address, config);
    if (!e->route) {
        strbuf_puts(out, "no route fits: the call ends with UNIMPLEMENTED\n");
        print_skips(e, out);
        return;
    }
    strbuf_puts(out, "takes ");
    put_route(e->route, out);
    strbuf_printf(out, " of %zu: ", e->table->route_count);
    put_targets(e->route->conf, out);
    strbuf_puts(out, "\n");
    print_choice(e, out);
    print_time(e, out);
    print_method(e->method, out);
    explain_filters(e->table, e->route, out);
    print_policy(e, out);
    print_actions(e, out);
    print_skips(e, out);
}

/* --- routes of a listener -------------------------------------------------------------------- */

void
explain_match(const struct match_conf *m, struct strbuf *out)
{
    const struct match_text *hosts = m->hosts.items;
    const struct header_match_conf *h = m->headers.items;
    size_t before = out->len;

    for (size_t i = 0; i < m->hosts.n; i++)
        strbuf_printf(out, "%s%s", i ? " or " : "host ", hosts[i].text);
    if (m->service)
        strbuf_printf(out, "%sservice %s", out->len > before ? ", " : "", m->service);
    if (m->method)
        strbuf_printf(out, "%smethod %s", out->len > before ? ", " : "", m->method);
    if (m->path.on)
        strbuf_printf(out, "%spath %s%s", out->len > before ? ", " : "",
                      m->path.exact    ? ""
                      : m->path.prefix ? "begins with "
                                       : "fits ",
                      m->path.exact    ? m->path.exact
                      : m->path.prefix ? m->path.prefix
                                       : m->path.regex);
    for (size_t i = 0; i < m->headers.n; i++)
        strbuf_printf(out, "%sheader %s", out->len > before ? ", " : "", h[i].name);
    if (m->san.n)
        strbuf_printf(out, "%sclient's name", out->len > before ? ", " : "");
    if (out->len == before)
        strbuf_puts(out, "every call");
}

void
explain_routes(const struct table *t, const char *address, struct strbuf *out)
{
    strbuf_printf(out, "listener %s (%s): %zu route%s\n", t->conf->name, address,
                  t->route_count, t->route_count == 1 ? "" : "s");
    explain_filters_line(t, NULL, "  filters: ", out);
    for (size_t i = 0; i < t->route_count; i++) {
        strbuf_puts(out, "  ");
        put_route(&t->routes[i], out);
        strbuf_puts(out, ": ");
        explain_match(&t->routes[i].conf->match, out);
        strbuf_puts(out, " -> ");
        put_targets(t->routes[i].conf, out);
        if (t->routes[i].policy) {
            strbuf_printf(out, "; %s: ", explain_policy_key(t->routes[i].policy));
            explain_put_policy(t->routes[i].policy, out);
        }
        strbuf_puts(out, "\n");
        if (t->routes[i].conf->filters.n)
            explain_filters_line(t, &t->routes[i], "    filters: ", out);
    }
}
