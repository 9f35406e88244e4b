/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload_guard.c - "reload": { "guard": true }: looks at the codes of calls after a reload and goes back when they got worse. */
#include "base/log.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "main/process_int.h"
#include "main/reload_int.h"

enum { TEXT_MAX = 1 << 20 };

static struct guard_count
reload_count(const struct process *p)
{
    static const int failures[] = { GRPC_UNKNOWN, GRPC_DEADLINE_EXCEEDED,
                                    GRPC_UNIMPLEMENTED, GRPC_INTERNAL, GRPC_UNAVAILABLE };
    struct guard_count c = { 0 };

    for (size_t i = 0; i < p->worker_count; i++) {
        for (int code = 0; code <= STAT_CODE_LAST - STAT_CODE_0; code++)
            c.calls += stat_get(p->stats[i], (enum stat_id)(STAT_CODE_0 + code));
        for (size_t k = 0; k < ARRAY_LEN(failures); k++)
            c.failed += stat_get(p->stats[i], (enum stat_id)(STAT_CODE_0 + failures[k]));
    }
    return c;
}

static void
reload_go_back(struct reload *r, struct guard_count now)
{
    struct process *p = r->process;
    struct conf_snapshot *old = r->before;
    struct strbuf text;

    r->before = NULL;
    stat_add(&p->main_stats, STAT_CONFIGS_ALIVE, -1);
    strbuf_init(&text, TEXT_MAX);
    strbuf_printf(&text, "config %llu was taken back: ", (unsigned long long)p->version);
    guard_print(&r->guard, now, &text);
    strbuf_puts(&text, "\n");
    log_at(NULL, LOG_ERROR,
           "the new config makes calls fail: going back to the one before",
           LI("version", p->version), LS("why", text.s));
    if (reload_take(r, old, "guard", &text) == RELOAD_OK) {
        reload_guard_forget(r); /* nobody wants that one back */
        stat_inc(&p->main_stats, STAT_RELOADS_ROLLED_BACK);
        stat_add(&p->main_stats, STAT_CONFIG_GOOD,
                 -stat_get(&p->main_stats, STAT_CONFIG_GOOD));
        r->rolled_back = true;
    }
    strbuf_done(&text);
}

static void
reload_on_guard_timer(struct timer *t)
{
    struct reload *r = CONTAINER_OF(t, struct reload, guard_timer);
    struct process *p = r->process;
    int64_t now = loop_now_us(p->loop);
    struct guard_count count = reload_count(p);

    timer_start(p->loop, t, guard_step_us(&r->guard));
    if (r->before && !r->applying && !p->drain.ending) {
        switch (guard_look(&r->guard, now, count)) {
        case GUARD_WAIT:
            break;
        case GUARD_BAD:
            reload_go_back(r, count);
            break;
        case GUARD_GOOD:
            log_at(NULL, LOG_INFO, "the new config has stood its time",
                   LI("version", p->version));
            reload_guard_forget(r);
            break;
        }
    }
    guard_note(&r->guard, now, count);
}

void
reload_guard_begin(struct reload *r, struct conf_snapshot *old)
{
    struct process *p = r->process;

    reload_guard_forget(r);
    r->before = old;
    if (p->conf->reload.guard)
        guard_begin(&r->guard, loop_now_us(p->loop), reload_count(p));
    else
        reload_guard_forget(r);
}

void
reload_guard_forget(struct reload *r)
{
    if (!r->before)
        return;
    conf_drop(r->before);
    r->before = NULL;
    stat_add(&r->process->main_stats, STAT_CONFIGS_ALIVE, -1);
}

void
reload_guard_set(struct reload *r)
{
    const struct reload_conf *c = &r->process->conf->reload;
    int64_t window = c->guard_window_ms * 1000;

    r->guard.window_us = window;
    if (c->guard && !timer_running(&r->guard_timer))
        timer_start(r->process->loop, &r->guard_timer, 0);
    else if (!c->guard)
        timer_stop(r->process->loop, &r->guard_timer);
}

void
reload_guard_open(struct reload *r)
{
    timer_init(&r->guard_timer, reload_on_guard_timer);
    guard_init(&r->guard, r->process->conf->reload.guard_window_ms * 1000);
    reload_guard_set(r);
}

void
reload_guard_close(struct reload *r)
{
    timer_stop(r->process->loop, &r->guard_timer);
    reload_guard_forget(r);
}
