/* SPDX-License-Identifier: Apache-2.0 */
/* loop/loop.c - our own turn around one pass of libevent. libevent's timers run on a
 * coarse clock (up to 4 ms off) and would make it wait several times for one deadline,
 * so the wheel is woken by one timerfd, set anew only when the next deadline comes
 * closer: one that moved away costs one empty turn at most. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/timer.h"
#include "loop/turn.h"

enum {
    LOOP_HOOKS = 8,
    LOOP_LOOKS = 4, /* in one turn; each finds something less often than the one before */
    LOOK_LUCK = 8,  /* looks in vain one after another, then they become rare: */
    LOOK_RARE = 16, /* one turn of so many looks */
};

static const int64_t LOAD_SPAN_US = 10 * 1000 * 1000;

struct loop_task {
    void (*fn)(void *arg);
    void *arg;
};

struct loop_tasks {
    struct loop_task *all;
    size_t n, room;
};

struct loop {
    struct event_base *base;
    struct clock_source clock;
    struct timer_wheel *wheel;
    struct reaper reaper;
    struct loop_task hooks[LOOP_HOOKS];
    unsigned n_hooks;
    int64_t now_us;
    int64_t armed_us; /* when the timerfd will fire; 0: not set */
    int wake_fd, timer_fd;
    bool virtual;
    bool awake; /* the clock of this turn was read */
    bool again;
    bool in_turn;
    bool look, look_barred; /* of this turn */
    unsigned look_luck, look_skipped;
    struct event wake_event, timer_event;
    struct loop_tasks running; /* tasks of this turn */

    /* Written by the loop alone, read by anybody (loop_load_read). The worst turn is kept for
     * two spans, so that who asks once in a span misses none. */
    _Atomic int64_t busy_us, worst_us, worst_before_us, span_us; /* when the span began */

    /* From here on: any thread. */
    _Atomic bool stop;
    _Atomic bool has_posts; /* a look without the lock */
    pthread_mutex_t lock;
    struct loop_tasks posts; /* under the lock */
};

/* The loop whose turn is on this thread's stack: its own posts need no wake-up. */
static _Thread_local struct loop *loop_current;

static NORETURN void
loop_fail(const char *what)
{
    log_write(NULL, LOG_ERROR, what,
              (const struct log_field[]){ LI("errno", errno), { 0 } });
    abort();
}

/* Both fds are edge triggered, so nobody has to read them empty. */
static void
loop_on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_note_wake(arg);
}

static void
loop_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)fd;
    (void)what;
    l->armed_us = 0;
    loop_note_wake(l);
}

static void
loop_watch_own_fds(struct loop *l)
{
    const short what = EV_READ | EV_PERSIST | EV_ET;

    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->wake_fd < 0 || l->timer_fd < 0)
        loop_fail("the event loop got no file descriptor; raise the fd limit");
    if (event_assign(&l->wake_event, l->base, l->wake_fd, what, loop_on_wake, l) < 0 ||
        event_assign(&l->timer_event, l->base, l->timer_fd, what, loop_on_timer, l) < 0 ||
        event_add(&l->wake_event, NULL) < 0 || event_add(&l->timer_event, NULL) < 0)
        loop_fail("libevent cannot watch the wake-up of its loop");
}

const char *
loop_library_version(void)
{
    return event_get_version();
}

struct loop *
loop_new(const struct clock_source *clock)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    struct event_config *config = event_config_new();

    if (!config)
        loop_fail("libevent cannot start");
    /* One thread per base, and nobody asks libevent for the time. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);
    event_config_require_features(config, EV_FEATURE_ET);
    l->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!l->base)
        loop_fail("libevent cannot start; epoll is needed");
    l->virtual = clock && clock->now_us != clock_real.now_us;
    l->clock = clock ? *clock : clock_real;
    l->now_us = l->clock.now_us(l->clock.arg);
    l->look_luck = LOOK_LUCK;
    l->wheel = timer_wheel_new(l->now_us);
    pthread_mutex_init(&l->lock, NULL);
    loop_watch_own_fds(l);
    return l;
}

void
loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(!l->in_turn);
    reap_run(&l->reaper);
    event_del(&l->wake_event);
    event_del(&l->timer_event);
    close(l->wake_fd);
    close(l->timer_fd);
    event_base_free(l->base);
    timer_wheel_free(l->wheel);
    pthread_mutex_destroy(&l->lock);
    xfree(l->posts.all);
    xfree(l->running.all);
    xfree(l);
}

/* Takes what was posted so far; later posts are for the next turn. */
static void
loop_collect_posts(struct loop *l)
{
    if (!atomic_load_explicit(&l->has_posts, memory_order_acquire))
        return;
    pthread_mutex_lock(&l->lock);

    struct loop_tasks empty = l->running;

    l->running = l->posts;
    l->posts = empty;
    atomic_store_explicit(&l->has_posts, false, memory_order_relaxed);
    pthread_mutex_unlock(&l->lock);
}

void
loop_note_wake(struct loop *l)
{
    if (l->awake)
        return;
    l->awake = true;
    l->now_us = l->clock.now_us(l->clock.arg);
    timer_wheel_collect(l->wheel, l->now_us);
    loop_collect_posts(l);
}

static void
loop_arm_timer(struct loop *l)
{
    int64_t after_us = timer_wheel_next_us(l->wheel, l->now_us);
    int64_t due_us = l->now_us + after_us;

    if (after_us < 0 || (l->armed_us != 0 && l->armed_us <= due_us))
        return;
    l->armed_us = due_us;

    struct itimerspec at = { .it_value = { .tv_sec = due_us / 1000000,
                                           .tv_nsec = due_us % 1000000 * 1000 } };

    timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static bool
loop_must_poll(struct loop *l, bool wait)
{
    bool again = l->again;

    l->again = false;
    return !wait || again || l->virtual ||
           atomic_load_explicit(&l->has_posts, memory_order_acquire) ||
           atomic_load_explicit(&l->stop, memory_order_relaxed) ||
           timer_wheel_next_us(l->wheel, l->now_us) == 0;
}

static void
loop_run_tasks(struct loop *l)
{
    for (size_t i = 0; i < l->running.n; i++)
        l->running.all[i].fn(l->running.all[i].arg);
    l->running.n = 0;
}

static bool
loop_may_look(struct loop *l)
{
    if (!l->look || l->look_barred || l->virtual)
        return false;
    if (l->look_luck > 0)
        return true;
    if (++l->look_skipped < LOOK_RARE)
        return false;
    l->look_skipped = 0;
    return true;
}

/* Under load the next input often arrives while this one is handled, and what joins the
 * turn shares its writes. Where looking never pays, as on a quiet proxy, nearly all
 * turns do without. */
static void
loop_look_more(struct loop *l)
{
    for (int i = 0; i < LOOP_LOOKS && loop_may_look(l); i++) {
        l->look = false;
        event_base_loop(l->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
        if (l->look || l->look_barred)
            l->look_luck = LOOK_LUCK;
        else if (l->look_luck > 0)
            l->look_luck--;
    }
    l->look = l->look_barred = false;
}

static int64_t
load_get(const _Atomic int64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

static void
load_set(_Atomic int64_t *v, int64_t to)
{
    atomic_store_explicit(v, to, memory_order_relaxed);
}

/* A turn is over. */
static void
loop_measure(struct loop *l, int64_t end_us)
{
    int64_t took_us = end_us - l->now_us;

    load_set(&l->busy_us, load_get(&l->busy_us) + took_us);
    if (UNLIKELY(end_us - load_get(&l->span_us) >= LOAD_SPAN_US)) {
        bool next = end_us - load_get(&l->span_us) < 2 * LOAD_SPAN_US;

        load_set(&l->worst_before_us, next ? load_get(&l->worst_us) : 0);
        load_set(&l->worst_us, 0);
        load_set(&l->span_us, end_us);
    }
    if (took_us > load_get(&l->worst_us))
        load_set(&l->worst_us, took_us);
}

void
loop_turn(struct loop *l, bool wait)
{
    struct loop *outer = loop_current;

    assert(!l->in_turn); /* a callback must not turn its own loop */
    l->in_turn = true;
    l->awake = false;
    loop_current = l;
    if (loop_must_poll(l, wait)) {
        /* Without ONCE libevent goes on as long as any fd is ready. */
        event_base_loop(l->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    } else {
        loop_arm_timer(l);
        event_base_loop(l->base, EVLOOP_ONCE);
    }
    loop_note_wake(l);
    loop_look_more(l);
    timer_wheel_run_due(l->wheel);
    loop_run_tasks(l);
    for (unsigned i = 0; i < l->n_hooks; i++)
        l->hooks[i].fn(l->hooks[i].arg);
    reap_run(&l->reaper);
    loop_measure(l, l->clock.now_us(l->clock.arg));
    loop_current = outer;
    l->in_turn = false;
}

void
loop_run(struct loop *l)
{
    while (!atomic_load_explicit(&l->stop, memory_order_acquire))
        loop_turn(l, true);
    atomic_store(&l->stop, false);
}

static void
loop_wake(struct loop *l)
{
    const uint64_t one = 1;

    /* Fails only when 2^64-2 wake-ups wait already. */
    if (write(l->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        loop_fail("an event loop cannot be woken up");
}

void
loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stop, true, memory_order_release);
    if (loop_current != l)
        loop_wake(l);
}

/* Between two turns, and inside one before anybody asked, the stored time is old. */
int64_t
loop_now_us(const struct loop *l)
{
    if (UNLIKELY(!l->awake || !l->in_turn))
        return l->clock.now_us(l->clock.arg);
    return l->now_us;
}

void
loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&l->lock);

    struct loop_tasks *posts = &l->posts;
    bool first = posts->n == 0;

    if (posts->n == posts->room) {
        posts->room = posts->room ? posts->room * 2 : 16;
        posts->all = xrealloc(posts->all, posts->room * sizeof(*posts->all));
    }
    posts->all[posts->n++] = (struct loop_task){ .fn = fn, .arg = arg };
    atomic_store_explicit(&l->has_posts, true, memory_order_release);
    /* Still under the lock: once it is open the loop may run the task, stop and be
     * freed. */
    if (first && loop_current != l)
        loop_wake(l);
    pthread_mutex_unlock(&l->lock);
}

void
loop_add_turn_hook(struct loop *l, void (*fn)(void *arg), void *arg)
{
    assert(l->n_hooks < LOOP_HOOKS);
    l->hooks[l->n_hooks++] = (struct loop_task){ .fn = fn, .arg = arg };
}

void
loop_again(struct loop *l)
{
    l->again = true;
}

void
loop_look(struct loop *l, bool more)
{
    if (more)
        l->look = true;
    else
        l->look_barred = true;
}

struct reaper *
loop_reaper(struct loop *l)
{
    return &l->reaper;
}

struct timer_wheel *
loop_wheel(struct loop *l)
{
    return l->wheel;
}

struct event_base *
loop_event_base(struct loop *l)
{
    return l->base;
}

void
loop_load_read(const struct loop *l, struct loop_load *ret)
{
    int64_t age_us = l->clock.now_us(l->clock.arg) - load_get(&l->span_us);
    int64_t worst_us = load_get(&l->worst_us), before_us = load_get(&l->worst_before_us);

    if (age_us >= LOAD_SPAN_US) /* an idle loop does not begin a new span */
        before_us = 0;
    if (age_us >= 2 * LOAD_SPAN_US)
        worst_us = 0;
    *ret = (struct loop_load){ .busy_us = load_get(&l->busy_us),
                               .worst_us = worst_us > before_us ? worst_us : before_us };
}
