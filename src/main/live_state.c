/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_state.c - what the process is, in a word and a sentence: its state, its config, the last reload, how far a drain has come. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "loop/loop.h"
#include "main/live_int.h"
#include "main/reload_int.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"

#include <unistd.h>

enum { WHY_MAX = 1024 };

static void
put_key(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, ",\"%s\":", key);
    json_text_add(out, text ? text : "");
}

static const struct server *
mirrored(const struct process *p)
{
    for (size_t i = 0; i < p->server_count; i++) {
        if (p->servers[i]->mirrored)
            return p->servers[i];
    }
    return NULL;
}

static const char *
drain_why(const struct drain *d, const struct drain_left *left, struct strbuf *out)
{
    const char *who = d->replaced ? "another process has taken over its listeners"
                      : d->ending
                          ? "the process was told to end"
                          : "an operator asked for it (POST /undrain takes it back)";

    if (d->phase == DRAIN_ANNOUNCED)
        strbuf_printf(out, "%s: it still accepts, so that others can learn of it", who);
    else
        strbuf_printf(out,
                      "%s: clients are told to go, %u connection%s and %u call%s left",
                      who, left->inbound + left->outbound,
                      left->inbound + left->outbound == 1 ? "" : "s", left->calls,
                      left->calls == 1 ? "" : "s");
    return d->phase == DRAIN_STOPPING ? "stopping" : "draining";
}

/* It serves; whether probes say so, too, depends on probe.readyWhen. */
static const char *
probe_word(struct process *p, struct strbuf *out)
{
    struct strbuf why;
    bool started, ready;

    strbuf_init(&why, WHY_MAX);
    ready = process_probe_ready(p, &why, &started);
    if (!ready) {
        strbuf_puts(out, started ? "calls are served, but /readyz says no: "
                                 : "/startupz does not say yes yet: ");
        for (const char *line = why.s ? why.s : ""; *line;) {
            size_t n = strcspn(line, "\n");

            strbuf_add(out, line, n);
            line += n + (line[n] == '\n');
            strbuf_puts(out, *line ? "; " : "");
        }
    }
    strbuf_done(&why);
    return started ? "ready" : "starting";
}

/* The word; the sentence goes to out. */
static const char *
state_word(struct process *p, const struct drain_left *left, struct strbuf *out)
{
    const struct server *s = mirrored(p);

    strbuf_puts(out, "");
    if (p->drain.phase != DRAIN_SERVING)
        return drain_why(&p->drain, left, out);
    if (!p->started) {
        strbuf_puts(out, "listeners are not open yet");
        return "starting";
    }
    if (!s)
        return probe_word(p, out);
    strbuf_printf(out,
                  "the application says that it goes away, so the clients of listener %s "
                  "are told to go, too",
                  s->front->conf->name);
    return "draining";
}

static void
put_config(const struct live *l, struct strbuf *out)
{
    const struct process *p = l->process;
    const struct reload *r = p->reload;
    const char *file = r ? r->source.file : NULL;
    /* Without a file to load again it is as old as the process. */
    int64_t age_us =
        r ? clock_wall_us() - r->loaded_us : loop_now_us(p->loop) - l->opened_us;

    strbuf_printf(out, ",\"config\":{\"hash\":\"%08" PRIx32 "\",\"ageMs\":%" PRId64,
                  (uint32_t)conf_hash(p->snapshot), age_us > 0 ? age_us / 1000 : 0);
    put_key(out, "source",
            !file                    ? "command line"
            : strcmp(file, "-") == 0 ? "standard input"
                                     : file);
    strbuf_puts(out, "}");
}

static void
put_reload(const struct process *p, struct strbuf *out)
{
    const struct reload *r = p->reload;
    bool asked = r && r->asked_us, bad = asked && r->result == RELOAD_REFUSED;
    bool back = asked && r->rolled_back;
    const char *text = bad || back ? r->text : "";
    struct strbuf line;

    strbuf_init(&line, WHY_MAX);
    strbuf_puts(&line, "");
    strbuf_add(&line, text, strcspn(text, "\n"));
    strbuf_printf(out, ",\"reload\":{\"ok\":%s", bad || back ? "false" : "true");
    put_key(out, "error", line.s);
    strbuf_done(&line);
    if (asked)
        strbuf_printf(out, ",\"ageMs\":%" PRId64 "}",
                      (clock_wall_us() - r->asked_us) / 1000);
    else
        strbuf_puts(out, ",\"ageMs\":null}");
}

static void
put_drain(const struct process *p, const struct drain_left *left, struct strbuf *out)
{
    const struct drain *d = &p->drain;
    int64_t left_us = d->end_us - loop_now_us(p->loop);

    if (d->phase == DRAIN_SERVING) {
        strbuf_puts(out, ",\"drain\":null");
        return;
    }
    strbuf_printf(out, ",\"drain\":{\"phase\":\"%s\"", drain_word(d->phase));
    if (d->ending && d->phase != DRAIN_ANNOUNCED)
        strbuf_printf(out, ",\"leftMs\":%" PRId64, left_us > 0 ? left_us / 1000 : 0);
    else
        strbuf_puts(out, ",\"leftMs\":null");
    strbuf_printf(out, ",\"connections\":%u,\"calls\":%u}",
                  left->inbound + left->outbound, left->calls);
}

void
live_state_print(const struct live *l, struct strbuf *out)
{
    struct process *p = l->process;
    const struct drain_left left = p->drain.ops->left(p->drain.arg);
    struct strbuf why;
    const char *state;

    strbuf_init(&why, WHY_MAX);
    state = state_word(p, &left, &why);
    strbuf_printf(out, "\"process\":{\"version\":\"" PACKAGE_VERSION "\",\"pid\":%ld",
                  (long)getpid());
    put_key(out, "node", p->conf->node.id ? p->conf->node.id : "local");
    put_key(out, "service", p->conf->node.service);
    put_key(out, "state", state);
    put_key(out, "stateWhy", why.s);
    strbuf_done(&why);
    strbuf_printf(out, ",\"uptimeMs\":%" PRId64 ",\"workers\":%zu",
                  (loop_now_us(p->loop) - l->opened_us) / 1000, p->worker_count);
    put_config(l, out);
    put_reload(p, out);
    put_drain(p, &left, out);
    strbuf_puts(out, "}");
}
