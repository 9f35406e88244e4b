/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reflection.h - server reflection: answers questions about services and types out
 * of a FileDescriptorSet. grpc.reflection.v1 and v1alpha have the same bytes, so one
 * answer serves both.  Made once, then read only: any thread may ask. Source: grpc/grpc
 * doc/server-reflection.md, grpc/reflection/v1/reflection.proto of grpc-proto. */
#ifndef OUTRIGGER_GRPC_REFLECTION_H
#define OUTRIGGER_GRPC_REFLECTION_H

#include "base/compat.h"
#include "base/slice.h"

struct reflection;
struct strbuf;

enum { REFLECTION_FILES_MAX = 64 };

/* file_set: a google.protobuf.FileDescriptorSet with at most REFLECTION_FILES_MAX files;
 * it must outlive the object. ERR_SYNTAX: it is none; ERR_LIMIT: too many files. */
int reflection_new(struct slice file_set, struct reflection **ret) MUST_CHECK;
void reflection_free(struct reflection *r); /* NULL is fine */
/* Appends a ServerReflectionResponse to out.  A question about something unknown gets an
 * error_response inside a good message, as the service wants it.  ERR_SYNTAX: the request
 * is no ServerReflectionRequest; nothing is appended. */
int reflection_answer(const struct reflection *r, struct slice request,
                      struct strbuf *out) MUST_CHECK;

#endif
