/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_lookup.c - a candidate of the search list is settled when each of its questions
 * has its answer; then it is the result, or the next candidate's turn. */
#include "resolve/dns_lookup.h"

#include <stdint.h>

void
dns_lookup_init(struct dns_lookup *l, struct dns_channel *ch, const struct dns_conf *conf,
                const struct dns_target *target, dns_lookup_fn *fn)
{
    *l = (struct dns_lookup){
        .ch = ch, .conf = conf, .target = target, .fn = fn, .best = SIZE_MAX
    };
    for (int i = 0; i < DNS_FAMILIES; i++)
        l->slot[i].owner = l;
    if (target->srv) {
        l->slot[0].type = DNS_TYPE_SRV;
        return;
    }
    if (conf->family != RESOLVE_V6)
        l->slot[DNS_V4].type = DNS_TYPE_A;
    if (conf->family != RESOLVE_V4)
        l->slot[DNS_V6].type = DNS_TYPE_AAAA;
}

static bool
any(const struct dns_lookup *l, enum dns_outcome outcome)
{
    for (int i = 0; i < DNS_FAMILIES; i++)
        if (l->slot[i].type && !l->slot[i].query && l->slot[i].answer.outcome == outcome)
            return true;
    return false;
}

static bool
on_its_way(const struct dns_lookup *l)
{
    return l->slot[0].query || l->slot[1].query;
}

bool
dns_lookup_is_partial(const struct dns_lookup *l)
{
    return !l->done && on_its_way(l) && any(l, DNS_GOOD);
}

void
dns_lookup_answers(struct dns_lookup *l, struct dns_answer *ret[DNS_FAMILIES])
{
    for (int i = 0; i < DNS_FAMILIES; i++)
        ret[i] = l->slot[i].type ? &l->slot[i].answer : NULL;
}

static void
slot_reset(struct dns_slot *s)
{
    dns_query_forget(s->query);
    s->query = NULL;
    s->tries = 0;
    s->silent = false;
    dns_answer_done(&s->answer);
    dns_answer_fail(&s->answer, "no name server answered in time");
}

static void slot_on_answer(void *arg, struct dns_answer *answer, bool timed_out);

static void
slot_ask(struct dns_slot *s, const char *name)
{
    s->tries++;
    s->query = dns_query_start(s->owner->ch, name, s->type, slot_on_answer, s);
}

/* False: the search list has no such candidate. */
static bool
candidate_ask(struct dns_lookup *l)
{
    char name[DNS_HOST_ROOM];

    if (!dns_search_name(dns_channel_search(l->ch), l->target, l->candidate, name))
        return false;
    for (int i = 0; i < DNS_FAMILIES; i++) {
        if (!l->slot[i].type)
            continue;
        slot_reset(&l->slot[i]);
        slot_ask(&l->slot[i], name);
    }
    return true;
}

/* No candidate was good: the worst that any of them said is the result, since a server that
 * failed may have had the answer. */
static void
finish_bad(struct dns_lookup *l)
{
    for (int i = 0; i < DNS_FAMILIES; i++) {
        struct dns_answer *a = &l->slot[i].answer;

        if (!l->slot[i].type || a->outcome == DNS_FAILED)
            continue;
        if (l->soft_why) {
            dns_answer_done(a);
            dns_answer_fail(a, l->soft_why);
        } else if (l->no_data) {
            a->outcome = DNS_NODATA;
        }
    }
}

static const char *
failure_of(const struct dns_lookup *l)
{
    for (int i = 0; i < DNS_FAMILIES; i++)
        if (l->slot[i].type && l->slot[i].answer.outcome == DNS_FAILED)
            return l->slot[i].answer.why;
    return NULL;
}

/* All questions of this candidate have their answers. */
static void
candidate_settle(struct dns_lookup *l)
{
    const char *why = failure_of(l);
    bool silent = l->slot[0].silent || l->slot[1].silent;

    if (any(l, DNS_GOOD)) {
        l->best = l->candidate;
        l->done = true;
        return;
    }
    /* The name that was right the last time fails today: another name of the search list
     * would be another service. */
    if (why && (silent || l->candidate == l->best)) {
        l->done = true;
        return;
    }
    if (why)
        l->soft_why = why;
    l->no_data |= any(l, DNS_NODATA);
    l->candidate++;
    if (candidate_ask(l))
        return;
    l->done = true;
    finish_bad(l);
}

static void
slot_on_answer(void *arg, struct dns_answer *answer, bool timed_out)
{
    struct dns_slot *s = arg;
    struct dns_lookup *l = s->owner;
    char name[DNS_HOST_ROOM];

    s->query = NULL;
    /* A second try is for a name that nobody says anything about: with an answer for the
     * other family the silence is most likely the server's habit. */
    if (timed_out && s->tries < l->conf->tries && !any(l, DNS_GOOD) &&
        !any(l, DNS_NXDOMAIN) &&
        dns_search_name(dns_channel_search(l->ch), l->target, l->candidate, name)) {
        slot_ask(s, name);
        return;
    }
    s->silent = timed_out;
    dns_answer_done(&s->answer);
    s->answer = *answer;
    *answer = (struct dns_answer){ 0 };
    if (!on_its_way(l))
        candidate_settle(l);
    l->fn(l);
}

void
dns_lookup_start(struct dns_lookup *l)
{
    dns_lookup_stop(l);
    l->candidate = 0;
    l->soft_why = NULL;
    l->no_data = l->done = false;
    candidate_ask(l); /* there is always a first one */
}

void
dns_lookup_stop(struct dns_lookup *l)
{
    for (int i = 0; i < DNS_FAMILIES; i++)
        slot_reset(&l->slot[i]);
}
