/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descriptors.h - .proto files of src/grpc/proto as
 * google.protobuf.FileDescriptorSet, made at build time by proto/generate.sh.  Constant;
 * any thread. */
#ifndef OUTRIGGER_GRPC_DESCRIPTORS_H
#define OUTRIGGER_GRPC_DESCRIPTORS_H

#include "base/slice.h"

struct slice descriptors_get(void);       /* of the demo backends */
struct slice descriptors_admin_get(void); /* of the admin port */

#endif
