/* SPDX-License-Identifier: Apache-2.0 */
/* main/control_pages.c - what the process is, which config it has, and how much it logs. */
#include "main/control_pages.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "admin/actions.h"
#include "admin/probe.h"
#include "admin/query.h"
#include "base/jsontext.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/print.h"
#include "conf/redact.h"
#include "conf/values.h"
#include "loop/loop.h"
#include "main/process_int.h"
#include "net/addr.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"

enum { GOOD = 200, NOT_READY = 503, PRINT_MAX = 64 << 20 };

static const int64_t LEVEL_MAX_MS = INT64_C(24) * 60 * 60 * 1000;
static const char *const level_words[] = { "error", "warn", "info", "debug" };

struct control {
    struct process *process;
    struct timer level; /* runs while a level holds for a while */
    int64_t level_end_us;
    int64_t started_us;
};

/* --- the log's level ------------------------------------------------------------------ */

static const char *
level_word(void)
{
    return level_words[atomic_load(&log_level_now)];
}

/* The config's, which a reload may have changed meanwhile. */
static void
level_back(struct control *c)
{
    timer_stop(c->process->loop, &c->level);
    log_setup((enum log_level)c->process->conf->log.level,
              (enum log_format)c->process->conf->log.format);
}

static void
level_on_end(struct timer *t)
{
    struct control *c = CONTAINER_OF(t, struct control, level);

    level_back(c);
    log_at(NULL, LOG_INFO, "the log is back at its own level",
           LS("level", level_words[c->process->conf->log.level]));
}

static void
put_level(const struct control *c, struct strbuf *out)
{
    char left[VALUE_TEXT_MAX];

    strbuf_printf(out, "%s", level_word());
    if (timer_running(&c->level) &&
        atomic_load(&log_level_now) != (int)c->process->conf->log.level) {
        int64_t ms = (c->level_end_us - loop_now_us(c->process->loop)) / 1000;

        duration_print(ms > 1000 ? ms - ms % 1000 : ms, left);
        strbuf_printf(out, " for %s, then %s again", left,
                      level_words[c->process->conf->log.level]);
    }
    strbuf_puts(out, "\n");
}

static int
page_level(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    (void)query;
    (void)ret_type;
    put_level(arg, out);
    return GOOD;
}

/* Envoy has more of them. "off" has no like: errors are always told. */
static const char *
level_of_envoy(const char *word)
{
    return strcmp(word, "warning") == 0    ? "warn"
           : strcmp(word, "trace") == 0    ? "debug"
           : strcmp(word, "critical") == 0 ? "error"
                                           : word;
}

/* What the query asks; false with a sentence. *ret_ms 0: no time was given. */
static bool
level_read(const char *text, int *ret_level, int64_t *ret_ms, const char **ret_why)
{
    const char *key, *value;
    struct value_note note;
    enum query_step step;
    struct query q;

    *ret_level = -1;
    *ret_ms = 0;
    if (!query_begin(&q, text, ret_why))
        return false;
    while ((step = query_next(&q, &key, &value, ret_why)) == QUERY_WORD) {
        if (strcmp(key, "level") == 0) {
            *ret_why = "level is error, warn, info or debug";
            *ret_level = log_level_parse(level_of_envoy(value));
            if (*ret_level < 0)
                return false;
        } else if (strcmp(key, "for") == 0) {
            *ret_why = "for is a time from 1s to 24h, as in for=5m";
            if (duration_parse(value, ret_ms, &note) != 0 || *ret_ms < 1000 ||
                *ret_ms > LEVEL_MAX_MS)
                return false;
        } else {
            *ret_why = "known are level and for: level=debug&for=5m";
            return false;
        }
    }
    if (step == QUERY_END && *ret_level < 0)
        *ret_why = "say which level: level=debug&for=5m";
    return step == QUERY_END && *ret_level >= 0;
}

/* The one that the config has ends what was set before. */
static int
action_level(void *arg, const char *query, struct strbuf *out)
{
    struct control *c = arg;
    struct process *p = c->process;
    const char *why = "";
    int64_t ms;
    int level;

    if (!level_read(query, &level, &ms, &why)) {
        strbuf_printf(out, "%s\n", why);
        return 422;
    }
    level_back(c);
    log_at(NULL, LOG_INFO, "another log level was asked for at the admin port",
           LS("level", level_words[level]), LI("for_ms", ms));
    log_setup((enum log_level)level, (enum log_format)p->conf->log.format);
    if (ms > 0 && (uint32_t)level != p->conf->log.level) {
        c->level_end_us = loop_now_us(p->loop) + ms * 1000;
        timer_start(p->loop, &c->level, ms * 1000);
    }
    put_level(c, out);
    return GOOD;
}

/* --- the config ----------------------------------------------------------------------- */

static void
page_config(void *arg, struct strbuf *out)
{
    const struct control *c = arg;
    struct strbuf text;

    strbuf_init(&text, PRINT_MAX);
    conf_print_shown(&config_struct, c->process->conf, &text);
    conf_redact(text.s, out);
    strbuf_done(&text);
}

/* --- probes ---------------------------------------------------------------------------- */

static int
put_probe(const struct control *c, enum probe_what what, struct strbuf *out)
{
    if (!process_probe_good(c->process, what, out))
        return NOT_READY;
    strbuf_puts(out, "ok\n");
    return GOOD;
}

static int
page_livez(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    (void)query;
    (void)ret_type;
    return put_probe(arg, PROBE_LIVE, out);
}

static int
page_readyz(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    (void)query;
    (void)ret_type;
    return put_probe(arg, PROBE_READY, out);
}

static int
page_startupz(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    (void)query;
    (void)ret_type;
    return put_probe(arg, PROBE_STARTUP, out);
}

/* --- Envoy's -------------------------------------------------------------------------- */

static const char *
state_word(const struct process *p)
{
    return !p->started ? "PRE_INITIALIZING" : process_ready(p) ? "LIVE" : "DRAINING";
}

static int
page_ready(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    const struct control *c = arg;

    (void)query;
    (void)ret_type;
    strbuf_printf(out, "%s\n", state_word(c->process));
    return process_ready(c->process) ? GOOD : NOT_READY;
}

static void
page_server_info(void *arg, struct strbuf *out)
{
    const struct control *c = arg;
    int64_t up_s = (loop_now_us(c->process->loop) - c->started_us) / 1000000;

    strbuf_printf(out,
                  "{\"version\":\"outrigger " PACKAGE_VERSION
                  "\",\"state\":\"%s\",\"uptime_current_epoch\":\"%" PRId64
                  "s\",\"uptime_all_epochs\":\"%" PRId64
                  "s\",\"command_line_options\":{\"concurrency\":%zu}}\n",
                  state_word(c->process), up_s, up_s, c->process->worker_count);
}

/* The same as Envoy's scripts look for it. text: "127.0.0.1:8080", "[::1]:8080" or "unix:/path". */
static void
put_local_address(const struct addr *at, const char *text, struct strbuf *out)
{
    const char *port = strrchr(text, ':');
    char host[ADDR_TEXT_MAX];
    bool six = text[0] == '[';

    strbuf_puts(out, ",\"local_address\":{");
    if (addr_is_unix(at) || !port) {
        strbuf_puts(out, "\"pipe\":{\"path\":");
        json_text_add(out, strncmp(text, "unix:", 5) == 0 ? text + 5 : text);
        strbuf_puts(out, "}}");
        return;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(port - text) - 2 * six, text + six);
    strbuf_puts(out, "\"socket_address\":{\"address\":");
    json_text_add(out, host);
    strbuf_printf(out, ",\"port_value\":%s}}", port + 1);
}

/* "inbound::127.0.0.1:8080", one a line. */
static int
page_listeners(void *arg, const char *query, struct strbuf *out, const char **ret_type)
{
    const struct process *p = ((const struct control *)arg)->process;
    bool json = strcmp(query, "format=json") == 0;
    char address[ADDR_TEXT_MAX];

    if (json) {
        *ret_type = "application/json";
        strbuf_puts(out, "{\"listener_statuses\":[");
    }
    for (size_t i = 0; i < p->server_count; i++) {
        const char *name = p->servers[i]->front->conf->name;

        addr_print(&p->servers[i]->addr, address);
        if (!json) {
            strbuf_printf(out, "%s::%s\n", name, address);
            continue;
        }
        strbuf_puts(out, i ? ",\n{\"name\":" : "\n{\"name\":");
        json_text_add(out, name);
        strbuf_puts(out, ",\"address\":");
        json_text_add(out, address);
        put_local_address(&p->servers[i]->addr, address, out);
        strbuf_puts(out, "}");
    }
    if (json)
        strbuf_puts(out, "\n]}\n");
    return GOOD;
}

/* As SIGTERM: calls that are under way end first. */
static int
action_quit(void *arg, const char *query, struct strbuf *out)
{
    struct control *c = arg;

    if (!query_is_void(query, NULL, out))
        return 422;
    log_at(NULL, LOG_INFO, "the end was asked for at the admin port");
    strbuf_puts(out, "draining, then the process ends\n");
    process_drain(c->process);
    return GOOD;
}

/* -------------------------------------------------------------------------------------- */

struct control *
control_open(struct process *p)
{
    struct control *c;

    if (!p->admin)
        return NULL;
    c = xcalloc(1, sizeof(*c));
    c->process = p;
    c->started_us = loop_now_us(p->loop);
    timer_init(&c->level, level_on_end);
    admin_set_page(p->admin, "/config", "application/json", page_config, c);
    admin_set_query(p->admin, "/log-level", page_level, c);
    admin_set_action(p->admin, "/log-level", action_level, c);
    admin_set_query(p->admin, "/livez", page_livez, c);
    admin_set_query(p->admin, "/readyz", page_readyz, c);
    admin_set_query(p->admin, "/startupz", page_startupz, c);
    admin_set_query(p->admin, "/ready", page_ready, c);
    admin_set_page(p->admin, "/server_info", "application/json", page_server_info, c);
    admin_set_query(p->admin, "/listeners", page_listeners, c);
    admin_set_action(p->admin, "/quitquitquit", action_quit, c);
    return c;
}

void
control_close(struct control *c)
{
    if (!c)
        return;
    if (timer_running(&c->level))
        level_back(c);
    xfree(c);
}
