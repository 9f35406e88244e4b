/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health.c - which backends of a pool are checked: those of the current list, each
 * once. */
#include "upstream/health.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "upstream/backend.h"
#include "upstream/check.h"
#include "upstream/hub_int.h"

/* A backend that comes back with the verdict of before keeps it until its first answer; a
 * new one waits, if it shall. Its workers do not know it yet, so nobody is to be told. */
static void
health_start(struct health *h, struct backend *b)
{
    b->check = check_new(h, b);
    if (atomic_load(&b->down) & BACKEND_UNHEALTHY) {
        b->check->state.answered = b->check->state.was_good = true;
        b->check->state.healthy = false;
    } else if (h->conf->wait_for_first) {
        atomic_fetch_or(&b->down, BACKEND_UNCHECKED);
        backend_note(b, BACKEND_UNCHECKED, true, "waits for its first check",
                     loop_now_us(h->loop));
    }
}

static void
health_stop(struct check *c)
{
    c->backend->check = NULL;
    check_stop(c);
}

static void
health_on_list(void *arg, const struct backend_list *before,
               const struct backend_list *now)
{
    struct health *h = arg;
    struct list *at, *next;

    (void)before;
    for (size_t i = 0; i < now->n; i++) {
        struct backend *b = now->rows[i].backend;

        if (!b->check)
            health_start(h, b);
        b->check->version = now->version;
        check_set_host(b->check, now->rows[i].host);
    }
    for (at = h->checks.next; at != &h->checks; at = next) {
        struct check *c = CONTAINER_OF(at, struct check, link);

        next = at->next;
        if (c->version != now->version)
            health_stop(c);
    }
}

static void
health_free(struct ref *r)
{
    xfree(CONTAINER_OF(r, struct health, ref));
}

static void
health_on_stop(void *arg)
{
    struct health *h = arg;

    while (!list_empty(&h->checks))
        health_stop(CONTAINER_OF(h->checks.next, struct check, link));
    ref_drop(&h->ref, loop_reaper(h->loop));
}

void
health_attach(struct hub *hub)
{
    static const struct hub_watch_ops ops = { .on_list = health_on_list,
                                              .on_stop = health_on_stop };
    const struct health_conf *conf = &hub->conf->health_check;
    struct health *h;

    if (conf->type == HEALTH_OFF)
        return;
    h = xcalloc(1, sizeof(*h));
    ref_init(&h->ref, health_free);
    h->loop = hub->loop;
    h->hub = hub;
    h->conf = conf;
    list_init(&h->checks);
    list_init(&h->queue);
    h2_limits_default(&h->limits);
    for (size_t i = 0; i < conf->metadata.n && i < GRPC_CLIENT_FIELDS_MAX; i++)
        h->fields[i] = (struct grpc_client_field){ conf->metadata.items[i].key,
                                                   conf->metadata.items[i].value };
    hub_watch(hub, &ops, h);
}

void
health_print(const struct hub *hub, const struct backend *b, struct strbuf *out)
{
    const struct check *c = b->check;

    if (!c) {
        strbuf_puts(out, "null");
        return;
    }
    if (c->last_us == 0) {
        strbuf_puts(out, "{\"done\":false}");
        return;
    }
    strbuf_printf(out, "{\"done\":true,\"good\":%s,\"by\":\"%s\",\"text\":",
                  c->last_good ? "true" : "false", c->last_how);
    json_text_add(out, c->last);
    strbuf_printf(out, ",\"ageMs\":%lld,\"goodInRow\":%u,\"badInRow\":%u}",
                  (long long)((loop_now_us(hub->loop) - c->last_us) / 1000),
                  c->state.good, c->state.bad);
}

void
health_text(const struct hub *hub, const struct backend *b, struct strbuf *out)
{
    const struct check *c = b->check;

    if (c && c->last_us)
        strbuf_printf(
            out, "%lld s ago by %s: %s%s",
            (long long)((loop_now_us(hub->loop) - c->last_us) / 1000000), c->last_how,
            c->last,
            /* else a good endpoint with an error looks like a mistake */
            c->last_good && strcmp(c->last, "SERVING") != 0 ? " (counts as good)" : "");
}
