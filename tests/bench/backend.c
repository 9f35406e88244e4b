/* SPDX-License-Identifier: Apache-2.0 */
/* tests/bench/backend.c - a gRPC backend that is always faster than the proxy before it.
 * One thread, epoll, HTTP/2, no logs; TLS 1.3 with one cipher when -t is given.  The path
 * chooses the answer:
 *   /bench/Unary   a message of -n bytes, once the request is complete
 *   /bench/Stream  a message of 1 MiB, once the request is complete
 *   /bench/Watch   response headers at once, then silence: an open quiet stream
 *   /bench/Hang    nothing, ever
 * Any other path is UNIMPLEMENTED.  Prints "port N" (or "unix PATH") when it accepts, and
 * "served N" (requests answered, since SIGUSR1 if that came) when SIGTERM ends it.
 * The bytes of a request are counted for flow control and thrown away. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"
#include "secure.h"

enum {
    BULK_MESSAGE = 1 << 20,
    GRPC_PREFIX = 5,
    READ_SIZE = 256 * 1024,
    OUT_CAP = 256 * 1024,
    OUT_ROOM = 64 * 1024, /* above OUT_CAP: one DATA frame and one of another kind */
    STREAM_WINDOW = 4 << 20,
    CONN_WINDOW = 1 << 30,
    MAX_STREAMS = 100000,
    EVENTS = 256,
};

enum answer { ANSWER_NONE, ANSWER_UNARY, ANSWER_STREAM, ANSWER_WATCH, ANSWER_HANG };

struct stream {
    enum answer answer;
    size_t left; /* bytes of the answer still to send */
    const uint8_t *at;
    struct stream *next_free;
};

struct peer {
    int fd;
    SSL *ssl; /* NULL: plain */
    bool dirty, closing, want_write;
    nghttp2_session *session;
    uint8_t *out; /* only while something is queued */
    size_t out_len, out_done;
    struct peer *next_dirty;
};

struct backend {
    int epoll_fd;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    struct peer *dirty;
    struct stream *free_streams;
    uint8_t *unary, *bulk; /* whole messages, prefix included */
    size_t unary_len;
    uint8_t *spare_out; /* one recycled output buffer */
    uint64_t served;    /* requests that were answered */
    SSL_CTX *tls;       /* NULL: plain */
};

static struct backend backend;
static volatile sig_atomic_t asked_to_end, asked_to_reset;
static uint8_t read_buf[READ_SIZE];

#define HEADER(name_, value_)                                                  \
    {                                                                          \
        .name = (uint8_t *)(name_), .value = (uint8_t *)(value_),              \
        .namelen = sizeof(name_) - 1, .valuelen = sizeof(value_) - 1,          \
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE, \
    }

static const nghttp2_nv head_fields[] = {
    HEADER(":status", "200"),
    HEADER("content-type", "application/grpc"),
};
static const nghttp2_nv trailer_fields[] = { HEADER("grpc-status", "0") };
static const nghttp2_nv unknown_fields[] = {
    HEADER(":status", "200"),
    HEADER("content-type", "application/grpc"),
    HEADER("grpc-status", "12"),
};

static void
backend_die(const char *what)
{
    fprintf(stderr, "bench_backend: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *
backend_alloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        backend_die("out of memory");
    return p;
}

static uint8_t *
message_new(size_t size)
{
    uint8_t *p = backend_alloc(GRPC_PREFIX + size);

    p[1] = (uint8_t)(size >> 24);
    p[2] = (uint8_t)(size >> 16);
    p[3] = (uint8_t)(size >> 8);
    p[4] = (uint8_t)size;
    memset(p + GRPC_PREFIX, 'x', size);
    return p;
}

static struct stream *
stream_take(void)
{
    struct stream *s = backend.free_streams;

    if (s == NULL)
        return backend_alloc(sizeof(*s));
    backend.free_streams = s->next_free;
    *s = (struct stream){ .answer = ANSWER_NONE };
    return s;
}

static void
stream_give(struct stream *s)
{
    s->next_free = backend.free_streams;
    backend.free_streams = s;
}

/* Announces the length only; stream_send_data puts the bytes straight into the output. */
static ssize_t
stream_read_answer(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                   uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    (void)buf;
    (void)user;

    if (s->answer == ANSWER_WATCH)
        return NGHTTP2_ERR_DEFERRED;
    if (length >= s->left) {
        length = s->left;
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, id, trailer_fields, 1) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)length;
}

static int
stream_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
                 size_t length, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    struct peer *p = user;
    (void)session;
    (void)frame;

    if (p->out_len >= OUT_CAP) /* one mem_send may come here many times */
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(p->out + p->out_len, framehd, 9);
    memcpy(p->out + p->out_len + 9, s->at, length);
    p->out_len += 9 + length;
    s->at += length;
    s->left -= length;
    return 0;
}

static int
stream_answer(nghttp2_session *session, int32_t id, struct stream *s)
{
    nghttp2_data_provider provider = { .source.ptr = s,
                                       .read_callback = stream_read_answer };

    switch (s->answer) {
    case ANSWER_HANG:
        return 0;
    case ANSWER_NONE:
        return nghttp2_submit_response(session, id, unknown_fields, 3, NULL);
    case ANSWER_STREAM:
        s->at = backend.bulk;
        s->left = GRPC_PREFIX + BULK_MESSAGE;
        break;
    default:
        s->at = backend.unary;
        s->left = backend.unary_len;
    }
    return nghttp2_submit_response(session, id, head_fields, 2, &provider);
}

static int
peer_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                                stream_take());
}

static int
peer_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
               size_t namelen, const uint8_t *value, size_t valuelen, uint8_t flags,
               void *user)
{
    static const struct {
        const char *path;
        enum answer answer;
    } paths[] = {
        { "/bench/Unary", ANSWER_UNARY },
        { "/bench/Stream", ANSWER_STREAM },
        { "/bench/Watch", ANSWER_WATCH },
        { "/bench/Hang", ANSWER_HANG },
    };
    struct stream *s;
    (void)flags;
    (void)user;

    if (namelen != 5 || memcmp(name, ":path", 5) != 0)
        return 0;
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strlen(paths[i].path) == valuelen &&
            memcmp(paths[i].path, value, valuelen) == 0)
            s->answer = paths[i].answer;
    }
    return 0;
}

static int
peer_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct stream *s;
    (void)user;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    if (s->answer == ANSWER_WATCH) /* before the request ends, as a server push would */
        return frame->hd.type == NGHTTP2_HEADERS
                   ? stream_answer(session, frame->hd.stream_id, s)
                   : 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    backend.served++;
    return stream_answer(session, frame->hd.stream_id, s);
}

static int
peer_on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    (void)code;
    (void)user;

    if (s != NULL)
        stream_give(s);
    return 0;
}

static void
peer_mark_dirty(struct peer *p)
{
    if (p->dirty)
        return;
    p->dirty = true;
    p->next_dirty = backend.dirty;
    backend.dirty = p;
}

static void
peer_watch_write(struct peer *p, bool on)
{
    struct epoll_event ev = { .events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = p };

    if (p->want_write == on)
        return;
    p->want_write = on;
    epoll_ctl(backend.epoll_fd, EPOLL_CTL_MOD, p->fd, &ev);
}

/* Collects the frames of all streams, up to the cap.  False: the session is broken. */
static bool
peer_fill(struct peer *p)
{
    while (p->out_len < OUT_CAP) {
        const uint8_t *data;
        size_t before = p->out_len;
        ssize_t n = nghttp2_session_mem_send(p->session, &data);

        if (n < 0)
            return false;
        if (n > 0) {
            memcpy(p->out + p->out_len, data, (size_t)n);
            p->out_len += (size_t)n;
        } else if (p->out_len == before) {
            return true;
        }
    }
    return true;
}

static ssize_t
peer_send(struct peer *p, const uint8_t *from, size_t n)
{
    if (p->ssl == NULL)
        return send(p->fd, from, n, MSG_NOSIGNAL);
    return secure_send(p->ssl, from, n);
}

static ssize_t
peer_recv(struct peer *p)
{
    if (p->ssl == NULL)
        return recv(p->fd, read_buf, sizeof(read_buf), 0);
    return secure_recv(p->ssl, read_buf, sizeof(read_buf));
}

/* One write per turn in the common case.  The buffer is given back when it is empty. */
static void
peer_flush(struct peer *p)
{
    ssize_t n;

    if (p->out == NULL) {
        p->out =
            backend.spare_out != NULL ? backend.spare_out : malloc(OUT_CAP + OUT_ROOM);
        backend.spare_out = NULL;
        if (p->out == NULL)
            backend_die("out of memory");
    }
    for (;;) {
        if (!peer_fill(p)) {
            p->closing = true;
            return;
        }
        if (p->out_len == p->out_done)
            break;
        n = peer_send(p, p->out + p->out_done, p->out_len - p->out_done);
        if (n < 0 && errno != EAGAIN) {
            p->closing = true;
            return;
        }
        p->out_done += n > 0 ? (size_t)n : 0;
        if (p->out_done < p->out_len) {
            peer_watch_write(p, true);
            return;
        }
        n = (ssize_t)p->out_len;
        p->out_len = p->out_done = 0;
        if (n < OUT_CAP) /* nothing was left behind by the cap */
            break;
    }
    peer_watch_write(p, false);
    if (backend.spare_out == NULL)
        backend.spare_out = p->out;
    else
        free(p->out);
    p->out = NULL;
    if (!nghttp2_session_want_read(p->session) && !nghttp2_session_want_write(p->session))
        p->closing = true;
}

static void
peer_read(struct peer *p)
{
    ssize_t n;

    do {
        n = peer_recv(p);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || nghttp2_session_mem_recv(p->session, read_buf, (size_t)n) < 0)
            p->closing = true;
    } while (!p->closing && p->ssl != NULL && secure_pending(p->ssl));
}

static void
peer_open(int fd)
{
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
    };
    struct peer *p = backend_alloc(sizeof(*p));
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = p };

    p->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (nghttp2_session_server_new2(&p->session, backend.callbacks, p, backend.options) !=
        0)
        backend_die("cannot make a session");
    nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(p->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW);
    if (epoll_ctl(backend.epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        backend_die("epoll_ctl");
    if (backend.tls != NULL)
        p->ssl = secure_open(backend.tls, fd);
    peer_mark_dirty(p);
}

/* nghttp2 calls on_stream_close for no stream here, so the stream objects of a broken
 * connection stay behind: a benchmark ends soon, and its own streams end cleanly. */
static void
peer_close(struct peer *p)
{
    close(p->fd);
    secure_close(p->ssl);
    nghttp2_session_del(p->session);
    free(p->out);
    free(p);
}

static void
backend_accept(int listen_fd)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            peer_open(fd);
        else if (errno == EMFILE || errno == ENFILE)
            backend_die("accept (raise the limit of open files)");
        else
            return;
    }
}

/* A peer closes only here, after all events of the turn: none of them can be stale. */
static void
backend_flush_dirty(void)
{
    while (backend.dirty != NULL) {
        struct peer *p = backend.dirty;

        backend.dirty = p->next_dirty;
        p->dirty = false;
        if (!p->closing)
            peer_flush(p);
        if (p->closing)
            peer_close(p);
    }
}

static void
backend_run(int listen_fd)
{
    struct epoll_event events[EVENTS], accepts = { .events = EPOLLIN };

    if (epoll_ctl(backend.epoll_fd, EPOLL_CTL_ADD, listen_fd, &accepts) != 0)
        backend_die("epoll_ctl");

    while (!asked_to_end) {
        int n = epoll_wait(backend.epoll_fd, events, EVENTS, -1);

        if (asked_to_reset) {
            asked_to_reset = 0;
            backend.served = 0;
            printf("reset\n");
            fflush(stdout);
        }
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;

            if (p == NULL) {
                backend_accept(listen_fd);
                continue;
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                peer_read(p);
            peer_mark_dirty(p);
        }
        backend_flush_dirty();
    }
    printf("served %" PRIu64 "\n", backend.served);
}

static void
backend_on_signal(int signum)
{
    if (signum == SIGTERM)
        asked_to_end = 1;
    else
        asked_to_reset = 1;
}

static void
backend_init(size_t unary_size)
{
    nghttp2_session_callbacks *cbs;

    backend.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    backend.unary = message_new(unary_size);
    backend.unary_len = GRPC_PREFIX + unary_size;
    backend.bulk = message_new(BULK_MESSAGE);
    if (backend.epoll_fd < 0 || nghttp2_session_callbacks_new(&cbs) != 0 ||
        nghttp2_option_new(&backend.options) != 0)
        backend_die("start");
    nghttp2_option_set_no_closed_streams(backend.options, 1);
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
    nghttp2_option_set_stream_reset_rate_limit(backend.options, 1000000, 1000000);
#endif
    nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, peer_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cbs, peer_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, peer_on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cbs, peer_on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(cbs, stream_send_data);
    backend.callbacks = cbs;
}

int
main(int argc, char **argv)
{
    struct rlimit files;
    size_t unary_size = 100;
    unsigned long port = 0;
    const char *unix_path = NULL;
    int opt;

    while ((opt = getopt(argc, argv, "n:p:t:u:")) != -1) {
        if (opt == 'n')
            unary_size = strtoul(optarg, NULL, 10);
        else if (opt == 'p')
            port = strtoul(optarg, NULL, 10);
        else if (opt == 't')
            backend.tls = secure_init(optarg);
        else if (opt == 'u')
            unix_path = optarg;
        else
            return fprintf(
                       stderr,
                       "usage: bench_backend [-n BYTES] [-t PEM] [-p PORT | -u PATH]\n"
                       "  -n  bytes of the unary message (100)\n"
                       "  -p  TCP port on loopback, 0 = any free one (0)\n"
                       "  -t  TLS 1.3 with the certificate and key of this file\n"
                       "  -u  unix socket instead of TCP\n"),
                   2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, backend_on_signal);
    signal(SIGUSR1, backend_on_signal);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    backend_init(unary_size);
    backend_run(listen_open((uint16_t)port, unix_path));
    return 0;
}
