/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the real config: each file that we ship, all of its values. Whoever adds a pointer to a struct without a row for it learns of it here. */
#include "conf/copy.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "certs.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "golden.h"
#include "main/config.h"

static struct conf_snapshot *
load(const char *path)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (conf_load_file(&config_struct, path, &problems, &s) != 0)
        fail_msg("%s", problems.s);
    strbuf_done(&problems);
    return s;
}

typedef void file_fn(const char *path);

static void
each_file(file_fn *fn)
{
    char pattern[1024], certs[64];
    glob_t g;

    certs_make(certs);
    snprintf(pattern, sizeof pattern, "%s/conf/*.json", golden_top());
    assert_int_equal(glob(pattern, 0, NULL, &g), 0);
    assert_true(g.gl_pathc >= 5);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        if (!strstr(g.gl_pathv[i], "endpoints.json")) /* a list, no config */
            fn(g.gl_pathv[i]);
    }
    globfree(&g);
    certs_remove(certs);
}

static char *
print(const void *root)
{
    struct strbuf out;

    strbuf_init(&out, 1 << 22);
    conf_print(&config_struct, root, &out);
    return strbuf_steal(&out);
}

static void
file_copies(const char *path)
{
    struct conf_snapshot *s = load(path);
    char *before = print(conf_root(s)), *after;
    struct conf_copy *c = conf_copy_new(&config_struct, conf_root(s)), *again;

    assert_true(conf_equal(&config_struct, conf_root(s), conf_copy_root(c)));
    conf_drop(s);
    again = conf_copy_new(&config_struct, conf_copy_root(c));
    conf_copy_drop(c);
    after = print(conf_copy_root(again));
    assert_string_equal(before, after);
    golden_free(before);
    golden_free(after);
    conf_copy_drop(again);
}

static void
copies_of_our_files_say_the_same(void **state)
{
    (void)state;
    each_file(file_copies);
}

/* --- each value ------------------------------------------------------------------- */

static const void *whole, *pristine; /* the second is never touched */
static unsigned values;

static void
must_differ(const char *key)
{
    values++;
    if (conf_equal(&config_struct, whole, pristine))
        fail_msg("a change of %s is not seen", key);
}

/* Changes one value in place and puts it back. */
static void
touch_value(const struct conf_field *f, char *at)
{
    static const char other[] = "?";
    char kept[sizeof(struct conf_list)];

    memcpy(kept, at, sizeof(void *));
    switch (f->type) {
    case CONF_BOOL:
        *at ^= 1;
        break;
    case CONF_STRING:
        *(const char **)(void *)at = other;
        break;
    default:
        *at ^= 1; /* the lowest bit of a number */
        break;
    }
    must_differ(f->key);
    memcpy(at, kept, sizeof(void *));
}

static void touch_struct(const struct conf_struct *type, char *obj);

/* Another kind means other rows: it is compared before them, so the settings stay what they are. */
static void
touch_tag(const struct conf_struct *type, uint32_t *tag)
{
    uint32_t kept = *tag;

    *tag = kept == 0; /* one that there is */
    must_differ(type->tag_key);
    *tag = kept;
}

static void
touch_list(const struct conf_field *f, struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        char *item = (char *)list->items + i * f->sub->size;

        touch_struct(f->sub, item);
        if (f->type == CONF_DICT) {
            const char **key = (const char **)(void *)(item + f->sub->key_at);
            const char *kept = *key;

            *key = "?";
            must_differ(f->key);
            *key = kept;
        }
    }
    if (list->n) {
        list->n--;
        must_differ(f->key);
        list->n++;
    }
}

static void
touch_map(const struct conf_field *f, struct conf_map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        struct conf_pair kept = map->items[i];

        map->items[i].value = "?";
        must_differ(f->key);
        map->items[i] = (struct conf_pair){ .key = "?", .value = kept.value };
        must_differ(f->key);
        map->items[i] = kept;
    }
}

static void
touch_struct(const struct conf_struct *type, char *obj)
{
    for (const struct conf_field *f = type->fields; f->key; f++) {
        void *at = obj + f->at;

        if (f->type == CONF_OBJECT)
            touch_struct(f->sub, at);
        else if (f->type == CONF_LIST || f->type == CONF_DICT)
            touch_list(f, at);
        else if (f->type == CONF_MAP)
            touch_map(f, at);
        else if (type->tag_key && strcmp(f->key, type->tag_key) == 0)
            touch_tag(type, at);
        else
            touch_value(f, at);
    }
    if (type->tag_key && conf_variant_value(type, obj))
        touch_struct(conf_variant_of(type, obj)->type,
                     (char *)conf_variant_value(type, obj));
    if (type->optional) {
        obj[type->on_at] ^= 1;
        must_differ(type->name);
        obj[type->on_at] ^= 1;
    }
}

static void
file_touched(const char *path)
{
    struct conf_snapshot *s = load(path);
    struct conf_copy *c = conf_copy_new(&config_struct, conf_root(s));

    pristine = conf_root(s);
    whole = conf_copy_root(c);
    touch_struct(&config_struct, (char *)whole);
    assert_true(conf_equal(&config_struct, whole, pristine));
    conf_copy_drop(c);
    conf_drop(s);
}

static void
a_change_of_any_value_is_seen(void **state)
{
    (void)state;
    each_file(file_touched);
    assert_true(values > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_our_files_say_the_same),
        cmocka_unit_test(a_change_of_any_value_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
