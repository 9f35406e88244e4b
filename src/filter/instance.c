/* SPDX-License-Identifier: Apache-2.0 */
/* filter/instance.c - filters come with the first config that names them and go with the last table. */
#include "filter/instance.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/xalloc.h"
#include "conf/copy.h"

void
filter_store_init(struct filter_store *s, struct loop *loop, struct stats *stats,
                  unsigned workers)
{
    *s = (struct filter_store){
        .env = { .loop = loop, .stats = stats, .workers = workers },
    };
    list_init(&s->all);
}

void
filter_store_done(struct filter_store *s)
{
    assert(list_empty(&s->all));
    (void)s;
}

static bool
filter_is(const struct filter *f, const struct filter_kind *kind, const char *scope,
          const char *name, const void *conf)
{
    return f->kind == kind && strcmp(f->scope, scope) == 0 &&
           strcmp(f->name, name) == 0 && conf_equal(kind->conf, f->conf, conf);
}

static struct filter *
filter_new(struct filter_store *s, const struct filter_kind *kind, const char *scope,
           const char *name, const void *conf)
{
    struct filter *f = xcalloc(1, kind->size ? kind->size : sizeof(*f));
    struct filter_env env = s->env;

    assert(kind->size == 0 || kind->size >= sizeof(*f));
    f->kind = kind;
    f->copy = conf_copy_new(kind->conf, conf);
    f->conf = conf_copy_root(f->copy);
    f->scope = xstrdup(scope);
    f->name = xstrdup(name);
    atomic_init(&f->holds, 1);
    list_append(&s->all, &f->link);
    env.scope = f->scope;
    if (kind->worker_open)
        f->uses = xcalloc(env.workers, sizeof(unsigned));
    if (kind->open)
        kind->open(f, &env);
    return f;
}

struct filter *
filter_get(struct filter_store *s, const struct filter_kind *kind, const char *scope,
           const char *name, const void *conf)
{
    for (struct list *n = s->all.next; n != &s->all; n = n->next) {
        struct filter *f = CONTAINER_OF(n, struct filter, link);

        if (filter_is(f, kind, scope, name, conf))
            return filter_hold(f);
    }
    return filter_new(s, kind, scope, name, conf);
}

struct filter *
filter_hold(struct filter *f)
{
    atomic_fetch_add_explicit(&f->holds, 1, memory_order_relaxed);
    return f;
}

void
filter_drop(struct filter *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (f->kind->close)
        f->kind->close(f);
    list_remove(&f->link);
    conf_copy_drop(f->copy);
    xfree(f->uses);
    xfree((char *)f->scope);
    xfree((char *)f->name);
    xfree(f);
}

void
filter_use(struct filter *f, unsigned worker, struct loop *loop, struct stats *stats)
{
    if (f->uses && f->uses[worker]++ == 0)
        f->kind->worker_open(f, worker, loop, stats);
}

void
filter_unuse(struct filter *f, unsigned worker)
{
    if (f->uses && --f->uses[worker] == 0)
        f->kind->worker_close(f, worker);
}
