/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload_status.c - /config/status: which config is in force, since when, and what the last reload said. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/actions.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/print.h"
#include "conf/problem.h"
#include "conf/snapshot.h"
#include "lb/hash.h"
#include "main/process_int.h"
#include "main/reload_int.h"

enum { PRINT_MAX = 64 << 20, STAMP_MAX = 32, KEPT_MAX = 1 << 20 };

/* Of what it means, with all defaults: comments and the order of keys do not matter. */
uint64_t
reload_hash(const struct config *conf)
{
    struct strbuf text;
    uint64_t hash;

    strbuf_init(&text, PRINT_MAX);
    conf_print(&config_struct, conf, &text);
    hash = lb_hash(text.s, text.len);
    strbuf_done(&text);
    return hash;
}

void
reload_note(struct reload *r, enum reload_result result, const char *text)
{
    struct strbuf kept;

    r->asked_us = clock_wall_us();
    r->result = result;
    r->rolled_back = false;
    xfree(r->text);
    strbuf_init(&kept, KEPT_MAX);
    strbuf_puts(&kept, "");
    while (text && *text) {
        size_t n = strcspn(text, "\n"), all = n + (text[n] == '\n');

        if (!problems_is_excerpt(text))
            strbuf_add(&kept, text, all);
        text += all;
    }
    r->text = strbuf_steal(&kept);
}

static const char *
stamp(char out[STAMP_MAX], int64_t wall_us)
{
    time_t at = (time_t)(wall_us / 1000000);
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(out, STAMP_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static const char *
result_word(const struct reload *r)
{
    static const char *const words[] = { "ok", "same", "refused", "busy" };

    if (r->rolled_back)
        return "rolled_back";
    return r->asked_us ? words[r->result] : "none";
}

static void
status_text(void *arg, struct strbuf *out)
{
    const struct reload *r = arg;
    const struct process *p = r->process;
    char at[STAMP_MAX];

    strbuf_printf(out,
                  "config %" PRIu64 ", hash %016" PRIx64 " (its file: %08" PRIx32
                  "), in force since %s%s\n",
                  p->version, r->hash, (uint32_t)conf_hash(p->snapshot),
                  stamp(at, r->loaded_us), r->before ? ", guarded" : "");
    if (!r->asked_us) {
        strbuf_puts(out, "no reload so far\n");
        return;
    }
    strbuf_printf(out, "last reload: %s, %s\n%s", result_word(r), stamp(at, r->asked_us),
                  r->text);
}

static void
status_json(void *arg, struct strbuf *out)
{
    const struct reload *r = arg;
    const struct process *p = r->process;
    char at[STAMP_MAX];

    strbuf_printf(out,
                  "{\"version\":1,\"config\":{\"version\":%" PRIu64
                  ",\"hash\":\"%016" PRIx64 "\",\"fileHash\":\"%08" PRIx32
                  "\",\"loaded\":\"%s\",\"guarded\":%s}",
                  p->version, r->hash, (uint32_t)conf_hash(p->snapshot),
                  stamp(at, r->loaded_us), r->before ? "true" : "false");
    strbuf_printf(out, ",\"lastReload\":{\"result\":\"%s\"", result_word(r));
    if (r->asked_us) {
        strbuf_printf(out, ",\"at\":\"%s\",\"text\":", stamp(at, r->asked_us));
        json_text_add(out, r->text);
    }
    strbuf_puts(out, "}}\n");
}

void
reload_status_open(struct reload *r)
{
    struct admin *a = r->process->admin;

    admin_set_page(a, "/config/status", "text/plain; charset=utf-8", status_text, r);
    admin_set_page(a, "/config/status.json", "application/json", status_json, r);
}
