/* SPDX-License-Identifier: Apache-2.0 */
/* admin/descriptors.h - a file with a google.protobuf.FileDescriptorSet (grpc/descset.h), the services of the application, which reflection on the admin port tells beside its own. Main
 * thread: it waits for the disk. */
#ifndef OUTRIGGER_ADMIN_DESCRIPTORS_H
#define OUTRIGGER_ADMIN_DESCRIPTORS_H

#include "base/compat.h"

struct admin;
struct descriptors;
struct descset;
struct strbuf;

enum { DESCRIPTORS_FILE_MAX = 16 << 20 };

/* ERR_SYS: it cannot be read; ERR_SYNTAX, ERR_LIMIT: it is not what it should be. why gets "PATH: " and a sentence without a full stop. */
int descriptors_load(const char *path, struct descriptors **ret,
                     struct strbuf *why) MUST_CHECK;
void descriptors_free(struct descriptors *d); /* NULL is fine */
const struct descset *descriptors_set(const struct descriptors *d);

/* d is the admin port's from now on, in the place of those before; NULL: none. a NULL, or without gRPC there: d is freed. */
void admin_set_descriptors(struct admin *a, struct descriptors *d);

#endif
