/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: request path and content-type.  Two parts and two slashes are the whole
 * path. */
#include <stdint.h>
#include <stdlib.h>

#include "grpc/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice service, method, path = slice_make(data, n);

    if (path_split(path, &service, &method) == 0 &&
        (service.n == 0 || method.n == 0 || service.n + method.n + 2 != n ||
         service.p != data + 1 || method.p != service.p + service.n + 1))
        abort();
    if (content_type_is_grpc(path) && n > 16 && data[16] != '+' && data[16] != ';')
        abort();
    return 0;
}
