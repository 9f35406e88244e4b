/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reflection.h - server reflection: answers questions about services and types out
 * of one or two FileDescriptorSets (grpc/descset.h). grpc.reflection.v1 and v1alpha have the same bytes, so one
 * answer serves both. A file comes with all that it imports, or alone when that would be more than REFLECTION_ANSWER_MAX: a client asks for what it misses.
 * Source: grpc/grpc doc/server-reflection.md, grpc/reflection/v1/reflection.proto of grpc-proto. One thread at a time. */
#ifndef OUTRIGGER_GRPC_REFLECTION_H
#define OUTRIGGER_GRPC_REFLECTION_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"

struct descset;
struct reflection;
struct strbuf;

enum { REFLECTION_ANSWER_MAX = 1 << 20 };

/* file_set: a google.protobuf.FileDescriptorSet; it must outlive the object. ERR_SYNTAX: it is none; ERR_LIMIT: it is too large. */
int reflection_new(struct slice file_set, struct reflection **ret) MUST_CHECK;
void reflection_free(struct reflection *r); /* NULL is fine */
/* Further files, which are asked before the own ones; valid until the next call or reflection_free. NULL: none. */
void reflection_set_more(struct reflection *r, const struct descset *more);
/* Which services of the own file_set are listed: those that are served. Without it all are; of further files always. */
void reflection_set_listed(struct reflection *r,
                           bool (*listed)(void *arg, const char *service), void *arg);
/* Appends a ServerReflectionResponse to out.  A question about something unknown gets an
 * error_response inside a good message, as the service wants it.  ERR_SYNTAX: the request
 * is no ServerReflectionRequest; nothing is appended. */
int reflection_answer(const struct reflection *r, struct slice request,
                      struct strbuf *out) MUST_CHECK;

#endif
