/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_known.c - a note, not an error: what failed may be of a pool that left with a
 * reload, and a pool may come with the next one. */
#include "main/ctl_known.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "conf/near.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_http.h"
#include "net/addr.h"

enum { NOTE_MAX = 4096 };

static const char *const kinds[] = { "pool", "listener" };

void
ctl_known_line(const struct json_t *stats, const char *kind, const char *name,
               struct strbuf *out)
{
    const struct json_t *list = jtree_get(stats, kind[0] == 'p' ? "pools" : "listeners");
    size_t n = jtree_count(list);
    const char **names = xcalloc(n + 1, sizeof(*names));
    bool there = false;

    for (size_t i = 0; i < n && !there; i++) {
        names[i] = jtree_get_string(jtree_item(list, i), "name", "");
        there = strcmp(names[i], name) == 0;
    }
    if (!there) {
        strbuf_printf(out, "there is no %s \"%.100s\" now", kind, name);
        near_suggest(out, name, names, n, "there is");
        strbuf_puts(out, "\n");
    }
    xfree(names);
}

static struct json_t *
stats_ask(const struct ctl_args *a)
{
    const char *why = "";
    struct json_t *stats = NULL;
    struct strbuf body;
    struct addr to;

    strbuf_init(&body, CTL_TEXT_MAX);
    if (addr_parse(a->address, false, &to, &why) == ERR_OK &&
        ctl_http_get(&to, "/stats.json", &body, &why) == ERR_OK)
        stats = ctl_ask_read_stats(&body, &why);
    strbuf_done(&body);
    return stats;
}

void
ctl_known_note(const struct ctl_args *a)
{
    struct json_t *stats = NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *name = ctl_value(a, kinds[i], NULL);
        struct strbuf line;

        if (!name || (!stats && !(stats = stats_ask(a))))
            continue;
        strbuf_init(&line, NOTE_MAX);
        ctl_known_line(stats, kinds[i], name, &line);
        if (line.len)
            fprintf(stderr, "outriggerctl %s: %s", a->command->name, line.s);
        strbuf_done(&line);
    }
    jtree_free(stats);
}
