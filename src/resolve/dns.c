/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns.c - the kinds "dns" and "srv": when rounds of questions begin, and what their
 * ends mean for the owner. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "resolve/dns_int.h"
#include "resolve/kinds.h"

int64_t
dns_now_ms(const struct dns_resolver *r)
{
    return loop_now_us(r->args.loop) / 1000;
}

/* --- when ------------------------------------------------------------------------- */

static void
plan(struct dns_resolver *r, int64_t wait_ms)
{
    int64_t least = dns_pace_again(r->started_ms, dns_now_ms(r));

    if (r->stopped)
        return;
    if (wait_ms < least)
        wait_ms = least;
    r->next_ms = dns_now_ms(r) + wait_ms;
    timer_start(r->args.loop, &r->next, wait_ms * 1000);
}

static void
begin(struct timer *t)
{
    struct dns_resolver *r = CONTAINER_OF(t, struct dns_resolver, next);

    if (!r->ch) {
        struct resolved one = { .addr = r->target.literal, .weight = 1, .zone = "" };

        r->args.ops->on_list(r->args.arg, &one, 1, -1);
        return;
    }
    if (r->running)
        dns_round_stop(r);
    r->started_ms = dns_now_ms(r);
    dns_round_start(r);
}

static void
dns_again(struct resolver *base)
{
    struct dns_resolver *r = CONTAINER_OF(base, struct dns_resolver, base);
    int64_t wait = dns_pace_again(r->started_ms, dns_now_ms(r));

    /* A round that has told nothing yet will bring news anyway. */
    if (!r->ch || (r->running && !r->told))
        return;
    if (timer_running(&r->next) && r->next_ms <= dns_now_ms(r) + wait)
        return;
    plan(r, wait);
}

/* --- ends of a round ------------------------------------------------------------------ */

void
dns_end_good(struct dns_resolver *r)
{
    int64_t ttl_ms = r->ttl_s == UINT32_MAX ? -1 : (int64_t)r->ttl_s * 1000;
    /* A silent family or host made the round long, while the TTL of the others ran. */
    int64_t took_ms = dns_now_ms(r) - r->started_ms;

    if (r->stopped)
        return;
    dns_channel_note(r->ch, true);
    r->good_ms = dns_now_ms(r);
    r->old_warned = false;
    plan(r, dns_pace_good(&r->pace, &r->args.conf->dns, r->args.rng, ttl_ms) - took_ms);
}

static void
tell_error(struct dns_resolver *r, const char *why)
{
    char text[DNS_WHY_ROOM];
    int64_t age_ms = dns_now_ms(r) - r->good_ms;

    snprintf(text, sizeof(text), "%s for %s", why, r->target.host);
    if (r->pace.has_list && age_ms >= r->args.conf->dns.stale_ms && !r->old_warned) {
        r->old_warned = true;
        log_at(NULL, LOG_WARN,
               "the addresses of this target are old; DNS does not answer",
               LS("target", r->args.target), LS("why", text), LI("age_s", age_ms / 1000));
    }
    r->args.ops->on_error(r->args.arg, text);
}

void
dns_end_none(struct dns_resolver *r, const char *why)
{
    bool is_told;

    dns_channel_note(r->ch, true);
    plan(r, dns_pace_none(&r->pace, &r->args.conf->dns, r->args.rng, &is_told));
    /* Name servers that start or lose their data say so for a moment of names that exist. */
    if (is_told)
        tell_error(r, why);
}

void
dns_end_failed(struct dns_resolver *r, const char *why, bool answered)
{
    dns_channel_note(r->ch, answered);
    plan(r, dns_pace_failed(&r->pace, &r->args.conf->dns, r->args.rng));
    tell_error(r, why);
}

/* --- kinds ---------------------------------------------------------------------------- */

static int
check_random(const char **ret_why)
{
    const char *why = dns_random_why_bad(NULL);

    if (!why)
        return ERR_OK;
    *ret_why = why;
    return ERR_SYNTAX;
}

static int
dns_check(const char *target, const char **ret_why)
{
    struct dns_target t;

    if (dns_target_parse(target, &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    return t.literal.len ? ERR_OK : check_random(ret_why);
}

static int
srv_check(const char *target, const char **ret_why)
{
    struct dns_target t;

    if (srv_target_parse(target, &t, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    return check_random(ret_why);
}

static void
resolver_free(struct ref *ref)
{
    struct dns_resolver *r = CONTAINER_OF(ref, struct dns_resolver, ref);

    xfree(r->cidrs);
    xfree(r->list);
    xfree(r);
}

static struct resolver *
start(const struct resolver_args *args, const struct resolver_kind *kind,
      const struct dns_target *target)
{
    struct dns_resolver *r = xcalloc(1, sizeof(*r));
    const struct resolve_text *cidrs = args->conf->dns.allowed_cidrs.items;
    const char *why;

    r->base.kind = kind;
    ref_init(&r->ref, resolver_free);
    r->args = *args;
    r->target = *target;
    r->started_ms = -1;
    timer_init(&r->next, begin);
    timer_init(&r->partial, dns_round_on_partial);
    r->cidrs = xcalloc(args->conf->dns.allowed_cidrs.n + 1, sizeof(*r->cidrs));
    for (size_t i = 0; i < args->conf->dns.allowed_cidrs.n; i++)
        if (cidr_parse(cidrs[i].text, &r->cidrs[r->n_cidrs++], &why) != ERR_OK)
            abort(); /* it was checked when the config was loaded */
    if (target->literal.len == 0)
        r->ch = dns_channel_get(args->loop, &args->conf->dns, &target->server);
    timer_start(args->loop, &r->next, 0);
    return &r->base;
}

static struct resolver *
dns_start(const struct resolver_args *args)
{
    struct dns_target t;
    const char *why;

    if (dns_target_parse(args->target, &t, &why) != ERR_OK)
        abort();
    return start(args, &resolver_dns, &t);
}

static struct resolver *
srv_start(const struct resolver_args *args)
{
    struct dns_target t;
    const char *why;

    if (srv_target_parse(args->target, &t, &why) != ERR_OK)
        abort();
    return start(args, &resolver_srv, &t);
}

static void
dns_stop(struct resolver *base)
{
    struct dns_resolver *r = CONTAINER_OF(base, struct dns_resolver, base);

    assert(!r->stopped);
    r->stopped = true;
    timer_stop(r->args.loop, &r->next);
    if (r->ch) {
        dns_round_stop(r);
        dns_peers_done(r);
        dns_channel_put(r->ch);
    }
    ref_drop(&r->ref, loop_reaper(r->args.loop));
}

const struct resolver_kind resolver_dns = {
    .scheme = "dns",
    .check = dns_check,
    .start = dns_start,
    .again = dns_again,
    .stop = dns_stop,
};

const struct resolver_kind resolver_srv = {
    .scheme = "srv",
    .check = srv_check,
    .start = srv_start,
    .again = dns_again,
    .stop = dns_stop,
};
