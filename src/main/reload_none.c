/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload_none.c - a process whose config the program made itself (--demo): there is nothing to load again, and whoever asks is told so instead of "no such page". */
#include <inttypes.h>

#include "admin/actions.h"
#include "base/strbuf.h"
#include "main/process_int.h"
#include "main/reload_int.h"

enum { CANNOT = 422 };

static const char nothing[] =
    "the program made this config itself, so there is nothing to load again; outrigger "
    "--demo "
    "--print-config writes it, and outrigger -c FILE starts with what you make of it\n";

static int
none_on_post(void *arg, const char *query, struct strbuf *out)
{
    (void)arg;
    (void)query;
    strbuf_puts(out, nothing);
    return CANNOT;
}

static void
none_text(void *arg, struct strbuf *out)
{
    const struct process *p = arg;

    strbuf_printf(out,
                  "config %" PRIu64 ", hash %016" PRIx64 ", in force since the start\n%s",
                  p->version, reload_hash(p->conf), nothing);
}

static void
none_json(void *arg, struct strbuf *out)
{
    const struct process *p = arg;

    strbuf_printf(
        out,
        "{\"version\":1,\"config\":{\"version\":%" PRIu64 ",\"hash\":\"%016" PRIx64
        "\",\"loaded\":null,\"guarded\":false},\"lastReload\":{\"result\":\"none\"}}\n",
        p->version, reload_hash(p->conf));
}

void
reload_none_open(struct process *p)
{
    admin_set_action(p->admin, "/reload", none_on_post, p);
    admin_set_page(p->admin, "/config/status", "text/plain; charset=utf-8", none_text, p);
    admin_set_page(p->admin, "/config/status.json", "application/json", none_json, p);
}
