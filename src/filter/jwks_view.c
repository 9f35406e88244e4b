/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks_view.c - how workers see a source of keys: the newest set by its version, and the question for a key that nobody has. Any worker's thread. */
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "filter/jwks.h"
#include "filter/jwks_source_int.h"

static void
view_update(struct jwks_source *s, struct jwks_view *v)
{
    struct jwks *before = v->keys;

    pthread_mutex_lock(&s->lock);
    v->version = atomic_load_explicit(&s->version, memory_order_acquire);
    v->keys = s->keys ? jwks_hold(s->keys) : NULL;
    pthread_mutex_unlock(&s->lock);
    jwks_drop(before);
}

enum jwks_state
jwks_source_look(struct jwks_source *s, struct jwks_view *v, int64_t now_us)
{
    if (UNLIKELY(atomic_load_explicit(&s->version, memory_order_acquire) != v->version))
        view_update(s, v);
    if (!v->keys)
        return atomic_load_explicit(&s->busy, memory_order_acquire) &&
                       !atomic_load_explicit(&s->begun, memory_order_relaxed)
                   ? JWKS_COMING
                   : JWKS_NONE;
    return now_us < atomic_load_explicit(&s->good_until_us, memory_order_relaxed)
               ? JWKS_GOOD
               : JWKS_OLD;
}

void
jwks_view_done(struct jwks_view *v)
{
    jwks_drop(v->keys);
    v->keys = NULL;
    v->version = 0;
}

bool
jwks_source_busy(const struct jwks_source *s)
{
    return atomic_load_explicit(&s->busy, memory_order_acquire);
}

/* Under the lock. */
static bool
kid_is_absent(const struct jwks_source *s, struct slice kid, int64_t now_us)
{
    uint64_t hash = jwks_source_kid_hash(s, kid);

    for (size_t i = 0; i < JWKS_ABSENT_MAX; i++)
        if (s->absent[i].until_us > now_us && s->absent[i].hash == hash)
            return true;
    return false;
}

bool
jwks_source_ask(struct jwks_source *s, struct slice kid, int64_t now_us)
{
    uint64_t one = 1;
    bool ask;

    if (s->kind != JWKS_URL)
        return false;
    if (jwks_source_busy(s))
        return true;
    if (now_us < atomic_load_explicit(&s->next_ask_us, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&s->lock);
    ask = !atomic_load_explicit(&s->busy, memory_order_relaxed) &&
          now_us >= atomic_load_explicit(&s->next_ask_us, memory_order_relaxed) &&
          !kid_is_absent(s, kid, now_us);
    if (ask) {
        atomic_store_explicit(&s->next_ask_us,
                              now_us + JWKS_ASK_EVERY_S * INT64_C(1000000),
                              memory_order_relaxed);
        memcpy(s->asked, kid.p, kid.n);
        s->asked_n = kid.n;
        s->wanted = true;
        atomic_store_explicit(&s->busy, true, memory_order_release);
    }
    ask = atomic_load_explicit(&s->busy, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    if (ask &&
        write(s->fd, &one, sizeof(one)) < 0) { /* it is full: the main thread knows */
    }
    return ask;
}
