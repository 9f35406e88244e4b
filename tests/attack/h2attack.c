/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2attack: sends one attack row to a loopback port at full speed and reports how the peer took it.
 * Bounded in streams (by the row) and in time (--seconds); ends by itself.
 */
#include "report.h"
#include "sock.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SMALL_RCVBUF = 4096, WRITES_PER_TURN = 8 };

static void
conn_start(struct attack *a)
{
    if (a->conn_count == CONN_CAP)
        return;
    struct attack_conn *c = calloc(1, sizeof(*c));
    if (!c)
        tool_die("Out of memory for a connection.");
    const struct attack_row *row = a->row;
    c->fd = socket_connect_loopback(a->port, row->never_read ? SMALL_RCVBUF : 0);
    if (c->fd < 0) {
        a->connect_failed++;
        free(c);
        return;
    }
    c->id = a->conn_count;
    c->port = socket_get_port(c->fd);
    c->next_stream = 1;
    c->goaway_code = -1;
    c->streams_wanted = a->streams_per_conn;
    frame_put_preface(&c->out);
    if (row->window != NO_WINDOW_SETTING)
        frame_put_setting(&c->out, SETTING_WINDOW, (uint32_t)row->window);
    else
        frame_put_setting(&c->out, 0, 0);
    if (row->window > 65535)
        frame_put_u32(&c->out, FRAME_WINDOW_UPDATE, 0, 0x7fffffff - 65535);
    a->conns[a->conn_count++] = c;
}

static void
conn_on_frame(struct attack_conn *c, const struct frame_in *f, bool ack)
{
    switch (f->type) {
    case FRAME_SETTINGS:
        if (!(f->flags & FLAG_ACK) && ack)
            frame_put(&c->out, FRAME_SETTINGS, FLAG_ACK, 0, NULL, 0);
        c->settings_seen = true;
        break;
    case FRAME_RST_STREAM:
        c->resets++;
        if (f->kept >= 4 && u32_get(f->payload) == 7)
            c->refused++;
        break;
    case FRAME_HEADERS:
        c->responses++;
        break;
    case FRAME_GOAWAY:
        if (f->kept >= 8) {
            c->goaway_code = u32_get(f->payload + 4);
            c->goaway_us = clock_now_us();
        }
        break;
    default:
        break;
    }
}

/* Reads what is there. False when the peer has closed. */
static bool
conn_read(struct attack *a, struct attack_conn *c)
{
    uint8_t buf[65536];
    for (unsigned turn = 0; turn < WRITES_PER_TURN; turn++) {
        ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        c->bytes_in += (uint64_t)n;
        const uint8_t *p = buf;
        for (size_t left = (size_t)n; left && frame_reader_feed(&c->reader, &p, &left);)
            conn_on_frame(c, &c->reader.in, !a->row->never_ack);
        if ((size_t)n < sizeof(buf))
            break;
    }
    return true;
}

static void
conn_close(struct attack *a, struct attack_conn *c)
{
    if (c->state == CONN_CONNECTING && c->bytes_out == 0)
        a->connect_failed++;
    while (conn_read(a, c) && a->row->never_read) {
        /* a peer that was never read may have left its GOAWAY in the socket */
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        if (poll(&p, 1, 0) <= 0)
            break;
    }
    close(c->fd);
    c->fd = -1;
    c->state = CONN_CLOSED;
    c->closed_us = clock_now_us();
    outbuf_free(&c->out);
    if (a->reconnects && c->first_us) {
        a->reconnects--;
        conn_start(a);
    }
}

static bool
conn_may_attack(const struct attack *a, const struct attack_conn *c)
{
    return c->state == CONN_OPEN && (a->row->never_ack || c->settings_seen);
}

static bool
conn_wants_fill(const struct attack *a, const struct attack_conn *c, uint64_t now)
{
    bool left = c->streams < c->streams_wanted || c->late_len;
    return left && c->out.off == c->out.len && c->next_fill_us <= now &&
           conn_may_attack(a, c);
}

/* Sends as long as the socket takes whole batches. False when the peer has closed. */
static bool
conn_write(struct attack *a, struct attack_conn *c)
{
    for (unsigned turn = 0; turn < WRITES_PER_TURN; turn++) {
        uint64_t now = clock_now_us();
        if (conn_wants_fill(a, c, now) && a->row->fill(a->row, c, now)) {
            c->next_fill_us = now + a->row->pace_us;
            if (!c->first_us)
                c->first_us = now;
            if (!a->first_us)
                a->first_us = now;
        }
        size_t left = c->out.len - c->out.off;
        if (left == 0)
            return true;
        ssize_t n =
            send(c->fd, c->out.data + c->out.off, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->out.off += (size_t)n;
        c->bytes_out += (uint64_t)n;
        c->last_write_us = clock_now_us();
        if ((size_t)n < left)
            return true;
    }
    return true;
}

static bool
conn_reads(const struct attack *a, const struct attack_conn *c)
{
    if (!a->row->never_read)
        return true;
    return !a->row->never_ack && !c->settings_seen;
}

static void
conn_on_ready(struct attack *a, struct attack_conn *c, short revents)
{
    if (c->state == CONN_CONNECTING) {
        int err = 0;
        socklen_t n = sizeof(err);
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n);
        if (err) {
            conn_close(a, c);
            return;
        }
        if (!(revents & POLLOUT))
            return;
        c->state = CONN_OPEN;
    }
    bool alive = !(revents & (POLLERR | POLLHUP));
    if (alive && (revents & POLLIN) && conn_reads(a, c))
        alive = conn_read(a, c);
    if (alive)
        alive = conn_write(a, c);
    /* a reader sees the end of the stream itself, after the GOAWAY before it */
    if (alive && (revents & POLLRDHUP) && !conn_reads(a, c))
        alive = false;
    if (!alive)
        conn_close(a, c);
}

static short
conn_poll_events(const struct attack *a, const struct attack_conn *c)
{
    int events = POLLRDHUP;
    if (conn_reads(a, c))
        events |= POLLIN;
    if (c->state == CONN_CONNECTING || c->out.off < c->out.len)
        events |= POLLOUT;
    return (short)events;
}

/* One turn over all connections. False when none is left. */
static bool
attack_run_turn(struct attack *a)
{
    static struct pollfd fds[CONN_CAP];
    static struct attack_conn *who[CONN_CAP];
    uint64_t now = clock_now_us();
    nfds_t n = 0;
    int wait = 20;
    for (unsigned i = 0; i < a->conn_count; i++) {
        struct attack_conn *c = a->conns[i];
        if (c->state == CONN_CLOSED)
            continue;
        if (conn_wants_fill(a, c, now))
            wait = 0;
        else if ((a->row->pace_us || c->late_len) && wait)
            wait = 1;
        who[n] = c;
        fds[n++] = (struct pollfd){ .fd = c->fd, .events = conn_poll_events(a, c) };
    }
    if (n == 0)
        return false;
    if (poll(fds, n, wait) < 0 && errno != EINTR)
        tool_die("poll failed: %s.", strerror(errno));
    now = clock_now_us();
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents || conn_wants_fill(a, who[i], now))
            conn_on_ready(a, who[i], fds[i].revents);
    }
    return true;
}

static void
attack_run(struct attack *a)
{
    unsigned n = a->row->conns;
    a->streams_per_conn = (a->row->streams + n - 1) / n;
    a->start_us = clock_now_us();
    for (unsigned i = 0; i < n; i++)
        conn_start(a);
    uint64_t deadline = a->start_us + a->seconds * 1000000ull;
    while (clock_now_us() < deadline && attack_run_turn(a))
        continue;
    a->stop_us = clock_now_us();
}

static void
usage_print(void)
{
    puts("h2attack --port PORT --row ROW [--seconds N] [--reconnect N] [--json]\n"
         "h2attack --list\n"
         "Sends one attack row to 127.0.0.1:PORT, bounded in streams and in time.");
}

static void
rows_print(void)
{
    for (unsigned i = 0; i < attack_row_count; i++)
        printf("%s%s\n", attack_rows[i].name, attack_rows[i].extra ? " extra" : "");
}

static bool
options_parse(struct attack *a, int argc, char **argv)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "row", required_argument, NULL, 'r' },
        { "seconds", required_argument, NULL, 's' },
        { "reconnect", required_argument, NULL, 'n' },
        { "json", no_argument, NULL, 'j' },
        { "list", no_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'p':
            a->port = (unsigned)number_parse(optarg, "--port", 1, 65535);
            break;
        case 's':
            a->seconds = (unsigned)number_parse(optarg, "--seconds", 1, 600);
            break;
        case 'n':
            a->reconnects = (unsigned)number_parse(optarg, "--reconnect", 0, CONN_CAP);
            break;
        case 'j':
            a->json = true;
            break;
        case 'l':
            rows_print();
            exit(0);
        case 'r':
            a->row = row_find(optarg);
            if (!a->row)
                tool_die("There is no row \"%s\"; h2attack --list prints the names.",
                         optarg);
            break;
        case 'h':
            usage_print();
            exit(0);
        default:
            return false;
        }
    }
    return a->port && a->row && optind == argc;
}

int
main(int argc, char **argv)
{
    static struct attack a = { .seconds = 5 };
    if (!options_parse(&a, argc, argv)) {
        usage_print();
        return 2;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    attack_run(&a);
    bool got_through = report_print(&a);
    for (unsigned i = 0; i < a.conn_count; i++) {
        outbuf_free(&a.conns[i]->out);
        free(a.conns[i]);
    }
    /* an attack that never got through says nothing about the peer */
    return got_through ? 0 : 2;
}
