/* SPDX-License-Identifier: Apache-2.0 */
/* conf/snapshot.c - read, parse, check; then one counted block of memory that nobody
 * changes. */
#include "conf/snapshot.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/env.h"
#include "conf/jsonc.h"
#include "conf/parse.h"
#include "conf/problem.h"
#include "conf/scan.h"
#include "conf/source.h"
#include "conf/syntax.h"
#include "conf/yaml.h"

enum { SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024 };

struct conf_snapshot {
    atomic_uint holds;
    unsigned warnings;
    uint64_t hash;
    struct slab
        *slab; /* of this snapshot alone: it is freed by whichever thread drops last */
    struct arena arena;
    void *root;
    char *json; /* the file without comments: for conf_is_given */
    size_t n;
    struct conf_set *sets; /* only their keys, which are constant texts */
    size_t n_sets;
};

static struct conf_snapshot *
snapshot_new(size_t root_size)
{
    struct conf_snapshot *s = xcalloc(1, sizeof *s);

    atomic_init(&s->holds, 1);
    s->slab = slab_new();
    arena_init(&s->arena, s->slab, NULL, 0, SNAPSHOT_BYTES_MAX);
    s->root = xcalloc(1, root_size);
    return s;
}

struct conf_snapshot *
conf_hold(struct conf_snapshot *s)
{
    atomic_fetch_add_explicit(&s->holds, 1, memory_order_relaxed);
    return s;
}

void
conf_drop(struct conf_snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->holds, 1, memory_order_acq_rel) != 1)
        return;
    arena_reset(&s->arena);
    slab_free(s->slab);
    xfree(s->root);
    xfree(s->json);
    xfree(s->sets);
    xfree(s);
}

const void *
conf_root(const struct conf_snapshot *s)
{
    return s->root;
}

bool
conf_is_given(const struct conf_snapshot *s, const char *path)
{
    struct scan_step steps[JSONC_DEPTH_MAX];
    struct scan_place place;
    char room[256];
    size_t n_steps = 0;

    for (size_t i = 0; i < s->n_sets; i++) {
        if (strcmp(s->sets[i].key, path) == 0)
            return true;
    }
    snprintf(room, sizeof room, "%s", path);
    for (char *key = room; *key && n_steps < ARRAY_LEN(steps);) {
        size_t len = strcspn(key, ".");
        bool last = key[len] == '\0';

        key[len] = '\0';
        steps[n_steps++] = (struct scan_step){ .key = key };
        key += len + !last;
    }
    place = scan_find(s->json, s->n, steps, n_steps);
    /* A short form stands for the keys below it: "admin": "off". */
    return place.found || s->json[place.at] == '"';
}

uint64_t
conf_hash(const struct conf_snapshot *s)
{
    return s->hash;
}

unsigned
conf_warnings(const struct conf_snapshot *s)
{
    return s->warnings;
}

/* Puts one value into the tree; objects on the way are made. */
static void
set_apply(const struct conf_struct *root, const struct conf_set *set, json_t *tree)
{
    const struct conf_field *f = field_find_path(root, set->key);
    const char *key = set->key;
    struct strbuf escaped;
    json_t *value;

    for (const char *dot; (dot = strchr(key, '.')); key = dot + 1) {
        char part[64];
        json_t *below;

        snprintf(part, sizeof part, "%.*s", (int)(dot - key), key);
        below = json_object_get(tree, part);
        if (!json_is_object(below)) {
            json_object_set_new(tree, part, json_object());
            below = json_object_get(tree, part);
        }
        tree = below;
    }
    strbuf_init(&escaped, CONF_FILE_MAX);
    env_escape(set->value, &escaped);
    value = f && f->type == CONF_UINT ? json_integer(strtoll(set->value, NULL, 10))
                                      : json_string(escaped.s ? escaped.s : "");
    json_object_set_new(tree, key, value);
    strbuf_done(&escaped);
}

int
conf_set_check(const struct conf_struct *root, const struct conf_set *set,
               struct strbuf *why)
{
    const struct conf_field *f = field_find_path(root, set->key);
    const char *code;
    void *scratch;
    bool good;

    if (!f || conf_is_tree(f)) {
        strbuf_puts(why, "names no single value");
        return ERR_SYNTAX;
    }
    scratch = xcalloc(1, f->at + sizeof(int64_t) + sizeof(void *));
    good = field_parse(f, set->value, scratch, why, &code);
    xfree(scratch);
    return good ? 0 : ERR_SYNTAX;
}

/* From text to a filled root; problems say when it did not work. */
static void
snapshot_fill(const struct conf_load *load, const struct source *source,
              struct conf_snapshot *s, struct problems *ps)
{
    json_t *tree;

    ps->marks = source->marks;
    ps->n_marks = source->n_marks;
    tree = syntax_read(source->json, source->n, ps);
    if (!tree)
        return;
    ps->json = source->json;
    ps->json_n = source->n;
    for (size_t i = 0; i < load->n_sets; i++)
        set_apply(load->root, &load->sets[i], tree);
    parse_tree(load->root, tree, s->root, &s->arena, ps);
    json_decref(tree);
}

/* The snapshot of a good file; NULL after a problem. */
static struct conf_snapshot *
snapshot_load(const struct conf_load *load, struct problems *ps)
{
    struct conf_snapshot *s;
    struct source source;

    if (ps->n > CONF_FILE_MAX) {
        problems_add(ps, "E0102", "the file is larger than 4 MiB");
        return NULL;
    }
    if (!source_to_json(ps, &source))
        return NULL;
    s = snapshot_new(load->root->size);
    snapshot_fill(load, &source, s, ps);
    s->warnings = ps->warnings;
    s->hash = sip_hash(&(struct sip_secret){ 0, 0 }, ps->text, ps->n).lo;
    s->n = source.n;
    s->sets = xcalloc(load->n_sets + 1, sizeof *s->sets);
    s->n_sets = load->n_sets;
    for (size_t i = 0; i < load->n_sets; i++)
        s->sets[i].key = load->sets[i].key;
    if (ps->errors == 0 && !(load->strict && ps->warnings > 0)) {
        s->json = source.json; /* it goes on living here */
        source.json = NULL;
    }
    source_done(&source);
    if (s->json)
        return s;
    conf_drop(s);
    return NULL;
}

static void
load_print(const struct conf_load *load, struct problems *ps, bool good,
           struct strbuf *out)
{
    if (load->json)
        problems_print_json(ps, good, out);
    else
        problems_print(ps, out);
    if (!load->json && !good && ps->errors == 0)
        strbuf_puts(out, "a strict check takes a warning for an error\n");
}

int
conf_load(const struct conf_load *load, struct strbuf *problems,
          struct conf_snapshot **ret_snapshot)
{
    const char *name = load->name;
    struct conf_snapshot *s = NULL;
    struct problems ps;
    char *text = NULL;
    size_t n = 0;
    int rc = load->text ? 0 : source_read(name, &text, &n);

    if (!load->text && strcmp(name, "-") == 0)
        name = SOURCE_STDIN;
    problems_init(&ps, name, load->text ? load->text : text, load->text ? load->n : n);
    if (rc != 0)
        problems_add(&ps, "E0101", "the file cannot be read: %s", strerror(errno));
    else
        s = snapshot_load(load, &ps);
    load_print(load, &ps, s != NULL, problems);
    problems_done(&ps);
    xfree(text);
    if (!s)
        return rc != 0 ? rc : ERR_SYNTAX;
    *ret_snapshot = s;
    return 0;
}

int
conf_load_text(const struct conf_struct *root, const char *name, const char *text,
               size_t n, struct strbuf *problems, struct conf_snapshot **ret_snapshot)
{
    const struct conf_load load = { .root = root, .name = name, .text = text, .n = n };

    return conf_load(&load, problems, ret_snapshot);
}

int
conf_load_file(const struct conf_struct *root, const char *path, struct strbuf *problems,
               struct conf_snapshot **ret_snapshot)
{
    const struct conf_load load = { .root = root, .name = path };

    return conf_load(&load, problems, ret_snapshot);
}

const char *
conf_library_version(void)
{
    return jansson_version_str();
}

const char *
conf_yaml_version(void)
{
    return yaml_library_version();
}
