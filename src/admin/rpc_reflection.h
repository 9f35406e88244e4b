/* SPDX-License-Identifier: Apache-2.0 */
/* admin/rpc_reflection.h - grpc.reflection.v1 and v1alpha of the admin port: the services that are mounted there, and those of a descriptor file (admin/descriptors.h). Main thread. */
#ifndef OUTRIGGER_ADMIN_RPC_REFLECTION_H
#define OUTRIGGER_ADMIN_RPC_REFLECTION_H

#include <stdbool.h>

struct descriptors;
struct grpc_service;
struct rpc_reflection;

/* mounted: whether this port serves the service. Never NULL. */
struct rpc_reflection *
rpc_reflection_new(bool (*mounted)(void *arg, const char *service), void *arg);
void rpc_reflection_free(struct rpc_reflection *r); /* NULL is fine */
/* To be mounted; valid until rpc_reflection_free. */
const struct grpc_service *rpc_reflection_service(const struct rpc_reflection *r);
/* In the place of those before, which are freed; NULL: none. */
void rpc_reflection_set(struct rpc_reflection *r, struct descriptors *d);

#endif
