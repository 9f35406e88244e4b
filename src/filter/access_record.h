/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_record.h - what an access log says of one call, and its form as one JSON object: plain values, so that forms of lines and their safety are tested
 * without a call. Any thread.
 *
 *     {"time":"2026-11-22T15:33:15.123456Z","event":"end","logged":"error","listener":"inbound","client":"192.0.2.7:4711",...}
 *
 * A field that does not apply is left out: an empty text, a time that never came. */
#ifndef OUTRIGGER_FILTER_ACCESS_RECORD_H
#define OUTRIGGER_FILTER_ACCESS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct line;

enum {
    ACCESS_HEADERS_MAX = 16,
    ACCESS_NONE = -1, /* a number that is not known */
};

struct access_header {
    struct slice name, value; /* value.p NULL: the request had none */
};

struct access_record {
    int64_t wall_us;
    const char *event; /* "end", or "interval" of a call that goes on */
    const char
        *logged; /* why there is a line: "sample", "error", "slow", "code", "interval" */
    const char *listener, *route;
    const char *client; /* its address */
    const char *san;
    struct slice client_name, service, method, authority;
    int code;             /* gRPC code, ACCESS_NONE: the call goes on */
    struct slice message; /* grpc-message, decoded */
    const char *reason;   /* grpc/reason.h */
    const char *pool, *endpoint;
    struct slice trace_id, request_id;
    bool sampled; /* the trace is recorded */
    bool cancelled;
    /* ACCESS_NONE: unknown */
    int64_t attempts, bytes_in, bytes_out, messages_in, messages_out;
    int64_t first_byte_us, total_us, deadline_us, blocked_client_us, blocked_backend_us;
    size_t header_count;
    struct access_header headers[ACCESS_HEADERS_MAX];
};

/* All numbers unknown, all texts empty. */
void access_record_init(struct access_record *r);
/* The line with its end. */
void access_record_json(const struct access_record *r, struct line *l);

enum access_kind {
    ACCESS_TIME,  /* int64_t us since 1970 */
    ACCESS_TEXT,  /* const char * */
    ACCESS_SLICE, /* struct slice */
    ACCESS_CODE,  /* int */
    ACCESS_NAME,  /* int: the code's name */
    ACCESS_COUNT, /* int64_t */
    ACCESS_MS,    /* int64_t us */
    ACCESS_BOOL,
};

/* The fields in the order of the line. */
struct access_field {
    const char *name; /* key of the object, and %{name} of a format */
    const char *lead; /* what stands before the value in JSON: ,"name":" or ,"name": */
    size_t lead_n;
    enum access_kind kind;
    size_t at; /* in struct access_record */
};

/* NULL: behind the last. */
const struct access_field *access_field_at(size_t i);
/* Adds the value as it is, escaped; false: it does not apply, nothing was added. text: in the form of a format, else of JSON without quotes. */
bool access_field_write(const struct access_field *f, const struct access_record *r,
                        bool text, struct line *l);

#endif
