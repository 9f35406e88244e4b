/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/greeter.h - messages of helloworld.Greeter.  Single messages without the 5-byte
 * prefix; the caller caps the size of what it decodes. Pure functions; any thread. */
#ifndef OUTRIGGER_GRPC_GREETER_H
#define OUTRIGGER_GRPC_GREETER_H

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

/* The encoders append a message to out.  The decoders append the text in the message to
 * theirs; ERR_SYNTAX: not such a message, nothing is appended. */
void greeter_request_encode(struct slice name, struct strbuf *out);
int greeter_request_decode(struct slice message, struct strbuf *ret_name) MUST_CHECK;
void greeter_reply_encode(struct slice text, struct strbuf *out);
int greeter_reply_decode(struct slice message, struct strbuf *ret_text) MUST_CHECK;

#endif
