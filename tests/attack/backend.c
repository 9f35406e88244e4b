/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend behind the proxy under attack: a small gRPC server that answers honest calls and
 * counts, exactly and per attacking connection, how many streams of the attacker are live here.
 * Paths end in Echo (one message of 100 bytes), Big (one message of 1 MiB) or Hang (no answer).
 * Requests with an x-attack-conn field belong to the attacker.  Prints "port N" when it listens
 * and one JSON line at SIGTERM.
 */
#include "sock.h"

#include <errno.h>
#include <getopt.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTACK_CONN_CAP = 4096, ECHO_LEN = 100, BIG_LEN = 1 << 20, GRPC_HEAD = 5 };

struct peer {
    int fd;
    nghttp2_session *session;
    const uint8_t *out; /* owned by the session, valid until the next mem_send */
    size_t out_len;
    bool want_write;
};

struct stream {
    bool attacker, counted, answered;
    unsigned conn;
    enum { KIND_HANG, KIND_ECHO, KIND_BIG } kind;
    uint32_t sent, length; /* of the answer's DATA */
};

static struct {
    unsigned live, live_max, live_conn_max;
    unsigned live_by_conn[ATTACK_CONN_CAP];
    uint64_t total, reset, honest, first_begin_us, last_begin_us, live_zero_us,
        connections;
} stats;

static volatile sig_atomic_t stopping;
static int poller;

static void
on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void
stream_count_begin(struct stream *s)
{
    s->counted = true;
    if (!s->attacker) {
        stats.honest++;
        return;
    }
    stats.total++;
    stats.last_begin_us = clock_now_us();
    if (!stats.first_begin_us)
        stats.first_begin_us = stats.last_begin_us;
    if (++stats.live > stats.live_max)
        stats.live_max = stats.live;
    if (++stats.live_by_conn[s->conn] > stats.live_conn_max)
        stats.live_conn_max = stats.live_by_conn[s->conn];
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
    return 0;
}

static bool
text_ends_with(const uint8_t *s, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len >= n && memcmp(s + len - n, end, n) == 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags, (void)user;
    if (!s)
        return 0;
    if (name_len == 5 && memcmp(name, ":path", 5) == 0) {
        if (text_ends_with(value, len, "/Echo"))
            s->kind = KIND_ECHO;
        else if (text_ends_with(value, len, "/Big"))
            s->kind = KIND_BIG;
    } else if (name_len == 13 && memcmp(name, "x-attack-conn", 13) == 0) {
        s->attacker = true;
        for (size_t i = 0; i < len; i++)
            s->conn = (s->conn * 10 + value[i] - '0') % ATTACK_CONN_CAP;
    }
    return 0;
}

#define FIELD(n, v)                                                   \
    {                                                                 \
        (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, \
            NGHTTP2_NV_FLAG_NONE                                      \
    }

static ssize_t
on_answer_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
               uint32_t *flags, nghttp2_data_source *source, void *user)
{
    static const nghttp2_nv trailers[] = { FIELD("grpc-status", "0") };
    struct stream *s = source->ptr;
    (void)user;
    uint32_t left = s->length + GRPC_HEAD - s->sent;
    size_t n = left < len ? left : len;
    memset(buf, 0, n);
    const uint8_t head[GRPC_HEAD] = { 0, (uint8_t)(s->length >> 24),
                                      (uint8_t)(s->length >> 16),
                                      (uint8_t)(s->length >> 8), (uint8_t)s->length };
    for (size_t i = s->sent; i < GRPC_HEAD && i - s->sent < n; i++)
        buf[i - s->sent] = head[i];
    s->sent += (uint32_t)n;
    if (n == left) {
        *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, trailers, 1);
    }
    return (ssize_t)n;
}

static void
stream_answer(nghttp2_session *session, int32_t id, struct stream *s)
{
    static const nghttp2_nv fields[] = { FIELD(":status", "200"),
                                         FIELD("content-type", "application/grpc") };
    if (s->answered || s->kind == KIND_HANG)
        return;
    s->answered = true;
    s->length = s->kind == KIND_BIG ? BIG_LEN : ECHO_LEN;
    nghttp2_data_provider body = { .source.ptr = s, .read_callback = on_answer_read };
    nghttp2_submit_response(session, id, fields, 2, &body);
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!s)
        return 0;
    if (!s->counted)
        stream_count_begin(s);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stream_answer(session, frame->hd.stream_id, s);
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    (void)user;
    if (s && s->counted && s->attacker) {
        if (--stats.live == 0)
            stats.live_zero_us = clock_now_us();
        stats.live_by_conn[s->conn]--;
        stats.reset += code != NGHTTP2_NO_ERROR;
    }
    nghttp2_session_set_stream_user_data(session, id, NULL);
    free(s);
    return 0;
}

static nghttp2_session *
session_new(struct peer *p, unsigned max_streams, bool strict)
{
    nghttp2_session_callbacks *calls;
    nghttp2_option *option;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&calls) || nghttp2_option_new(&option))
        tool_die("Out of memory for a session.");
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
    /* The proxy passes cancels on.  The library's own limit (1,000 and 33/s) would end the
     * connection that honest calls share, and hide what the proxy does by itself. */
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
    if (!strict)
        nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
#else
    (void)strict;
#endif
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_server_new2(&session, calls, p, option))
        tool_die("Out of memory for a session.");
    nghttp2_settings_entry entry = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                     max_streams };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &entry, 1);
    nghttp2_session_callbacks_del(calls);
    nghttp2_option_del(option);
    return session;
}

static void
peer_watch(struct peer *p, int op)
{
    struct epoll_event e = { .events =
                                 EPOLLIN | (p->want_write ? (unsigned)EPOLLOUT : 0u),
                             .data.ptr = p };
    if (epoll_ctl(poller, op, p->fd, &e))
        tool_die("epoll_ctl failed: %s.", strerror(errno));
}

/* Sends until the socket is full or the session has no more. False when the peer is gone. */
static bool
peer_flush(struct peer *p)
{
    bool full = false;
    for (;;) {
        if (p->out_len == 0) {
            ssize_t n = nghttp2_session_mem_send(p->session, &p->out);
            if (n < 0)
                return false;
            p->out_len = (size_t)n;
            if (n == 0)
                break;
        }
        ssize_t n = send(p->fd, p->out, p->out_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            full = true;
            break;
        }
        if (n < 0)
            return false;
        p->out += n;
        p->out_len -= (size_t)n;
    }
    if (full != p->want_write) {
        p->want_write = full;
        peer_watch(p, EPOLL_CTL_MOD);
    }
    return full || nghttp2_session_want_read(p->session) ||
           nghttp2_session_want_write(p->session);
}

static bool
peer_serve(struct peer *p)
{
    static uint8_t buf[65536];
    ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return false;
    if (n > 0 && nghttp2_session_mem_recv(p->session, buf, (size_t)n) < 0)
        return false;
    return peer_flush(p);
}

static int
stream_free_rest(nghttp2_session *session, struct peer *p)
{
    /* deleting a session calls no close callback: the live streams are counted down by id */
    int32_t last = nghttp2_session_get_last_proc_stream_id(session);
    for (int32_t id = 1; id > 0 && id <= last; id += 2) {
        if (nghttp2_session_get_stream_user_data(session, id))
            on_stream_close(session, id, NGHTTP2_CANCEL, p);
    }
    return 0;
}

static void
peer_free(struct peer *p)
{
    stream_free_rest(p->session, p);
    nghttp2_session_del(p->session);
    close(p->fd);
    free(p);
}

static void
peer_accept(int listener, unsigned max_streams, bool strict)
{
    for (int fd;
         (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct peer *p = calloc(1, sizeof(*p));
        if (!p)
            tool_die("Out of memory for a connection.");
        stats.connections++;
        p->fd = fd;
        socket_set_nodelay(fd);
        p->session = session_new(p, max_streams, strict);
        peer_watch(p, EPOLL_CTL_ADD);
        if (!peer_flush(p))
            peer_free(p);
    }
}

static void
stats_print(void)
{
    printf("{\"live_max\":%u,\"live_conn_max\":%u,\"live_end\":%u,", stats.live_max,
           stats.live_conn_max, stats.live);
    printf("\"total\":%llu,\"reset\":%llu,\"honest\":%llu,\"connections\":%llu,",
           (unsigned long long)stats.total, (unsigned long long)stats.reset,
           (unsigned long long)stats.honest, (unsigned long long)stats.connections);
    printf("\"first_begin_us\":%llu,\"last_begin_us\":%llu,\"live_zero_us\":%llu}\n",
           (unsigned long long)stats.first_begin_us,
           (unsigned long long)stats.last_begin_us,
           (unsigned long long)stats.live_zero_us);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "port", required_argument, NULL, 'p' },
                                             { "max-streams", required_argument, NULL,
                                               'm' },
                                             { "strict-resets", no_argument, NULL, 's' },
                                             { 0 } };
    unsigned port = 0, max_streams = 1000000;
    bool strict = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p')
            port = (unsigned)number_parse(optarg, "--port", 0, 65535);
        else if (o == 'm')
            max_streams = (unsigned)number_parse(optarg, "--max-streams", 1, INT32_MAX);
        else if (o == 's')
            strict = true;
        else
            tool_die("Usage: backend [--port N] [--max-streams N] [--strict-resets]");
    }
    int listener = socket_listen_loopback(&port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN };
    if (listener < 0 || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e))
        tool_die("Cannot listen on 127.0.0.1:%u: %s.", port, strerror(errno));
    struct sigaction stop = { .sa_handler = on_signal };
    sigset_t ends, none;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    /* They come while we wait, and only then: one that came just before would wake nobody. */
    sigemptyset(&none);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    printf("port %u\n", port);
    fflush(stdout);
    while (!stopping) {
        struct epoll_event ready[64];
        int n = epoll_pwait(poller, ready, 64, -1, &none);
        for (int i = 0; i < n; i++) {
            struct peer *p = ready[i].data.ptr;
            if (!p)
                peer_accept(listener, max_streams, strict);
            else if (!peer_serve(p))
                peer_free(p);
        }
    }
    stats_print();
    _exit(
        0); /* live sessions go with the process; a walk to free them would prove nothing */
}
