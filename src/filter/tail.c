/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tail.c - what viewers want is an object that workers read without a lock (base/published.h); lines go through a ring per worker. A line is preceded by its length and by
 * the viewers that want it. */
#include "filter/tail.h"

#include <string.h>
#include <strings.h>

#include "base/published.h"
#include "base/xalloc.h"
#include "filter/access_fill.h"
#include "filter/access_record.h"
#include "filter/filter.h"
#include "grpc/path.h"
#include "grpc/status.h"
#include "obs/line.h"
#include "obs/ring.h"
#include "obs/stats.h"

struct wish {
    bool used;
    struct tail_filter filter;
};

struct wishes {
    struct wish v[TAIL_VIEWERS_MAX];
};

struct record_head {
    uint32_t n, mask;
};

struct lane {
    struct ring ring;
    _Alignas(64) _Atomic uint64_t dropped; /* the worker's */
};

struct tail_rest {
    unsigned workers;
    struct published *wishes; /* struct wishes */
    struct wishes now;        /* the main thread's copy */
    bool rings;               /* they are there: since somebody looked first */
    char *room;               /* for a line whose bytes lie at both ends of a ring */
    struct lane lanes[];
};

static void
wishes_free(void *object)
{
    xfree(object);
}

struct tail *
tail_new(unsigned workers)
{
    struct tail *t = xcalloc(1, sizeof(*t));
    struct tail_rest *rest =
        xcalloc_aligned(64, sizeof(*rest) + workers * sizeof(rest->lanes[0]));

    rest->workers = workers;
    rest->wishes = published_new(workers, wishes_free);
    t->rest = rest;
    return t;
}

void
tail_free(struct tail *t)
{
    if (!t)
        return;
    for (unsigned i = 0; t->rest->rings && i < t->rest->workers; i++)
        ring_done(&t->rest->lanes[i].ring);
    published_free(t->rest->wishes);
    xfree(t->rest->room);
    xfree(t->rest);
    xfree(t);
}

/* --- viewers -------------------------------------------------------------------------- */

static void
tail_publish(struct tail *t)
{
    struct wishes *w = xmalloc(sizeof(*w));
    bool any = false;

    *w = t->rest->now;
    for (size_t i = 0; i < TAIL_VIEWERS_MAX; i++)
        any |= w->v[i].used;
    published_set(t->rest->wishes, w);
    atomic_store_explicit(&t->wanted, any, memory_order_release);
}

int
tail_add(struct tail *t, const struct tail_filter *f)
{
    struct tail_rest *rest = t->rest;

    for (unsigned i = 0; !rest->rings && i < rest->workers; i++)
        ring_init(&rest->lanes[i].ring, TAIL_RING_BYTES);
    if (!rest->room)
        rest->room = xmalloc(LINE_MAX_BYTES);
    rest->rings = true;
    for (int i = 0; i < TAIL_VIEWERS_MAX; i++) {
        if (rest->now.v[i].used)
            continue;
        rest->now.v[i] = (struct wish){ .used = true, .filter = *f };
        tail_publish(t);
        return i;
    }
    return -1;
}

void
tail_remove(struct tail *t, int viewer)
{
    t->rest->now.v[viewer].used = false;
    tail_publish(t);
}

/* --- the worker's --------------------------------------------------------------------- */

static bool
is(const char *wanted, const char *value)
{
    return !wanted[0] || (value && strcmp(wanted, value) == 0);
}

static bool
wish_fits(const struct tail_filter *f, const struct filter_call *fc, struct slice path,
          const struct filter_result *r)
{
    if (f->code == TAIL_ERRORS ? r->code == GRPC_OK
                               : f->code != TAIL_ANY && f->code != r->code)
        return false;
    return r->end_us - fc->begun_us >= f->slow_us && is(f->pool, r->pool) &&
           is(f->endpoint, r->backend) && is(f->listener, fc->listener) &&
           (!f->reason[0] || strcasecmp(f->reason, r->reason) == 0) &&
           (!f->method[0] ||
            (path.n && memmem(path.p, path.n, f->method, strlen(f->method))));
}

static unsigned
wishes_mask(const struct tail *t, const struct filter_call *fc, struct slice path,
            const struct filter_result *r)
{
    const struct wishes *w = published_enter(t->rest->wishes, fc->worker);
    unsigned mask = 0;

    for (unsigned i = 0; w && i < TAIL_VIEWERS_MAX; i++) {
        if (w->v[i].used && wish_fits(&w->v[i].filter, fc, path, r))
            mask |= 1u << i;
    }
    published_leave(t->rest->wishes, fc->worker);
    return mask;
}

static void
lane_drop(struct lane *l, struct stats *stats)
{
    stat_inc(stats, STAT_TAIL_DROPPED);
    atomic_store_explicit(&l->dropped,
                          atomic_load_explicit(&l->dropped, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void
tail_put(struct tail *t, const struct filter_call *fc, struct slice path,
         const struct filter_result *result)
{
    unsigned mask = wishes_mask(t, fc, path, result);
    struct lane *lane = &t->rest->lanes[fc->worker];
    UNINITIALIZED char client[ADDR_TEXT_MAX], message[ACCESS_MESSAGE_MAX];
    UNINITIALIZED struct access_record r;
    UNINITIALIZED struct line line;
    UNINITIALIZED char out[sizeof(struct record_head) + LINE_MAX_BYTES];
    struct record_head head = { .mask = mask };

    if (!mask)
        return;
    /* Before the work of making a line that would find no room. */
    if (TAIL_RING_BYTES - ring_used(&lane->ring) < sizeof(out)) {
        lane_drop(lane, fc->stats);
        return;
    }
    access_record_init(&r);
    r.event = "end";
    access_fill_call(&r, fc, client);
    access_fill_result(&r, fc, result, message);
    if (path_split(path, &r.service, &r.method) != 0) {
        r.service = (struct slice){ 0 };
        r.method = path; /* whatever it was */
    }
    access_record_json(&r, &line);
    head.n = (uint32_t)line.n;
    /* In one piece: the reader never sees a head without its text. */
    memcpy(out, &head, sizeof(head));
    memcpy(out + sizeof(head), line.s, line.n);
    if (!ring_put(&lane->ring, out, sizeof(head) + line.n))
        lane_drop(lane, fc->stats);
}

/* --- the main thread's ---------------------------------------------------------------- */

/* n bytes that are there: in place when they lie in one piece, else copied to room. */
static const void *
lane_peek(struct lane *l, size_t n, char *room)
{
    struct slice s = ring_peek(&l->ring);

    if (s.n >= n)
        return s.p;
    memcpy(room, s.p, s.n);
    memcpy(room + s.n, l->ring.bytes, n - s.n);
    return room;
}

/* How many bytes it was; 0: there is nothing. */
static size_t
lane_read(struct lane *l, char *room,
          void (*fn)(void *arg, unsigned mask, struct slice line), void *arg)
{
    struct record_head head;

    if (ring_peek(&l->ring).n == 0)
        return 0;
    memcpy(&head, lane_peek(l, sizeof(head), room), sizeof(head));
    ring_take(&l->ring, sizeof(head));
    fn(arg, head.mask, slice_make(lane_peek(l, head.n, room), head.n));
    ring_take(&l->ring, head.n);
    return sizeof(head) + head.n;
}

/* What comes meanwhile has time. */
void
tail_read(struct tail *t, void (*fn)(void *arg, unsigned mask, struct slice line),
          void *arg)
{
    struct tail_rest *rest = t->rest;

    for (unsigned i = 0; rest->rings && i < rest->workers; i++) {
        size_t most = ring_used(&rest->lanes[i].ring), n = 1;

        for (size_t done = 0; done < most && n > 0; done += n)
            n = lane_read(&rest->lanes[i], rest->room, fn, arg);
    }
}

size_t
tail_bytes(const struct tail *t)
{
    const struct tail_rest *rest = t->rest;
    size_t n = 0;

    for (unsigned i = 0; rest->rings && i < rest->workers; i++)
        n += ring_used(&rest->lanes[i].ring);
    return n;
}

uint64_t
tail_dropped(const struct tail *t)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < t->rest->workers; i++)
        sum += atomic_load_explicit(&t->rest->lanes[i].dropped, memory_order_relaxed);
    return sum;
}
