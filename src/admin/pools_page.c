/* SPDX-License-Identifier: Apache-2.0 */
/* admin/pools_page.c - which pools are asked for; what is said of each is upstream/hub_print.c and hub_table.c. */
#include "admin/pools_page.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_int.h"
#include "admin/query.h"
#include "base/strbuf.h"
#include "conf/near.h"
#include "upstream/hub.h"

enum { PAGE_MAX = 64 << 20 /* ten pools of 10,000 endpoints */, STATUS_NO = 422 };
enum { NAMES_MAX = 4096, WHY_MAX = 2048, SHOWN_MAX = 200 };

/* Which pools: all, or the one at first. */
struct pools_asked {
    size_t first, end;
};

static int
say_no_pool(const struct admin *a, const char *name, struct evbuffer *out)
{
    const char *names[NAMES_MAX];
    size_t n = a->hub_count < NAMES_MAX ? a->hub_count : NAMES_MAX;
    char shown[SHOWN_MAX + 1];
    struct strbuf text;

    for (size_t i = 0; i < n; i++)
        names[i] = hub_name(a->hubs[i]);
    snprintf(shown, sizeof(shown), "%s", name);
    for (char *c = shown; *c; c++)
        *c = (char)((unsigned char)*c >= ' ' && *c != 0x7f ? *c : '?');
    strbuf_init(&text, WHY_MAX);
    strbuf_printf(&text, "there is no pool \"%s\"", shown);
    near_suggest(&text, shown, names, n, "there are");
    strbuf_puts(&text, "\n");
    evbuffer_add(out, text.s, text.len);
    strbuf_done(&text);
    return HTTP_NOTFOUND;
}

/* 200, or a status with a sentence in out. */
static int
pools_asked_read(const struct admin *a, const char *text, struct pools_asked *ret,
                 struct evbuffer *out)
{
    const char *key, *value, *why = "known is pool: ?pool=NAME";
    enum query_step step = QUERY_BAD;
    struct query q;

    *ret = (struct pools_asked){ 0, a->hub_count };
    if (!text)
        return HTTP_OK;
    if (query_begin(&q, text, &why)) {
        while ((step = query_next(&q, &key, &value, &why)) == QUERY_WORD) {
            size_t i = 0;

            if (strcmp(key, "format") == 0) /* admin/aliases.h */
                continue;
            why = "known is pool: ?pool=NAME";
            if (strcmp(key, "pool") != 0)
                break;
            while (i < a->hub_count && strcmp(hub_name(a->hubs[i]), value) != 0)
                i++;
            if (i == a->hub_count)
                return say_no_pool(a, value, out);
            *ret = (struct pools_asked){ i, i + 1 };
        }
    }
    if (step == QUERY_END)
        return HTTP_OK;
    evbuffer_add_printf(out, "%s\n", why);
    return STATUS_NO;
}

int
pools_page_text(const struct admin *a, const char *query, struct evbuffer *out)
{
    struct pools_asked asked;
    int status = pools_asked_read(a, query, &asked, out);
    struct strbuf text;

    if (status != HTTP_OK)
        return status;
    strbuf_init(&text, PAGE_MAX);
    strbuf_puts(&text, "");
    for (size_t i = asked.first; i < asked.end; i++) {
        strbuf_puts(&text, i > asked.first ? "\n" : "");
        hub_print_table(a->hubs[i], &text);
    }
    evbuffer_add(out, text.s, text.len);
    strbuf_done(&text);
    return HTTP_OK;
}

int
pools_page_json(const struct admin *a, const char *query, struct evbuffer *out,
                const char **ret_type)
{
    struct pools_asked asked;
    int status = pools_asked_read(a, query, &asked, out);
    struct strbuf text;

    if (status != HTTP_OK)
        return status;
    *ret_type = "application/json";
    strbuf_init(&text, PAGE_MAX);
    strbuf_puts(&text, "{\"version\":1,\"pools\":[");
    for (size_t i = asked.first; i < asked.end; i++) {
        strbuf_puts(&text, i > asked.first ? ",\n" : "\n");
        hub_print(a->hubs[i], &text);
    }
    strbuf_puts(&text, "\n]}\n");
    evbuffer_add(out, text.s, text.len);
    strbuf_done(&text);
    return HTTP_OK;
}
