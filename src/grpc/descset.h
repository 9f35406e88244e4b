/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descset.h - a google.protobuf.FileDescriptorSet, as "protoc --include_imports --descriptor_set_out" writes it, with an index: which file defines a name, which extends a type.
 * The bytes stay as they are, since reflection hands files out unchanged, and belong to the caller; the index costs 16 bytes for each name in them. Names are known by 64 bits of a hash:
 * the set comes from the operator, who has no reason to look for two names that share one.
 * Made once, then read only: any thread may ask. Files are numbered from 0 in their order. Source: google/protobuf/descriptor.proto. */
#ifndef OUTRIGGER_GRPC_DESCSET_H
#define OUTRIGGER_GRPC_DESCSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct descset;
struct strbuf;

enum {
    DESCSET_FILES_MAX = 20000,
    DESCSET_NAMES_MAX =
        1 << 20, /* of types, fields, values, services, methods, extensions */
    DESCSET_IMPORTS_MAX = 1 << 18,
    DESCSET_SERVICES_MAX = 4096,
    DESCSET_DEPTH_MAX = 64, /* of types inside of types */
    DESCSET_FILE_MAX =
        3 << 20, /* bytes of one file: an answer with more is too long for gRPC clients */
    DESCSET_NAME_MAX = 1024,          /* bytes of the name of a service */
    DESCSET_NONE = DESCSET_FILES_MAX, /* the number of no file */
};

/* bytes: valid until descset_free. ERR_SYNTAX, ERR_LIMIT: why gets a sentence without a full stop. */
int descset_new(struct slice bytes, struct descset **ret, struct strbuf *why) MUST_CHECK;
void descset_free(struct descset *d); /* NULL is fine */

size_t descset_files(const struct descset *d);
struct slice
descset_file(const struct descset *d, size_t i); /* its FileDescriptorProto */
/* The k-th file that file i imports; DESCSET_NONE behind the last. */
size_t descset_import(const struct descset *d, size_t i, size_t k);

/* DESCSET_NONE: there is none. name: "dir/x.proto". */
size_t descset_find_file(const struct descset *d, struct slice name);
/* "package.Service", "package.Service.Method", "package.Message.field", and so on. */
size_t descset_find_symbol(const struct descset *d, struct slice name);
/* The file that extends the message `type` by this number. */
size_t
descset_find_extension(const struct descset *d, struct slice type, uint32_t number);
/* The i-th number, in rising order, by which files of this set extend the message. False: there are no more. */
bool descset_extension_number(const struct descset *d, struct slice type, size_t i,
                              uint32_t *ret);

size_t descset_services(const struct descset *d);
const char *descset_service(const struct descset *d, size_t i); /* "package.Service" */

#endif
