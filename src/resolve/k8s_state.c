/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_state.c - lists and events become slices (k8s_slices.h), slices become endpoints. Zones are few, so each name is kept
 * once and endpoints point to it. */
#include "resolve/k8s_state.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "resolve/k8s_slices.h"
#include "resolve/unique.h"

enum { WORDS_MAX = 256, WORD_MAX = 512, VERSION_MAX = 256, CONTINUE_MAX = 4096 };

struct k8s_state {
    struct k8s_target target;
    const char *host;
    struct k8s_slices now, next;
    char version[VERSION_MAX];
    char cont[CONTINUE_MAX];
    char *words[WORDS_MAX];
    unsigned word_count;
    struct resolved *out;
    struct resolve_label *labels;
};

/* ---- from JSON ---- */

static const char *
word_keep(struct k8s_state *s, const char *text)
{
    if (text[0] == '\0' || strlen(text) > WORD_MAX)
        return "";
    for (unsigned i = 0; i < s->word_count; i++) {
        if (strcmp(s->words[i], text) == 0)
            return s->words[i];
    }
    if (s->word_count == WORDS_MAX)
        return "";
    return s->words[s->word_count++] = xstrdup(text);
}

/* The zones that the endpoint is meant for, with commas between. */
static const char *
read_hints(struct k8s_state *s, const struct json_t *endpoint)
{
    const struct json_t *zones = jtree_get(jtree_get(endpoint, "hints"), "forZones");
    struct strbuf text;
    const char *kept;

    if (!jtree_is_list(zones) || jtree_count(zones) == 0)
        return "";
    strbuf_init(&text, WORD_MAX + 1);
    for (size_t i = 0; i < jtree_count(zones); i++) {
        if (i > 0)
            strbuf_puts(&text, ",");
        strbuf_puts(&text, jtree_get_string(jtree_item(zones, i), "name", ""));
    }
    kept = word_keep(s, text.s);
    strbuf_done(&text);
    return kept;
}

/* The port of this slice; 0: it has none that we want. */
static unsigned
read_port(const struct k8s_state *s, const struct json_t *slice)
{
    const struct json_t *ports = jtree_get(slice, "ports");
    int64_t number;

    if (s->target.port != 0)
        return s->target.port;
    for (size_t i = 0; jtree_is_list(ports) && i < jtree_count(ports); i++) {
        const struct json_t *p = jtree_item(ports, i);

        if (strcmp(jtree_get_string(p, "name", ""), s->target.port_name) == 0 &&
            strcmp(jtree_get_string(p, "protocol", "TCP"), "TCP") == 0 &&
            jtree_int(jtree_get(p, "port"), &number) && number > 0 && number <= 65535)
            return (unsigned)number;
    }
    return 0;
}

static bool
read_addr(const struct json_t *endpoint, bool v6, unsigned port, struct addr *ret)
{
    const struct json_t *list = jtree_get(endpoint, "addresses");
    const char *ip, *why;
    char text[80];

    if (!jtree_is_list(list) || jtree_count(list) == 0)
        return false;
    ip = jtree_string(jtree_item(list, 0));
    /* Digits only: no name, no interface, nothing that is looked up. */
    if (!ip || strlen(ip) > 45 || ip[strspn(ip, "0123456789abcdefABCDEF.:")] != '\0')
        return false;
    snprintf(text, sizeof(text), v6 ? "[%s]:%u" : "%s:%u", ip, port);
    return addr_parse(text, false, ret, &why) == 0;
}

static bool
read_endpoint(struct k8s_state *s, const struct json_t *v, bool v6, unsigned port,
              struct k8s_endpoint *ret)
{
    const struct json_t *conditions = jtree_get(v, "conditions");
    bool serving;

    if (!read_addr(v, v6, port, &ret->addr))
        return false;
    ret->ready = jtree_bool(jtree_get(conditions, "ready"), true);
    serving = jtree_bool(jtree_get(conditions, "serving"), ret->ready);
    ret->draining = serving && jtree_bool(jtree_get(conditions, "terminating"), false);
    ret->zone = word_keep(s, jtree_get_string(v, "zone", ""));
    ret->hint = read_hints(s, v);
    return true;
}

/* False: no slice. An endpoint that cannot be used is left out. */
static bool
read_slice(struct k8s_state *s, const struct json_t *v, struct k8s_slice *ret,
           struct strbuf *why)
{
    const char *name = jtree_get_string(jtree_get(v, "metadata"), "name", "");
    const char *type = jtree_get_string(v, "addressType", "");
    const struct json_t *list = jtree_get(v, "endpoints");
    size_t count = jtree_is_list(list) ? jtree_count(list) : 0;
    unsigned port = read_port(s, v);

    if (name[0] == '\0' || strlen(name) > WORD_MAX) {
        strbuf_puts(why, "the API server sent an EndpointSlice without a name");
        return false;
    }
    *ret = (struct k8s_slice){ .name = xstrdup(name), .has_port = port != 0 };
    if (port == 0 || (strcmp(type, "IPv4") != 0 && strcmp(type, "IPv6") != 0))
        return true; /* FQDN slices are not for proxies (API reference) */
    ret->v = xcalloc(count + 1, sizeof(*ret->v));
    for (size_t i = 0; i < count; i++)
        ret->n += read_endpoint(s, jtree_item(list, i), strcmp(type, "IPv6") == 0, port,
                                &ret->v[ret->n]);
    return true;
}

static enum k8s_result
put_slice(struct k8s_state *s, struct k8s_slices *t, const struct json_t *v,
          struct strbuf *why)
{
    struct k8s_slice slice;

    return read_slice(s, v, &slice, why) ? k8s_slices_put(t, &slice, why) : K8S_BAD;
}

static struct json_t *
read_text(const char *text, size_t n, struct strbuf *why)
{
    struct jtree_fault fault;
    struct json_t *tree = jtree_read(text, n, &fault);

    if (!tree)
        strbuf_printf(why, "the API server's answer cannot be read: %s", fault.why);
    return tree;
}

static bool
set_version(struct k8s_state *s, const struct json_t *object)
{
    const char *v =
        jtree_get_string(jtree_get(object, "metadata"), "resourceVersion", "");

    if (v[0] == '\0' || strlen(v) >= sizeof(s->version))
        return false;
    snprintf(s->version, sizeof(s->version), "%s", v);
    return true;
}

/* ---- lists ---- */

void
k8s_state_list_begin(struct k8s_state *s)
{
    k8s_slices_clear(&s->next);
    s->cont[0] = '\0';
}

static enum k8s_result
add_page(struct k8s_state *s, const struct json_t *root, struct strbuf *why)
{
    const struct json_t *items = jtree_get(root, "items");
    const char *cont = jtree_get_string(jtree_get(root, "metadata"), "continue", "");

    if (!jtree_is_object(root) || (items && !jtree_is_list(items)) ||
        strcmp(jtree_get_string(root, "kind", ""), "EndpointSliceList") != 0) {
        strbuf_puts(why, "the API server's answer is no EndpointSliceList");
        return K8S_BAD;
    }
    for (size_t i = 0; i < jtree_count(items); i++) {
        if (put_slice(s, &s->next, jtree_item(items, i), why) == K8S_BAD)
            return K8S_BAD;
    }
    if (strlen(cont) >= sizeof(s->cont)) {
        strbuf_puts(why, "the API server's continue token is too long");
        return K8S_BAD;
    }
    snprintf(s->cont, sizeof(s->cont), "%s", cont);
    if (cont[0] != '\0')
        return K8S_MORE;
    if (!set_version(s, root)) {
        strbuf_puts(why, "the API server's list has no resourceVersion");
        return K8S_BAD;
    }
    k8s_slices_clear(&s->now);
    s->now = s->next;
    s->next = (struct k8s_slices){ 0 };
    return K8S_CHANGED;
}

enum k8s_result
k8s_state_page(struct k8s_state *s, const char *text, size_t n, struct strbuf *why)
{
    struct json_t *tree = read_text(text, n, why);
    enum k8s_result rv = tree ? add_page(s, tree, why) : K8S_BAD;

    jtree_free(tree);
    return rv;
}

/* ---- events ---- */

/* A Status in place of an object. */
static enum k8s_result
take_error(struct k8s_state *s, const struct json_t *status, struct strbuf *why)
{
    const char *reason = jtree_get_string(status, "reason", "");
    int64_t code = 0;

    jtree_int(jtree_get(status, "code"), &code);
    if (code == 410 || strcmp(reason, "Expired") == 0 || strcmp(reason, "Gone") == 0) {
        s->version[0] = '\0';
        return K8S_EXPIRED;
    }
    strbuf_printf(why, "the API server ended the watch: %" PRId64 " %.100s %.200s", code,
                  reason, jtree_get_string(status, "message", ""));
    return K8S_BAD;
}

static enum k8s_result
take_event(struct k8s_state *s, const struct json_t *root, struct strbuf *why)
{
    const char *type = jtree_get_string(root, "type", "");
    const struct json_t *object = jtree_get(root, "object");
    enum k8s_result rv = K8S_SAME;

    if (strcmp(type, "ERROR") == 0)
        return take_error(s, object, why);
    if (!jtree_is_object(object)) {
        strbuf_puts(why, "the API server sent an event without an object");
        return K8S_BAD;
    }
    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
        rv = put_slice(s, &s->now, object, why);
    else if (strcmp(type, "DELETED") == 0)
        rv = k8s_slices_drop(&s->now,
                             jtree_get_string(jtree_get(object, "metadata"), "name", ""));
    /* BOOKMARK, and types of the future, only move the version. */
    if (rv != K8S_BAD)
        (void)set_version(s, object);
    return rv;
}

enum k8s_result
k8s_state_event(struct k8s_state *s, const char *text, size_t n, struct strbuf *why)
{
    struct json_t *tree = read_text(text, n, why);
    enum k8s_result rv = tree ? take_event(s, tree, why) : K8S_BAD;

    jtree_free(tree);
    return rv;
}

/* ---- out ---- */

static void
explain_none(const struct k8s_state *s, struct strbuf *why)
{
    bool has_port = s->now.n == 0;

    for (size_t i = 0; i < s->now.n; i++)
        has_port |= s->now.v[i].has_port;
    if (!has_port)
        strbuf_printf(why, "service %s has no TCP port named \"%s\"", s->target.service,
                      s->target.port_name);
    else if (s->now.n == 0)
        strbuf_printf(why,
                      "service %s has no EndpointSlice; is its name right, and does "
                      "its selector match a pod?",
                      s->target.service);
    else
        strbuf_printf(why, "service %s has %zu endpoints, but none is ready",
                      s->target.service, s->now.endpoints);
}

static bool
wanted(const struct k8s_endpoint *e, bool any_ready)
{
    return any_ready ? e->ready : e->draining;
}

static bool
any_is_ready(const struct k8s_slices *t)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->v[i].n; k++) {
            if (t->v[i].v[k].ready)
                return true;
        }
    }
    return false;
}

size_t
k8s_state_publish(struct k8s_state *s, const struct resolved **ret, struct strbuf *why)
{
    bool ready = any_is_ready(&s->now);
    size_t n = 0, room = s->now.endpoints + 1;

    s->out = xrealloc(s->out, room * sizeof(*s->out));
    s->labels = xrealloc(s->labels, room * sizeof(*s->labels));
    for (size_t i = 0; i < s->now.n; i++) {
        for (size_t k = 0; k < s->now.v[i].n; k++) {
            const struct k8s_endpoint *e = &s->now.v[i].v[k];

            if (!wanted(e, ready))
                continue;
            s->labels[n] = (struct resolve_label){ "hint-zone", e->hint };
            s->out[n] = (struct resolved){
                .addr = e->addr,
                .weight = 1,
                .zone = e->zone,
                .host = s->host,
                .labels = &s->labels[n],
                .label_count = e->hint[0] != '\0',
            };
            n++;
        }
    }
    n = resolved_unique(s->out, n);
    if (n == 0)
        explain_none(s, why);
    *ret = s->out;
    return n < RESOLVE_ENDPOINTS_MAX ? n : RESOLVE_ENDPOINTS_MAX;
}

/* ---- life ---- */

struct k8s_state *
k8s_state_new(const struct k8s_target *target)
{
    struct k8s_state *s = xcalloc(1, sizeof(*s));

    s->target = *target;
    return s;
}

void
k8s_state_free(struct k8s_state *s)
{
    if (!s)
        return;
    k8s_slices_clear(&s->now);
    k8s_slices_clear(&s->next);
    for (unsigned i = 0; i < s->word_count; i++)
        xfree(s->words[i]);
    xfree(s->out);
    xfree(s->labels);
    xfree(s);
}

void
k8s_state_set_host(struct k8s_state *s, const char *host)
{
    s->host = host;
}

const char *
k8s_state_version(const struct k8s_state *s)
{
    return s->version;
}

void
k8s_state_forget(struct k8s_state *s)
{
    s->version[0] = '\0';
}

const char *
k8s_state_continue(const struct k8s_state *s)
{
    return s->cont;
}
