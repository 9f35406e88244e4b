/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/channelz.h - codec of grpc.channelz.v1 (gRFC A14): what requests ask for, and our structs to the bytes of answers. Ids: 0 is none; the low two bits say what kind
 * of object it is, so that an id means one object of the process, whatever its kind. Times are microseconds since 1970; 0: not known, and an empty Timestamp in the
 * answer, since grpcdebug shows nothing for that and crashes when there is none. What nobody counts (messages, when streams began) is 0 or empty. Any thread. */
#ifndef OUTRIGGER_GRPC_CHANNELZ_H
#define OUTRIGGER_GRPC_CHANNELZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct addr;
struct strbuf;
struct tcp_info;

/* --- ids ------------------------------------------------------------------------------ */

enum channelz_kind {
    CHANNELZ_CHANNEL,
    CHANNELZ_SUBCHANNEL,
    CHANNELZ_SERVER,
    CHANNELZ_SOCKET
};

/* number: unique among objects of this kind for the life of the process, from 1. */
static inline int64_t
channelz_id(enum channelz_kind kind, uint64_t number)
{
    return (int64_t)(number << 2 | (uint64_t)kind);
}

static inline enum channelz_kind
channelz_id_kind(int64_t id)
{
    return (enum channelz_kind)(id & 3);
}

static inline uint64_t
channelz_id_number(int64_t id)
{
    return (uint64_t)id >> 2;
}

/* --- requests ------------------------------------------------------------------------- */

/* Fields 1, 2 and 3 of any request; what is not in it is 0. ERR_SYNTAX. */
int channelz_request_decode(struct slice message, int64_t ret[3]) MUST_CHECK;

/* --- answers -------------------------------------------------------------------------- */

enum channelz_state { /* the public numbers */
                      CHANNELZ_IDLE = 1,
                      CHANNELZ_CONNECTING,
                      CHANNELZ_READY,
                      CHANNELZ_TRANSIENT_FAILURE
};

struct channelz_ref {
    int64_t id;
    const char
        *name; /* never NULL; as all texts here it is left out when it is not UTF-8 */
};

/* started = succeeded + failed + under way. */
struct channelz_calls {
    int64_t started, succeeded, failed;
    int64_t last_us; /* when one was started last */
};

struct channelz_channel { /* or subchannel */
    struct channelz_ref ref;
    enum channelz_state state;
    const char *target;
    struct channelz_calls calls;
    int64_t created_us;
    const char *why;  /* the last thing that happened to it; "": nothing */
    int64_t since_us; /* when */
    const struct channelz_ref
        *refs; /* of a channel: subchannels, of a subchannel: sockets */
    size_t n;
};

struct channelz_server {
    struct channelz_ref ref,
        listen; /* listen.id 0: there is no listening socket any more */
    struct channelz_calls calls;
};

struct channelz_socket {
    struct channelz_ref ref;
    const struct addr *local, *remote; /* NULL: unknown, or none */
    const char *remote_name;           /* whom TLS found there; "": nobody */
    /* 0 for a socket that listens. */
    int64_t streams, succeeded, failed, keepalives;
    int64_t local_window, remote_window; /* bytes that the peer, that we may still send */
    const struct tcp_info *tcp;          /* NULL: no TCP, or the asker wants a summary */
    const char *cipher;                  /* NULL: plain text */
    bool cipher_standard;                /* it is a name of IANA's list */
    struct slice local_cert, remote_cert; /* DER; empty: none */
};

/* Each appends one object to an answer; lists are ended by channelz_put_end. What passes out's cap is left out (out->cut). */
void channelz_put_channel(const struct channelz_channel *c, struct strbuf *out);
void channelz_put_subchannel(const struct channelz_channel *c, struct strbuf *out);
void channelz_put_server(const struct channelz_server *s, struct strbuf *out);
void channelz_put_socket(const struct channelz_socket *s, struct strbuf *out);
void channelz_put_socket_ref(const struct channelz_ref *r, struct strbuf *out);
/* There are no objects behind those of this page. */
void channelz_put_end(struct strbuf *out);

#endif
