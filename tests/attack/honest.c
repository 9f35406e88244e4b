/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The honest neighbour: unary gRPC calls at a fixed rate (open loop) on one HTTP/2 connection.
 * Latency counts from the time at which a call was due, so a stalled proxy cannot hide behind a
 * client that waits.  A call is sent again only when that is provably safe: REFUSED_STREAM, an id
 * above the last one of a GOAWAY, or a connection that was never made.  All else is a failure.
 * --log FILE: one line per call, "due_us latency_us result"; result 0 is OK, 1-16 a grpc-status,
 * 100+n a reset with HTTP/2 code n, 200 a lost connection, 201 no answer in time.
 */
#include "results.h"
#include "sock.h"

#include <errno.h>
#include <getopt.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINK_CAP = 16,
    MESSAGE_LEN = 105,
    RESULT_RESET = 100,
    RESULT_LOST = 200,
    RESULT_TIMEOUT = 201,
    GRACE_US = 2000000,
    RETRY_PAUSE_US = 10000
};

struct call {
    struct call *prev, *next; /* in its link's ring, oldest first */
    struct link *link;
    uint64_t due_us;
    int32_t stream;
    uint32_t sent; /* bytes of the message */
    int status;    /* grpc-status, -1 until it came */
};

struct link {
    int fd; /* -1 = free slot */
    nghttp2_session *session;
    const uint8_t *out;
    size_t out_len;
    bool open, retiring;
    struct call calls; /* ring head */
};

static struct honest {
    unsigned port, rate;
    uint64_t stop_us, timeout_us, retry_us;
    const char *log;
    struct link links[LINK_CAP];
    struct link *current;
    struct call waiting; /* calls with no connection to go to */
    struct results results;
    unsigned in_flight, retried, connections;
} h = { .rate = 500, .timeout_us = 5000000 };

static volatile sig_atomic_t stopping;

static void
on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void
ring_append(struct call *head, struct call *c)
{
    c->prev = head->prev;
    c->next = head;
    head->prev->next = c;
    head->prev = c;
}

static void
ring_remove(struct call *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
}

/* The call ends here, once. */
static void
call_finish(struct call *c, int result)
{
    results_add(&h.results, c->due_us, clock_now_us(), result);
    h.in_flight--;
    ring_remove(c);
    free(c);
}

static void
call_wait_again(struct call *c)
{
    h.retried++;
    ring_remove(c);
    c->link = NULL;
    c->sent = 0;
    c->status = -1;
    ring_append(&h.waiting, c);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *user)
{
    struct call *c = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags, (void)user;
    if (!c || name_len != 11 || memcmp(name, "grpc-status", 11) != 0)
        return 0;
    c->status = 0;
    for (size_t i = 0; i < len; i++)
        c->status = (c->status * 10 + value[i] - '0') % 100;
    return 0;
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct link *l = user;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        l->retiring = true;
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct call *c = nghttp2_session_get_stream_user_data(session, id);
    (void)user;
    if (!c)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    if (c->status >= 0)
        call_finish(c, c->status);
    else if (code == NGHTTP2_REFUSED_STREAM)
        call_wait_again(c);
    else
        call_finish(c, RESULT_RESET + (int)(code < 90 ? code : 90));
    return 0;
}

static ssize_t
on_message_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
                uint32_t *flags, nghttp2_data_source *source, void *user)
{
    static const uint8_t message[MESSAGE_LEN] = { 0, 0, 0, 0, MESSAGE_LEN - 5 };
    struct call *c = nghttp2_session_get_stream_user_data(session, id);
    (void)source, (void)user;
    if (!c) /* given up before it left */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t left = MESSAGE_LEN - c->sent;
    size_t n = left < len ? left : len;
    memcpy(buf, message + c->sent, n);
    c->sent += (uint32_t)n;
    if (n == left)
        *flags = NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void
link_start(struct link *l)
{
    nghttp2_session_callbacks *calls;
    if (nghttp2_session_callbacks_new(&calls))
        tool_die("Out of memory for a session.");
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
    *l = (struct link){ .fd = socket_connect_loopback(h.port, 0) };
    l->calls.prev = l->calls.next = &l->calls;
    if (l->fd >= 0 && nghttp2_session_client_new(&l->session, calls, l))
        tool_die("Out of memory for a session.");
    nghttp2_session_callbacks_del(calls);
    if (l->fd < 0)
        return;
    nghttp2_submit_settings(l->session, NGHTTP2_FLAG_NONE, NULL, 0);
    h.connections++;
    h.current = l;
}

static void
link_free(struct link *l)
{
    bool was_open = l->open;
    while (l->calls.next != &l->calls) {
        struct call *c = l->calls.next;
        if (c->status >= 0)
            call_finish(c, c->status);
        else if (was_open)
            call_finish(c, RESULT_LOST);
        else
            call_wait_again(c);
    }
    nghttp2_session_del(l->session);
    close(l->fd);
    l->fd = -1;
    if (h.current == l)
        h.current = NULL;
    h.retry_us = clock_now_us() + RETRY_PAUSE_US;
}

static bool
link_flush(struct link *l)
{
    for (;;) {
        if (l->out_len == 0) {
            ssize_t n = nghttp2_session_mem_send(l->session, &l->out);
            if (n < 0)
                return false;
            if (n == 0)
                break;
            l->out_len = (size_t)n;
        }
        ssize_t n = send(l->fd, l->out, l->out_len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        l->out += n;
        l->out_len -= (size_t)n;
    }
    bool idle = l->calls.next == &l->calls;
    return !(l->retiring && idle) && (nghttp2_session_want_read(l->session) || !idle);
}

static bool
link_serve(struct link *l, short revents)
{
    static uint8_t buf[65536];
    if (!l->open && (revents & POLLOUT) && !(revents & (POLLERR | POLLHUP)))
        l->open = true;
    if (!l->open)
        return !(revents & (POLLERR | POLLHUP));
    ssize_t n = recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return false;
    return n < 0 || nghttp2_session_mem_recv(l->session, buf, (size_t)n) >= 0;
}

#define FIELD(n, v)                                                   \
    {                                                                 \
        (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, \
            NGHTTP2_NV_FLAG_NONE                                      \
    }

/* Hands every waiting call to the current connection; makes one when there is none. */
static void
calls_submit(uint64_t now)
{
    static const nghttp2_nv fields[] = {
        FIELD(":method", "POST"),
        FIELD(":scheme", "http"),
        FIELD(":path", "/honest.Svc/Echo"),
        FIELD(":authority", "honest.test"),
        FIELD("content-type", "application/grpc"),
        FIELD("te", "trailers"),
    };
    if (h.current && h.current->retiring)
        h.current = NULL;
    for (int i = 0; i < LINK_CAP && !h.current && h.retry_us <= now; i++) {
        if (h.links[i].fd < 0)
            link_start(&h.links[i]);
    }
    while (h.current && h.waiting.next != &h.waiting) {
        struct call *c = h.waiting.next;
        nghttp2_data_provider body = { .read_callback = on_message_read };
        int32_t id = nghttp2_submit_request(h.current->session, NULL, fields,
                                            sizeof(fields) / sizeof(fields[0]), &body, c);
        ring_remove(c);
        c->link = h.current;
        c->stream = id;
        ring_append(&h.current->calls, c);
        if (id < 0) /* the session takes no more requests: nothing was sent */
            h.current->retiring = true, call_wait_again(c), h.current = NULL;
    }
}

/* Adds every call that is due by now, also those that are late. */
static void
calls_add_due(uint64_t *next_us, uint64_t now)
{
    for (; *next_us <= now; *next_us += 1000000 / h.rate) {
        struct call *c = calloc(1, sizeof(*c));
        if (!c)
            tool_die("Out of memory for a call.");
        c->due_us = *next_us;
        c->status = -1;
        h.in_flight++;
        ring_append(&h.waiting, c);
    }
}

static void
calls_expire(struct call *head, uint64_t now)
{
    while (head->next != head && head->next->due_us + h.timeout_us < now) {
        struct call *c = head->next;
        if (c->link) {
            nghttp2_session_set_stream_user_data(c->link->session, c->stream, NULL);
            nghttp2_submit_rst_stream(c->link->session, 0, c->stream, NGHTTP2_CANCEL);
        }
        call_finish(c, RESULT_TIMEOUT);
    }
}

static void
links_serve(int64_t wait_us)
{
    struct pollfd fds[LINK_CAP];
    struct link *who[LINK_CAP];
    nfds_t n = 0;
    for (int i = 0; i < LINK_CAP; i++) {
        struct link *l = &h.links[i];
        if (l->fd < 0)
            continue;
        if (l->open && !link_flush(l)) {
            link_free(l);
            continue;
        }
        short events = (short)(POLLIN | (!l->open || l->out_len ? POLLOUT : 0));
        who[n] = l;
        fds[n++] = (struct pollfd){ .fd = l->fd, .events = events };
    }
    wait_us = wait_us < 0 ? 0 : wait_us > 20000 ? 20000 : wait_us;
    struct timespec ts = { .tv_nsec = (long)wait_us * 1000 };
    if (ppoll(fds, n, &ts, NULL) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents && !link_serve(who[i], fds[i].revents))
            link_free(who[i]);
    }
}

static void
honest_run(void)
{
    uint64_t next = clock_now_us(), end = 0;
    for (;;) {
        uint64_t now = clock_now_us();
        if (!end && (stopping || now >= h.stop_us))
            end = now;
        if (!end)
            calls_add_due(&next, now);
        else if (h.in_flight == 0 || now > end + GRACE_US)
            break;
        calls_submit(now);
        calls_expire(&h.waiting, now);
        for (int i = 0; i < LINK_CAP; i++) {
            if (h.links[i].fd >= 0)
                calls_expire(&h.links[i].calls, now);
        }
        links_serve(end ? 5000 : (int64_t)(next - clock_now_us()));
    }
    /* what is still open after the grace time counts as lost */
    h.timeout_us = 0;
    calls_expire(&h.waiting, UINT64_MAX);
    for (int i = 0; i < LINK_CAP; i++) {
        if (h.links[i].fd < 0)
            continue;
        calls_expire(&h.links[i].calls, UINT64_MAX);
        link_free(&h.links[i]);
    }
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "rate", required_argument, NULL, 'r' },
        { "seconds", required_argument, NULL, 's' },
        { "log", required_argument, NULL, 'l' },
        { 0 },
    };
    uint64_t seconds = 60;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p')
            h.port = (unsigned)number_parse(optarg, "--port", 1, 65535);
        else if (o == 'r')
            h.rate = (unsigned)number_parse(optarg, "--rate", 1, 100000);
        else if (o == 's')
            seconds = number_parse(optarg, "--seconds", 1, 3600);
        else if (o == 'l')
            h.log = optarg;
        else
            tool_die("Usage: honest --port N [--rate N] [--seconds N] [--log FILE]");
    }
    if (!h.port)
        tool_die("honest needs --port, the port of the proxy on loopback.");
    struct sigaction stop = { .sa_handler = on_signal };
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    h.waiting.prev = h.waiting.next = &h.waiting;
    for (int i = 0; i < LINK_CAP; i++)
        h.links[i].fd = -1;
    h.stop_us = clock_now_us() + seconds * 1000000;
    honest_run();
    results_write_log(&h.results, h.log);
    results_print(&h.results, h.retried, h.connections);
    results_free(&h.results);
    return 0;
}
