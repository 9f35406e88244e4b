/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as an endpoints file. It gives endpoints that can be used, or a
 * sentence. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "fuzz.h"
#include "resolve/endpoints.h"

static void
check_endpoint(const struct resolved *r)
{
    FUZZ_CHECK(r->addr.len > 0);
    FUZZ_CHECK(r->weight >= 1 && r->weight <= ENDPOINTS_WEIGHT_MAX);
    FUZZ_CHECK(r->priority <= ENDPOINTS_PRIORITY_MAX);
    FUZZ_CHECK(r->zone && (!r->hash_key || r->hash_key[0] != '\0'));
    FUZZ_CHECK(r->label_count <= RESOLVE_LABELS_MAX);
    for (size_t i = 0; i < r->label_count; i++)
        FUZZ_CHECK(r->labels[i].key[0] != '\0' && strlen(r->labels[i].value) < SIZE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = xmalloc(n + 1);
    struct endpoints e;
    struct strbuf why;
    int rv;

    memcpy(text, bytes, n);
    text[n] = '\0';
    strbuf_init(&why, 1024);
    rv = endpoints_parse(text, n, &e, &why);
    FUZZ_CHECK(rv == ERR_OK || (rv == ERR_SYNTAX && why.len > 0));
    if (rv == ERR_OK) {
        FUZZ_CHECK(e.n > 0 && e.n <= RESOLVE_ENDPOINTS_MAX && why.len == 0);
        for (size_t i = 0; i < e.n; i++)
            check_endpoint(&e.v[i]);
        endpoints_done(&e);
    }
    strbuf_done(&why);
    xfree(text);
    return 0;
}
