/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/echo.h - messages of outrigger.demo.Echo.  Single messages without the 5-byte
 * prefix; the caller caps the size of what it decodes. Pure functions; any thread. */
#ifndef OUTRIGGER_GRPC_ECHO_H
#define OUTRIGGER_GRPC_ECHO_H

#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

struct echo_request {
    uint32_t count; /* as sent: the service reads 0 as 3 */
    uint32_t delay_ms;
};

/* Encoders append a message to out.  Decoders append the text in the message to ret_text;
 * ERR_SYNTAX: not such a message, nothing is appended. */
void
echo_request_encode(struct slice text, const struct echo_request *r, struct strbuf *out);
int echo_request_decode(struct slice message, struct strbuf *ret_text,
                        struct echo_request *ret) MUST_CHECK;
void echo_reply_encode(struct slice text, struct slice backend, uint32_t number,
                       struct strbuf *out);
int echo_reply_decode(struct slice message, struct strbuf *ret_text,
                      uint32_t *ret_number) MUST_CHECK;

#endif
