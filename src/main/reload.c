/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload.c - from one config to the next while calls run. */
#include "main/reload.h"

#include <signal.h>
#include <string.h>

#include "admin/actions.h"
#include "admin/query.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "conf/problem.h"
#include "conf/snapshot.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "main/generation.h"
#include "main/notify.h"
#include "main/process_descriptors.h"
#include "main/process_int.h"
#include "main/reload_int.h"
#include "main/swap.h"

enum {
    TEXT_MAX = 1 << 20,
    LOG_LINES_MAX = 100,
    HTTP_OK = 200,
    HTTP_REFUSED = 422,
    HTTP_BUSY = 503,
};

/* --- words --------------------------------------------------------------------------- */

/* Each line of a text is a line of the log, but not what stands in the file: there may be secrets beside what is wrong. */
static void
reload_log_lines(enum log_level level, const char *what, const char *text)
{
    unsigned n = 0;

    while (*text && n++ < LOG_LINES_MAX) {
        size_t len = strcspn(text, "\n");

        if (len && !problems_is_excerpt(text))
            log_at(NULL, level, what,
                   LB("problem", ((struct slice){ (const uint8_t *)text, len })));
        text += len + (text[len] == '\n');
    }
}

static void
restart_line(struct strbuf *out, const char *key)
{
    strbuf_printf(out,
                  "warning: %s changed, which needs a restart: the old value stays in "
                  "force until then\n",
                  key);
}

/* Keys that the process reads once: threads, memory shares and the sockets of admin and probe are made from them. */
static void
reload_warn_fixed(const struct reload *r, const struct config *c, struct strbuf *out)
{
    const struct process_limits_conf *a = &r->limits, *b = &c->limits;

    if (c->workers != r->workers)
        restart_line(out, "workers");
    if (strcmp(c->admin.listen, r->admin_listen) != 0)
        restart_line(out, "admin.listen");
    if (strcmp(c->probe.listen, process_probe_listen(r->process)) != 0)
        restart_line(out, "probe.listen");
    if (strcmp(r->upgrade_socket, c->upgrade.socket ? c->upgrade.socket : "") != 0)
        restart_line(out, "upgrade.socket");
    if (a->max_connections != b->max_connections)
        restart_line(out, "limits.maxConnections");
    if (a->max_buffered_bytes != b->max_buffered_bytes)
        restart_line(out, "limits.maxBufferedBytes");
    if (a->max_replay_bytes != b->max_replay_bytes)
        restart_line(out, "limits.maxReplayBytes");
    if (r->metrics.histogram != c->metrics.histogram)
        restart_line(out, "metrics.histogram");
    if (r->metrics.max_methods != c->metrics.max_methods)
        restart_line(out, "metrics.maxMethods");
}

/* --- taking it ----------------------------------------------------------------------- */

static void
reload_on_applied(struct swap *s)
{
    struct process *p = s->process;
    struct reload *r = p->reload;
    struct strbuf text;

    if (!r)
        return;
    r->applying = false;
    admin_finish(p->admin, "/reload", HTTP_OK, r->text ? r->text : "");
    log_at(NULL, LOG_DEBUG, "all workers have the config", LI("version", p->version));
    if (!r->again)
        return;
    r->again = false;
    strbuf_init(&text, TEXT_MAX);
    reload_now(r, "put off", &text);
    strbuf_done(&text);
}

static enum reload_result
reload_refuse(struct reload *r, const char *cause, const struct strbuf *out)
{
    struct process *p = r->process;

    stat_inc(&p->main_stats, STAT_RELOADS_REFUSED);
    stat_add(&p->main_stats, STAT_CONFIG_GOOD,
             -stat_get(&p->main_stats, STAT_CONFIG_GOOD));
    log_at(NULL, LOG_ERROR, "reload refused: the config stays as it is",
           LS("cause", cause), LI("version", p->version));
    reload_log_lines(LOG_ERROR, "why the reload was refused", out->s ? out->s : "");
    reload_note(r, RELOAD_REFUSED, out->s);
    return RELOAD_REFUSED;
}

static void
reload_count_good(struct process *p)
{
    int64_t now = clock_wall_us() / 1000000;

    stat_add(&p->main_stats, STAT_CONFIG_GOOD,
             1 - stat_get(&p->main_stats, STAT_CONFIG_GOOD));
    stat_add(&p->main_stats, STAT_CONFIG_TIME,
             now - stat_get(&p->main_stats, STAT_CONFIG_TIME));
}

/* The new one is in force; the old one may go, since listeners, tables and pools have copies of what they need. */
static void
reload_switch(struct reload *r, struct conf_snapshot *s)
{
    struct process *p = r->process;
    struct conf_snapshot *old = p->snapshot;

    p->snapshot = s;
    p->conf = conf_root(s);
    p->version++;
    r->applying = true;
    r->hash = reload_hash(p->conf);
    r->loaded_us = clock_wall_us();
    log_setup((enum log_level)p->conf->log.level, (enum log_format)p->conf->log.format);
    stat_inc(&p->main_stats, STAT_CONFIGS_ALIVE);
    process_descriptors_read(p);
    reload_guard_begin(r, old);
    reload_guard_set(r);
    reload_watch_set(r, p->conf->watch);
    reload_count_good(p);
    process_probe_tell(p);
}

enum reload_result
reload_take(struct reload *r, struct conf_snapshot *s, const char *cause,
            struct strbuf *out)
{
    struct process *p = r->process;
    const struct config *conf = conf_root(s);
    struct generation_news news;
    struct strbuf line;

    if (generation_apply(p, conf, p->version + 1, reload_on_applied, &news, out) !=
        ERR_OK) {
        conf_drop(s);
        return reload_refuse(r, cause, out);
    }
    reload_switch(r, s);
    strbuf_init(&line, TEXT_MAX);
    generation_print(&news, &line);
    log_at(NULL, LOG_INFO, "config reloaded", LS("cause", cause),
           LI("version", p->version), LS("changed", line.s));
    reload_log_lines(LOG_WARN, "said of the new config", out->s ? out->s : "");
    strbuf_printf(out, "config %llu is in force: %s\n", (unsigned long long)p->version,
                  line.s);
    strbuf_done(&line);
    reload_note(r, RELOAD_OK, out->s);
    return RELOAD_OK;
}

static enum reload_result
reload_same(struct reload *r, struct conf_snapshot *s, const char *cause,
            struct strbuf *out)
{
    struct process *p = r->process;

    conf_drop(s);
    process_descriptors_read(p);
    strbuf_printf(out, "nothing changed: config %llu stays in force\n",
                  (unsigned long long)p->version);
    stat_inc(&p->main_stats, STAT_RELOADS_OK);
    reload_count_good(p);
    log_at(NULL, LOG_INFO, "config reloaded: nothing changed", LS("cause", cause),
           LI("version", p->version));
    reload_note(r, RELOAD_SAME, out->s);
    return RELOAD_SAME;
}

static enum reload_result
reload_try(struct reload *r, const char *cause, struct strbuf *out)
{
    struct process *p = r->process;
    struct conf_snapshot *s = NULL;
    enum reload_result result;

    if (r->source.file && strcmp(r->source.file, "-") == 0) {
        strbuf_puts(out, "the config came from standard input, which cannot be read "
                         "again; start with -c FILE to reload\n");
        return reload_refuse(r, cause, out);
    }
    if (p->drain.ending) {
        strbuf_puts(out, "the process is shutting down\n");
        return reload_refuse(r, cause, out);
    }
    if (r->source.load(r->source.arg, out, &s) != ERR_OK)
        return reload_refuse(r, cause, out);
    reload_warn_fixed(r, conf_root(s), out);
    if (conf_equal(&config_struct, p->conf, conf_root(s)))
        return reload_same(r, s, cause, out);
    result = reload_take(r, s, cause, out);
    if (result == RELOAD_OK)
        stat_inc(&p->main_stats, STAT_RELOADS_OK);
    return result;
}

static enum reload_result
reload_load(struct reload *r, const char *cause, struct strbuf *out)
{
    struct process *p = r->process;
    enum reload_result result;

    if (p->drain.ending)
        return reload_try(r, cause,
                          out); /* refused; the service manager knows of the end */
    notify_reloading(p->notify);
    result = reload_try(r, cause, out);
    notify_ready(p->notify, false,
                 result == RELOAD_REFUSED ? "serving; the last reload was refused"
                                          : "serving");
    return result;
}

enum reload_result
reload_now(struct reload *r, const char *cause, struct strbuf *out)
{
    if (r->applying) {
        r->again = true;
        strbuf_puts(out, "another reload is being applied; this one follows it\n");
        return RELOAD_BUSY;
    }
    return reload_load(r, cause, out);
}

/* --- triggers ------------------------------------------------------------------------ */

static void
reload_on_hup(void *arg, int signum)
{
    struct strbuf text;

    (void)signum;
    strbuf_init(&text, TEXT_MAX);
    reload_now(arg, "SIGHUP", &text);
    strbuf_done(&text);
}

/* Who got an answer can rely on it: all workers have the config then. A busy answer asks to come again, so that the answer is about the asker's own file. */
static int
reload_on_post(void *arg, const char *query, struct strbuf *out)
{
    struct reload *r = arg;

    if (!query_is_void(query, NULL, out))
        return HTTP_REFUSED;
    if (r->applying) {
        strbuf_puts(out, "another reload is being applied; ask again\n");
        return HTTP_BUSY;
    }
    switch (reload_load(r, "POST /reload", out)) {
    case RELOAD_OK:
        return ADMIN_LATER; /* when all workers have it */
    case RELOAD_REFUSED:
        return HTTP_REFUSED;
    case RELOAD_SAME:
    case RELOAD_BUSY:
        break;
    }
    return HTTP_OK;
}

struct reload *
reload_open(struct process *p, const struct config_source *source)
{
    struct reload *r = xcalloc(1, sizeof(*r));

    r->process = p;
    r->source = *source;
    r->workers = p->conf->workers;
    r->limits = p->conf->limits;
    r->metrics = p->conf->metrics;
    r->admin_listen = xstrdup(p->conf->admin.listen);
    r->upgrade_socket = xstrdup(p->conf->upgrade.socket ? p->conf->upgrade.socket : "");
    r->hash = reload_hash(p->conf);
    r->loaded_us = clock_wall_us();
    stat_inc(&p->main_stats, STAT_CONFIGS_ALIVE);
    reload_count_good(p);
    r->hup = signal_watch_open(p->loop, SIGHUP, reload_on_hup, r);
    admin_set_action(p->admin, "/reload", reload_on_post, r);
    reload_status_open(r);
    reload_guard_open(r);
    reload_watch_set(r, p->conf->watch);
    return r;
}

void
reload_close(struct reload *r)
{
    if (!r)
        return;
    r->process->reload = NULL;
    signal_watch_close(r->hup);
    reload_watch_set(r, false);
    reload_guard_close(r);
    xfree(r->admin_listen);
    xfree(r->upgrade_socket);
    xfree(r->text);
    xfree(r->path);
    xfree(r);
}
