/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_sink.c - rings to a descriptor. The writer sleeps while there is nothing: the first line wakes it by a post, it waits 10 ms for more, writes, and
 * looks again every 10 ms until it finds nothing. So a busy worker never pays for a wake-up. */
#include "filter/access_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"

enum {
    TURN_US = 10 * 1000,
    RETRY_US = 5 * 1000 * 1000,
    LAST_US = 1000 * 1000,
    PIECE_MAX = PIPE_BUF, /* fits whenever a pipe is writable at all */
    WRITES_PER_TURN = 64,
    SINK_MODE = 0640,
};

static void sink_on_turn(struct timer *t);
static void sink_on_retry(struct timer *t);
static void sink_on_last(struct timer *t);

struct access_sink *
sink_new(struct sink_thread *t, const char *to, unsigned workers)
{
    struct access_sink *s = xcalloc(1, sizeof(*s) + workers * sizeof(s->lanes[0]));

    s->thread = t;
    s->to = xstrdup(to);
    s->workers = workers;
    s->holds = 1;
    s->fd = -1;
    timer_init(&s->turn, sink_on_turn);
    timer_init(&s->retry, sink_on_retry);
    timer_init(&s->last, sink_on_last);
    for (unsigned i = 0; i < workers; i++)
        ring_init(&s->lanes[i].ring, ACCESS_RING_BYTES);
    return s;
}

/* --- the worker's ------------------------------------------------------------------- */

static void
sink_on_wake(void *arg)
{
    struct access_sink *s = arg;

    if (!timer_running(&s->turn))
        timer_start(s->thread->loop, &s->turn, TURN_US);
}

/* The exchange orders the line before the look: whoever of the two comes second sees what the first has done. */
bool
access_sink_put(struct access_sink *s, unsigned worker, const char *line, size_t n)
{
    struct sink_lane *lane = &s->lanes[worker];

    if (!ring_put(&lane->ring, line, n))
        return false;
    if (!atomic_exchange(&lane->awake, true))
        loop_post(s->thread->loop, sink_on_wake, s);
    return true;
}

/* --- the descriptor ----------------------------------------------------------------- */

static void
sink_on_writable(void *arg, int what)
{
    struct access_sink *s = arg;

    (void)what;
    s->ready = true;
    fdwatch_want(s->watch, false, false);
    sink_on_turn(&s->turn);
}

static bool
fd_can_block(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ||
           (S_ISCHR(st.st_mode) && isatty(fd));
}

static int
sink_open_fd(const struct access_sink *s, bool *ret_own)
{
    *ret_own = false;
    if (strcmp(s->to, "stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(s->to, "stderr") == 0)
        return STDERR_FILENO;
    *ret_own = true;
    /* O_NONBLOCK: a named pipe without a reader must not hang here. */
    return open(s->to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                SINK_MODE);
}

static void
sink_close_fd(struct access_sink *s)
{
    fdwatch_close(s->watch);
    s->watch = NULL;
    if (s->own_fd && s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->ready = false;
}

/* What is open stays when the new one cannot be opened. */
static void
sink_open(struct access_sink *s)
{
    bool own;
    int fd = sink_open_fd(s, &own);

    if (fd < 0) {
        log_at(
            NULL, LOG_ERROR,
            s->fd < 0 ? "cannot open the access log; it is tried every 5 s"
                      : "cannot open the access log again; the one that is open stays",
            LS("to", s->to),
            LS("why", errno == ENXIO ? "nobody reads this named pipe" : strerror(errno)));
        if (s->fd < 0)
            timer_start(s->thread->loop, &s->retry, RETRY_US);
        return;
    }
    timer_stop(s->thread->loop, &s->retry);
    sink_close_fd(s);
    s->fd = fd;
    s->own_fd = own;
    s->skip |= s->mid_line; /* half a line is in the file before */
    s->mid_line = s->owes_newline = false;
    s->pollable = fd_can_block(fd);
    if (s->pollable)
        s->watch = fdwatch_open(s->thread->loop, fd, sink_on_writable, s);
}

static void
sink_on_retry(struct timer *t)
{
    struct access_sink *s = CONTAINER_OF(t, struct access_sink, retry);

    sink_open(s);
    if (s->fd >= 0)
        sink_on_wake(s);
}

void
sink_on_open(void *arg)
{
    struct access_sink *s = arg;

    s->thread->sinks++;
    sink_open(s);
}

/* --- writing ------------------------------------------------------------------------ */

/* A line counts where it ends. */
static void
sink_count_lost(struct access_sink *s, struct slice piece)
{
    int64_t lines = 0;

    for (size_t i = 0; i < piece.n; i++)
        lines += piece.p[i] == '\n';
    stat_add(&s->thread->stats, STAT_ACCESS_LOG_LOST, lines);
}

static void
sink_lost(struct access_sink *s, struct slice piece)
{
    static struct log_limit limit;

    sink_count_lost(s, piece);
    if (!s->failing && log_limit_pass(&limit, 5))
        log_at(NULL, LOG_ERROR, "cannot write the access log: lines are lost",
               LS("to", s->to), LS("why", strerror(errno)));
    s->failing = true;
}

/* The next bytes to write, of whole lines as far as that is possible. Empty: there are none. */
static struct slice
sink_piece(struct access_sink *s)
{
    struct slice piece = ring_peek(&s->lanes[s->current].ring);
    const uint8_t *end;

    /* Behind half a line its rest is there already, so no other lane comes between. */
    for (unsigned i = 1; i < s->workers && piece.n == 0; i++) {
        s->current = (s->current + 1) % s->workers;
        piece = ring_peek(&s->lanes[s->current].ring);
    }
    if (!s->pollable || piece.n <= PIECE_MAX)
        return piece;
    end = memrchr(piece.p, '\n', PIECE_MAX);
    piece.n = end ? (size_t)(end - piece.p) + 1 : PIECE_MAX;
    return piece;
}

static void
sink_take(struct access_sink *s, struct slice piece)
{
    ring_take(&s->lanes[s->current].ring, piece.n);
}

/* Drops the rest of a line that is lost; returns what is left of the piece. */
static struct slice
sink_skip(struct access_sink *s, struct slice piece)
{
    const uint8_t *end = memchr(piece.p, '\n', piece.n);
    size_t n = end ? (size_t)(end - piece.p) + 1 : piece.n;

    sink_count_lost(s, slice_make(piece.p, n));
    sink_take(s, slice_make(piece.p, n));
    s->skip = end == NULL;
    return slice_make(piece.p + n, piece.n - n);
}

/* A write that failed for good: these lines are lost, also the one that goes on behind the piece. */
static void
sink_fail(struct access_sink *s, struct slice piece)
{
    sink_lost(s, piece);
    s->owes_newline |= s->mid_line;
    s->skip = piece.p[piece.n - 1] != '\n';
    s->mid_line = false;
    sink_take(s, piece);
}

enum sink_step { SINK_NOTHING, SINK_NO_ROOM, SINK_WROTE };

static enum sink_step
sink_write(struct access_sink *s)
{
    struct slice piece = sink_piece(s);
    ssize_t n;

    if (piece.n > 0 && s->skip)
        piece = sink_skip(s, piece);
    if (piece.n == 0)
        return SINK_NOTHING;
    s->ready = false;
    n = s->owes_newline ? write(s->fd, "\n", 1) : write(s->fd, piece.p, piece.n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return SINK_NO_ROOM;
    if (n <= 0) {
        sink_fail(s, piece);
        return SINK_WROTE;
    }
    s->failing = false;
    if (s->owes_newline) {
        s->owes_newline = false;
        return SINK_WROTE;
    }
    piece.n = (size_t)n;
    s->mid_line = piece.p[piece.n - 1] != '\n';
    sink_take(s, piece);
    return SINK_WROTE;
}

static bool
sink_is_empty(const struct access_sink *s)
{
    for (unsigned i = 0; i < s->workers; i++) {
        if (ring_used(&s->lanes[i].ring) > 0)
            return false;
    }
    return true;
}

/* Nothing is left: who puts a line from now on wakes us. A line that came between the two looks is found by the second. */
static bool
sink_sleep(struct access_sink *s)
{
    bool empty = true;

    for (unsigned i = 0; i < s->workers; i++)
        atomic_exchange(&s->lanes[i].awake, false);
    for (unsigned i = 0; i < s->workers; i++) {
        if (ring_used(&s->lanes[i].ring) > 0) {
            atomic_store(&s->lanes[i].awake, true);
            empty = false;
        }
    }
    return empty;
}

/* --- the end ------------------------------------------------------------------------ */

static void
sink_free(struct access_sink *s)
{
    struct sink_thread *t = s->thread;

    timer_stop(t->loop, &s->turn);
    timer_stop(t->loop, &s->retry);
    timer_stop(t->loop, &s->last);
    sink_close_fd(s);
    for (unsigned i = 0; i < s->workers; i++)
        ring_done(&s->lanes[i].ring);
    xfree(s->to);
    xfree(s);
    t->sinks--;
    if (t->stopping && t->sinks == 0)
        loop_stop(t->loop);
}

static void
sink_on_turn(struct timer *t)
{
    struct access_sink *s = CONTAINER_OF(t, struct access_sink, turn);
    struct loop *loop = s->thread->loop;
    bool wrote = false;

    for (int i = 0; i < WRITES_PER_TURN && s->fd >= 0 && (!s->pollable || s->ready);
         i++) {
        if (sink_write(s) != SINK_WROTE)
            break;
        wrote = true;
    }
    if (sink_is_empty(s) && s->closing) {
        sink_free(s);
        return;
    }
    if (s->fd < 0)
        return; /* sink_on_retry goes on */
    if (!sink_is_empty(s) && s->pollable)
        fdwatch_want(s->watch, false, true);
    else if (!sink_is_empty(s))
        timer_start(loop, &s->turn, 0);
    else if (wrote || !sink_sleep(s))
        timer_start(loop, &s->turn, TURN_US);
}

void
sink_on_reopen(void *arg)
{
    struct access_sink *s = arg;

    if (!s->closing && strcmp(s->to, "stdout") != 0 && strcmp(s->to, "stderr") != 0) {
        sink_open(s);
        sink_on_wake(s);
    }
}

static void
sink_on_last(struct timer *t)
{
    struct access_sink *s = CONTAINER_OF(t, struct access_sink, last);

    for (unsigned i = 0; i < s->workers; i++) {
        struct slice left;

        while ((left = ring_peek(&s->lanes[i].ring)).n > 0) {
            errno = ETIMEDOUT;
            sink_lost(s, left);
            ring_take(&s->lanes[i].ring, left.n);
        }
    }
    sink_free(s);
}

void
sink_on_close(void *arg)
{
    struct access_sink *s = arg;

    s->closing = true;
    timer_start(s->thread->loop, &s->last, LAST_US);
    timer_start(s->thread->loop, &s->turn, 0);
}

void
sink_thread_stop(void *arg)
{
    struct sink_thread *t = arg;

    t->stopping = true;
    if (t->sinks == 0)
        loop_stop(t->loop);
}
