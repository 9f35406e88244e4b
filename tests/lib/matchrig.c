/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/matchrig.c - a config file that holds nothing but matches. */
#include "matchrig.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "grpc/path.h"

struct rig_conf {
    struct conf_list matches;
};

static const struct conf_field rig_fields[] = {
    { .key = "matches",
      .type = CONF_LIST,
      .at = offsetof(struct rig_conf, matches),
      .sub = &match_conf_struct,
      .help = "All." },
    { .key = NULL },
};

static const struct conf_struct rig_struct = {
    .name = "rig",
    .size = sizeof(struct rig_conf),
    .fields = rig_fields,
};

void
rig_call_set(struct rig_call *c, const char *authority, const char *path)
{
    memset(c, 0, sizeof *c);
    c->headers.v = c->entries;
    c->in.authority = slice_of(authority);
    c->in.path = slice_of(path);
    c->in.headers = &c->headers;
    if (path_split(c->in.path, &c->in.service, &c->in.method) != 0)
        c->in.service = c->in.method = slice_of("");
}

void
rig_call_add(struct rig_call *c, const char *name, struct slice value)
{
    struct h2_field *f = &c->entries[c->headers.n++].f;

    f->name = (uint8_t *)(uintptr_t)name;
    f->namelen = strlen(name);
    f->value = (uint8_t *)(uintptr_t)value.p;
    f->valuelen = value.n;
}

void
rig_call_add_san(struct rig_call *c, enum tls_san_kind kind, const char *name)
{
    c->sans[c->peer.n_sans++] =
        (struct tls_san){ .kind = kind, .len = (uint32_t)strlen(name), .text = name };
    c->peer.sans = c->sans;
    c->peer.has_cert = c->peer.verified = true;
    c->in.peer = &c->peer;
}

bool
rig_open(struct rig *r, const char *json, struct strbuf *problems)
{
    const struct rig_conf *conf;
    const struct match_conf *m;
    struct strbuf text;
    int rc;

    memset(r, 0, sizeof *r);
    strbuf_init(&text, CONF_FILE_MAX);
    strbuf_printf(&text, "{ \"matches\": ");
    strbuf_puts(&text, json);
    strbuf_puts(&text, " }");
    rc = conf_load_text(&rig_struct, "rig", text.s, text.len, problems, &r->snapshot);
    strbuf_done(&text);
    if (rc != 0)
        return false;
    conf = conf_root(r->snapshot);
    m = conf->matches.items;
    r->count = conf->matches.n;
    r->matches = xcalloc(r->count + 1, sizeof *r->matches);
    for (size_t i = 0; i < r->count; i++)
        r->matches[i] = &m[i];
    r->matcher = matcher_new(r->matches, r->count);
    return true;
}

void
rig_close(struct rig *r)
{
    matcher_free(r->matcher);
    xfree(r->matches);
    conf_drop(r->snapshot);
}
