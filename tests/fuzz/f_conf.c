/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a config file. It loads, or somebody is told why. */
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "fuzz.h"
#include "main/config.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct conf_snapshot *snapshot = NULL;
    struct strbuf problems;
    int rc;

    strbuf_init(&problems, 64 * 1024);
    rc = conf_load_text(&config_struct, "fuzz.json", (const char *)bytes, n, &problems, &snapshot);
    FUZZ_CHECK((rc == 0) == (snapshot != NULL));
    if (rc == 0) {
        const struct config *c = conf_root(snapshot);

        FUZZ_CHECK(c->version == 1 && c->admin.listen);
    } else {
        FUZZ_CHECK(problems.len > 0);
    }
    conf_drop(snapshot);
    strbuf_done(&problems);
    return 0;
}
