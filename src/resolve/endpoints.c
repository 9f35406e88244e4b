/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/endpoints.c - from text to endpoints. The place of a fault is looked for only when
 * there is one: the tree has no places. */
#include "resolve/endpoints.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "conf/near.h"
#include "conf/scan.h"
#include "resolve/unique.h"

static const char *const item_keys[] = { "target", "address", "weight", "priority",
                                         "zone",   "hashKey", "labels" };

struct parse {
    const char *text; /* with comments blanked */
    size_t n;
    struct strbuf *why;
    bool in_object;     /* the list is under "endpoints" */
    size_t index;       /* item that is being read */
    size_t label_count; /* used of labels */
    struct endpoints *out;
};

/* ---- faults ---- */

static void
fault_place(struct parse *p, const struct scan_step *steps, size_t n, bool at_key)
{
    struct scan_place place = scan_find(p->text, p->n, steps, n);
    size_t line, column;

    scan_line_column(p->text, p->n, at_key && place.key_end ? place.key_at : place.at,
                     &line, &column);
    strbuf_printf(p->why, "line %zu, column %zu: ", line, column);
}

/* At `key` of the item (NULL: the item itself), and `label` in it (or NULL). */
static int PRINTF_LIKE(5, 6) fault(struct parse *p, const char *key, const char *label,
                                   bool at_key, const char *fmt, ...)
{
    struct scan_step steps[4];
    size_t n = 0;
    va_list ap;

    if (p->in_object)
        steps[n++] = (struct scan_step){ .key = "endpoints" };
    steps[n++] = (struct scan_step){ .index = p->index };
    if (key)
        steps[n++] = (struct scan_step){ .key = key };
    if (key && label)
        steps[n++] = (struct scan_step){ .key = label };
    fault_place(p, steps, n, at_key);
    va_start(ap, fmt);
    strbuf_vprintf(p->why, fmt, ap);
    va_end(ap);
    return ERR_SYNTAX;
}

/* ---- parts of an item ---- */

static int
read_address(struct parse *p, const char *key, const struct json_t *v, struct addr *ret)
{
    const char *text = jtree_string(v), *why;

    if (!text)
        return fault(p, key, NULL, false,
                     "an address is a string such as \"1.2.3.4:50051\"");
    if (addr_parse(text, false, ret, &why) == ERR_OK)
        return ERR_OK;
    return fault(p, key, NULL, false,
                 "\"%.100s\" cannot be used: %s (names are not looked up)", text, why);
}

static int
read_number(struct parse *p, const char *key, const struct json_t *v, int64_t min,
            int64_t max, uint32_t *ret)
{
    int64_t n;

    if (!jtree_int(v, &n) || n < min || n > max)
        return fault(p, key, NULL, false,
                     "%s must be a whole number from %" PRId64 " to %" PRId64, key, min,
                     max);
    *ret = (uint32_t)n;
    return ERR_OK;
}

static int
read_string(struct parse *p, const char *key, const struct json_t *v, const char **ret)
{
    const char *s = jtree_string(v);

    if (!s || s[0] == '\0')
        return fault(p, key, NULL, false, "%s must be a string that is not empty", key);
    *ret = s;
    return ERR_OK;
}

static int
read_labels(struct parse *p, const struct json_t *v, struct resolved *r)
{
    if (!jtree_is_object(v))
        return fault(p, "labels", NULL, false,
                     "labels must be an object such as { \"version\": \"v2\" }");
    if (jtree_count(v) > RESOLVE_LABELS_MAX)
        return fault(p, "labels", NULL, false, "an endpoint has at most %d labels",
                     RESOLVE_LABELS_MAX);
    r->labels = p->out->labels + p->label_count;
    for (void *at = jtree_first(v); at; at = jtree_next(v, at)) {
        const char *value = jtree_string(jtree_value(at));

        if (jtree_key(at)[0] == '\0' || !value)
            return fault(p, "labels", jtree_key(at), false,
                         "a label has a name, and its value is a string");
        p->out->labels[p->label_count++] =
            (struct resolve_label){ .key = jtree_key(at), .value = value };
        r->label_count++;
    }
    return ERR_OK;
}

static int
refuse_key(struct parse *p, const char *key)
{
    struct strbuf hint;

    strbuf_init(&hint, 512);
    near_suggest(&hint, key, item_keys, ARRAY_LEN(item_keys), "the keys are");
    fault(p, key, NULL, true, "unknown key \"%.80s\"%s", key, hint.s ? hint.s : "");
    strbuf_done(&hint);
    return ERR_SYNTAX;
}

static int
read_key(struct parse *p, const char *key, const struct json_t *v, struct resolved *r)
{
    if (strcmp(key, "target") == 0 || strcmp(key, "address") == 0) {
        if (r->addr.len > 0)
            return fault(p, key, NULL, true,
                         "\"target\" and \"address\" mean the same; write one of them");
        return read_address(p, key, v, &r->addr);
    }
    if (strcmp(key, "weight") == 0)
        return read_number(p, key, v, 1, ENDPOINTS_WEIGHT_MAX, &r->weight);
    if (strcmp(key, "priority") == 0)
        return read_number(p, key, v, 0, ENDPOINTS_PRIORITY_MAX, &r->priority);
    if (strcmp(key, "zone") == 0)
        return read_string(p, key, v, &r->zone);
    if (strcmp(key, "hashKey") == 0)
        return read_string(p, key, v, &r->hash_key);
    if (strcmp(key, "labels") == 0)
        return read_labels(p, v, r);
    return strncmp(key, "x-", 2) == 0 ? ERR_OK : refuse_key(p, key);
}

static int
read_item(struct parse *p, const struct json_t *v, struct resolved *r)
{
    *r = (struct resolved){ .weight = 1, .zone = "" };
    if (jtree_string(v))
        return read_address(p, NULL, v, &r->addr);
    if (!jtree_is_object(v))
        return fault(p, NULL, NULL, false,
                     "an endpoint is \"address:port\" or an object { \"target\": ... }");
    for (void *at = jtree_first(v); at; at = jtree_next(v, at)) {
        if (read_key(p, jtree_key(at), jtree_value(at), r) != ERR_OK)
            return ERR_SYNTAX;
    }
    if (r->addr.len == 0)
        return fault(p, NULL, NULL, false,
                     "the endpoint needs the key \"target\"; for example \"target\": "
                     "\"1.2.3.4:50051\"");
    return ERR_OK;
}

/* ---- the whole ---- */

static size_t
count_labels(const struct json_t *list)
{
    size_t count = 0;

    for (size_t i = 0; i < jtree_count(list); i++) {
        size_t n = jtree_count(jtree_get(jtree_item(list, i), "labels"));

        count += n < RESOLVE_LABELS_MAX ? n : RESOLVE_LABELS_MAX;
    }
    return count;
}

/* The list in the root; NULL after a fault. */
static const struct json_t *
find_list(struct parse *p, const struct json_t *root)
{
    const struct json_t *list = root;

    if (jtree_is_object(root)) {
        for (void *at = jtree_first(root); at; at = jtree_next(root, at)) {
            const char *key = jtree_key(at);
            const struct scan_step step = { .key = key };

            if (strcmp(key, "endpoints") == 0 || strcmp(key, "$schema") == 0 ||
                strncmp(key, "x-", 2) == 0)
                continue;
            fault_place(p, &step, 1, true);
            strbuf_printf(p->why,
                          "unknown key \"%.80s\"; the list is under \"endpoints\"", key);
            return NULL;
        }
        list = jtree_get(root, "endpoints");
        p->in_object = true;
    }
    if (!jtree_is_list(list)) {
        const struct scan_step step = { .key = "endpoints" };

        fault_place(p, &step, list ? 1 : 0, false);
        strbuf_puts(p->why,
                    "a list is needed here: { \"endpoints\": [\"1.2.3.4:50051\"] }");
        return NULL;
    }
    return list;
}

static int
read_list(struct parse *p, const struct json_t *list)
{
    struct endpoints *e = p->out;
    size_t n = jtree_count(list);

    if (n == 0 || n > RESOLVE_ENDPOINTS_MAX) {
        const struct scan_step step = { .key = "endpoints" };

        fault_place(p, &step, p->in_object ? 1 : 0, false);
        if (n == 0)
            strbuf_puts(p->why, "the list of endpoints is empty");
        else
            strbuf_printf(p->why, "there are %zu endpoints; the most is %d", n,
                          RESOLVE_ENDPOINTS_MAX);
        return ERR_SYNTAX;
    }
    e->v = xcalloc(n, sizeof(*e->v));
    e->labels = xcalloc(count_labels(list) + 1, sizeof(*e->labels));
    for (p->index = 0; p->index < n; p->index++) {
        if (read_item(p, jtree_item(list, p->index), &e->v[p->index]) != ERR_OK)
            return ERR_SYNTAX;
    }
    e->n = resolved_unique(e->v, n);
    return ERR_OK;
}

int
endpoints_parse(char *text, size_t n, struct endpoints *ret, struct strbuf *why)
{
    struct endpoints e = { 0 };
    struct parse p = { .text = text, .n = n, .why = why, .out = &e };
    struct jtree_fault fault;
    const struct json_t *list;

    e.tree = jtree_read_relaxed(text, n, &fault);
    if (!e.tree) {
        if (fault.line > 0)
            strbuf_printf(why, "line %zu, column %zu: ", fault.line, fault.column);
        strbuf_puts(why, fault.why);
        return ERR_SYNTAX;
    }
    list = find_list(&p, e.tree);
    if (!list || read_list(&p, list) != ERR_OK) {
        endpoints_done(&e);
        return ERR_SYNTAX;
    }
    *ret = e;
    return ERR_OK;
}

void
endpoints_done(struct endpoints *e)
{
    jtree_free(e->tree);
    xfree(e->v);
    xfree(e->labels);
    *e = (struct endpoints){ 0 };
}
