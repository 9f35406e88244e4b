/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descriptors.h - the .proto files of src/grpc/proto as a
 * google.protobuf.FileDescriptorSet, made at build time by proto/generate.sh.  Constant;
 * any thread. */
#ifndef OUTRIGGER_GRPC_DESCRIPTORS_H
#define OUTRIGGER_GRPC_DESCRIPTORS_H

#include "base/slice.h"

struct slice descriptors_get(void);

#endif
