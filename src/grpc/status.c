/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/status.c - tables; the percent code of grpc-message. */
#include "grpc/status.h"

#include <stdbool.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/utf8.h"

static const struct status_row {
    const char *name, *label, *text;
} status_rows[GRPC_CODE_COUNT] = {
    [GRPC_OK] = { "OK", "OK", "0" },
    [GRPC_CANCELLED] = { "CANCELLED", "Canceled", "1" },
    [GRPC_UNKNOWN] = { "UNKNOWN", "Unknown", "2" },
    [GRPC_INVALID_ARGUMENT] = { "INVALID_ARGUMENT", "InvalidArgument", "3" },
    [GRPC_DEADLINE_EXCEEDED] = { "DEADLINE_EXCEEDED", "DeadlineExceeded", "4" },
    [GRPC_NOT_FOUND] = { "NOT_FOUND", "NotFound", "5" },
    [GRPC_ALREADY_EXISTS] = { "ALREADY_EXISTS", "AlreadyExists", "6" },
    [GRPC_PERMISSION_DENIED] = { "PERMISSION_DENIED", "PermissionDenied", "7" },
    [GRPC_RESOURCE_EXHAUSTED] = { "RESOURCE_EXHAUSTED", "ResourceExhausted", "8" },
    [GRPC_FAILED_PRECONDITION] = { "FAILED_PRECONDITION", "FailedPrecondition", "9" },
    [GRPC_ABORTED] = { "ABORTED", "Aborted", "10" },
    [GRPC_OUT_OF_RANGE] = { "OUT_OF_RANGE", "OutOfRange", "11" },
    [GRPC_UNIMPLEMENTED] = { "UNIMPLEMENTED", "Unimplemented", "12" },
    [GRPC_INTERNAL] = { "INTERNAL", "Internal", "13" },
    [GRPC_UNAVAILABLE] = { "UNAVAILABLE", "Unavailable", "14" },
    [GRPC_DATA_LOSS] = { "DATA_LOSS", "DataLoss", "15" },
    [GRPC_UNAUTHENTICATED] = { "UNAUTHENTICATED", "Unauthenticated", "16" },
};

/* RFC 9113 section 7.  Numbers, because the library's names belong to room h2. */
enum status_h2 {
    STATUS_H2_INTERNAL_ERROR = 0x2,
    STATUS_H2_CANCEL = 0x8,
    STATUS_H2_ENHANCE_YOUR_CALM = 0xb,
};

static const uint8_t status_from_h2[] = {
    [0x0] = GRPC_INTERNAL,           /* NO_ERROR */
    [0x1] = GRPC_INTERNAL,           /* PROTOCOL_ERROR */
    [0x2] = GRPC_INTERNAL,           /* INTERNAL_ERROR */
    [0x3] = GRPC_INTERNAL,           /* FLOW_CONTROL_ERROR */
    [0x4] = GRPC_INTERNAL,           /* SETTINGS_TIMEOUT */
    [0x5] = GRPC_INTERNAL,           /* STREAM_CLOSED: no row in the specification */
    [0x6] = GRPC_INTERNAL,           /* FRAME_SIZE_ERROR */
    [0x7] = GRPC_UNAVAILABLE,        /* REFUSED_STREAM */
    [0x8] = GRPC_CANCELLED,          /* CANCEL */
    [0x9] = GRPC_INTERNAL,           /* COMPRESSION_ERROR */
    [0xa] = GRPC_INTERNAL,           /* CONNECT_ERROR */
    [0xb] = GRPC_RESOURCE_EXHAUSTED, /* ENHANCE_YOUR_CALM */
    [0xc] = GRPC_PERMISSION_DENIED,  /* INADEQUATE_SECURITY */
    [0xd] = GRPC_INTERNAL,           /* HTTP_1_1_REQUIRED: grpc-go's choice */
};

static const struct status_row *
status_row_get(int code)
{
    if (code < 0 || code >= GRPC_CODE_COUNT)
        code = GRPC_UNKNOWN;
    return &status_rows[code];
}

const char *
grpc_code_name(int code)
{
    return status_row_get(code)->name;
}

const char *
grpc_code_label(int code)
{
    return status_row_get(code)->label;
}

const char *
grpc_code_text(int code)
{
    return status_row_get(code)->text;
}

enum grpc_code
grpc_code_parse(struct slice value)
{
    unsigned code;

    if (value.n < 1 || value.n > 2 || value.p[0] < '0' || value.p[0] > '9')
        return GRPC_UNKNOWN;
    code = value.p[0] - '0';
    if (value.n == 2) {
        if (code == 0 || value.p[1] < '0' || value.p[1] > '9')
            return GRPC_UNKNOWN;
        code = code * 10 + (value.p[1] - '0');
    }
    return code < GRPC_CODE_COUNT ? (enum grpc_code)code : GRPC_UNKNOWN;
}

enum grpc_code
grpc_code_from_http(int http_status)
{
    switch (http_status) {
    case 400:
    case 431:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

enum grpc_code
grpc_code_from_h2(uint32_t h2_code)
{
    if (h2_code >= ARRAY_LEN(status_from_h2))
        return GRPC_UNKNOWN;
    return (enum grpc_code)status_from_h2[h2_code];
}

uint32_t
grpc_code_to_h2(int code)
{
    switch (code) {
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
        return STATUS_H2_CANCEL;
    case GRPC_RESOURCE_EXHAUSTED:
        return STATUS_H2_ENHANCE_YOUR_CALM;
    default:
        return STATUS_H2_INTERNAL_ERROR;
    }
}

enum grpc_code
grpc_code_from_err(int err)
{
    switch ((enum err)err) {
    case ERR_OK:
        return GRPC_OK;
    case ERR_DEADLINE:
        return GRPC_DEADLINE_EXCEEDED;
    case ERR_CANCELLED:
        return GRPC_CANCELLED;
    case ERR_NOMEM:
    case ERR_LIMIT:
    case ERR_FLOOD:
        return GRPC_RESOURCE_EXHAUSTED;
    case ERR_AGAIN:
    case ERR_EOF:
    case ERR_CONNECT:
    case ERR_CONNECT_TIMEOUT:
    case ERR_CONN_LOST:
    case ERR_NOT_HTTP2:
    case ERR_REFUSED:
    case ERR_GOAWAY:
    case ERR_NO_ENDPOINT:
    case ERR_QUEUE_FULL:
    case ERR_QUEUE_TIMEOUT:
    case ERR_DRAIN:
    case ERR_IDLE:
    case ERR_STALL:
    case ERR_HANDSHAKE_TIMEOUT:
    case ERR_CLOSED:
    case ERR_POOL_LIMIT:
    case ERR_REMOVED:
    case ERR_KEEPALIVE:
    case ERR_PINGS:
    case ERR_AGE:
        return GRPC_UNAVAILABLE;
    case ERR_SYNTAX:
    case ERR_SYS:
    case ERR_PROTOCOL:
    case ERR_RESET:
        return GRPC_INTERNAL;
    }
    return GRPC_INTERNAL;
}

static bool
status_is_literal(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

size_t
grpc_message_encode(struct slice text, char *out, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    static const uint8_t replacement[] = UTF8_REPLACEMENT;
    size_t len = 0;

    if (room > GRPC_MESSAGE_MAX)
        room = GRPC_MESSAGE_MAX;
    for (size_t at = 0; at < text.n;) {
        const uint8_t *c = text.p + at;
        size_t n = utf8_len(c, text.n - at);

        at += n ? n : 1;
        if (n == 0) {
            c = replacement;
            n = sizeof(replacement) - 1;
        }
        if (status_is_literal(*c)) {
            if (len + 1 > room)
                break;
            out[len++] = (char)*c;
            continue;
        }
        if (len + 3 * n > room)
            break;
        for (size_t i = 0; i < n; i++) {
            out[len++] = '%';
            out[len++] = hex[c[i] >> 4];
            out[len++] = hex[c[i] & 15];
        }
    }
    return len;
}

/* Value of a hex digit; -1: it is none. */
static int
status_hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The text was cut at len: gives the length without a UTF-8 sequence that misses its end.
 */
static size_t
status_whole_chars(const char *out, size_t len)
{
    const uint8_t *p = (const uint8_t *)out;

    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t c = p[len - back];

        if ((c & 0xc0) == 0x80)
            continue;
        if (c >= 0xc0 && utf8_len(p + len - back, back) == 0)
            return len - back;
        break;
    }
    return len;
}

size_t
grpc_message_decode(struct slice value, char *out, size_t room)
{
    size_t len = 0;

    for (size_t at = 0; at < value.n; at++) {
        uint8_t c = value.p[at];

        if (len == room)
            return status_whole_chars(out, len);
        if (c == '%' && value.n - at > 2) {
            int hi = status_hex_value(value.p[at + 1]),
                lo = status_hex_value(value.p[at + 2]);

            if (hi >= 0 && lo >= 0) {
                c = (uint8_t)(hi << 4 | lo);
                at += 2;
            }
        }
        out[len++] = (char)c;
    }
    return len;
}
