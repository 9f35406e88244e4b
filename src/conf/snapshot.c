/* SPDX-License-Identifier: Apache-2.0 */
/* conf/snapshot.c - read, parse, check; then one counted block of memory that nobody
 * changes. */
#include "conf/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/env.h"
#include "conf/jsonc.h"
#include "conf/parse.h"
#include "conf/problem.h"
#include "conf/scan.h"
#include "conf/syntax.h"

enum { SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024 };

struct conf_snapshot {
    atomic_uint holds;
    unsigned warnings;
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

unsigned
conf_warnings(const struct conf_snapshot *s)
{
    return s->warnings;
}

/* What a load works on. */
struct load {
    const struct conf_struct *root;
    const struct conf_set *sets;
    size_t n_sets;
};

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

/* From blanked text to a filled root; problems say when it did not work. */
static void
snapshot_fill(const struct load *load, char *json, size_t n, struct conf_snapshot *s,
              struct problems *ps)
{
    size_t at = 0;
    json_t *tree;

    switch (jsonc_blank(json, n, &at)) {
    case 0:
        break;
    case ERR_LIMIT:
        problems_add_at(ps, at, at + 1, "E0103",
                        "this is nested too deeply; the most is %d levels",
                        JSONC_DEPTH_MAX);
        return;
    default:
        problems_add_at(ps, at, at + 2, "E0104",
                        "the comment that starts here is never closed by */");
        return;
    }
    tree = syntax_read(json, n, ps);
    if (!tree)
        return;
    ps->json = json;
    for (size_t i = 0; i < load->n_sets; i++)
        set_apply(load->root, &load->sets[i], tree);
    parse_tree(load->root, tree, s->root, &s->arena, ps);
    json_decref(tree);
}

int
conf_load_text_with(const struct conf_struct *root, const char *name, const char *text,
                    size_t n, const struct conf_set *sets, size_t n_sets,
                    struct strbuf *problems, struct conf_snapshot **ret_snapshot)
{
    const struct load load = { .root = root, .sets = sets, .n_sets = n_sets };
    struct problems ps;
    struct conf_snapshot *s;
    char *json;
    unsigned errors;

    problems_init(&ps, name, text, n);
    if (n > CONF_FILE_MAX) {
        problems_add(&ps, "E0102", "the file is larger than 4 MiB");
        problems_print(&ps, problems);
        problems_done(&ps);
        return ERR_SYNTAX;
    }
    s = snapshot_new(root->size);
    json = xmalloc(n + 1);
    memcpy(json, text, n);
    json[n] = '\0';
    snapshot_fill(&load, json, n, s, &ps);
    problems_print(&ps, problems);
    errors = ps.errors;
    s->warnings = ps.warnings;
    problems_done(&ps);
    s->json = json;
    s->n = n;
    s->sets = xcalloc(n_sets + 1, sizeof *s->sets);
    s->n_sets = n_sets;
    for (size_t i = 0; i < n_sets; i++)
        s->sets[i].key = sets[i].key;
    if (errors > 0) {
        conf_drop(s);
        return ERR_SYNTAX;
    }
    *ret_snapshot = s;
    return 0;
}

/* Reads at most CONF_FILE_MAX + 1 bytes. 0 or ERR_SYS with errno. */
static int
read_all(int fd, char **ret_text, size_t *ret_n)
{
    size_t room = 64 * 1024, n = 0;
    char *text = xmalloc(room);

    for (;;) {
        ssize_t got;

        if (n == room) {
            room *= 2;
            text = xrealloc(text, room);
        }
        got = read(fd, text + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            xfree(text);
            return ERR_SYS;
        }
        n += (size_t)got;
        if (got == 0 || n > CONF_FILE_MAX)
            break;
    }
    *ret_text = text;
    *ret_n = n;
    return 0;
}

int
conf_load_file_with(const struct conf_struct *root, const char *path,
                    const struct conf_set *sets, size_t n_sets, struct strbuf *problems,
                    struct conf_snapshot **ret_snapshot)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    size_t n = 0;
    int rc = fd < 0 ? ERR_SYS : read_all(fd, &text, &n);

    if (rc != 0) {
        struct problems ps;

        problems_init(&ps, path, "", 0);
        problems_add(&ps, "E0101", "the file cannot be read: %s", strerror(errno));
        problems_print(&ps, problems);
        problems_done(&ps);
    } else {
        rc = conf_load_text_with(root, is_stdin ? "<stdin>" : path, text, n, sets, n_sets,
                                 problems, ret_snapshot);
    }
    if (fd >= 0 && !is_stdin)
        close(fd);
    xfree(text);
    return rc;
}

int
conf_load_text(const struct conf_struct *root, const char *name, const char *text,
               size_t n, struct strbuf *problems, struct conf_snapshot **ret_snapshot)
{
    return conf_load_text_with(root, name, text, n, NULL, 0, problems, ret_snapshot);
}

int
conf_load_file(const struct conf_struct *root, const char *path, struct strbuf *problems,
               struct conf_snapshot **ret_snapshot)
{
    return conf_load_file_with(root, path, NULL, 0, problems, ret_snapshot);
}

const char *
conf_library_version(void)
{
    return jansson_version_str();
}
