/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a YAML config. What is YAML becomes JSON whose marks lead back
 * into the file, in order; what loads is printed as JSON that loads to the same. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/problem.h"
#include "conf/snapshot.h"
#include "conf/yaml.h"
#include "fuzz.h"
#include "main/config.h"
#include "roundtrip.h"

enum { TEXT_MAX = 8 * 1024 * 1024 };

static void
check_marks(const char *text, size_t n)
{
    struct problems ps;
    struct yaml_text y;

    problems_init(&ps, "fuzz.yaml", text, n);
    if (yaml_to_json(text, n, &y, &ps) != 0) {
        FUZZ_CHECK(ps.errors == 1);
        for (size_t i = 0; i < ps.n_kept; i++)
            FUZZ_CHECK(ps.kept[i].end == 0 || ps.kept[i].at <= n);
    } else {
        FUZZ_CHECK(ps.errors == 0 && strlen(y.json) == y.n);
        for (size_t i = 0; i < y.n_marks; i++) {
            const struct problem_mark *m = &y.marks[i];

            FUZZ_CHECK(m->json_at < y.n && strchr("}],:", y.json[m->json_at]) == NULL);
            FUZZ_CHECK(i == 0 || y.marks[i - 1].json_at < m->json_at);
            FUZZ_CHECK(m->at <= n && m->at < m->end && m->end <= n + 1);
        }
        yaml_text_done(&y);
    }
    problems_done(&ps);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct conf_load load = { .root = &config_struct,
                                    .name = "fuzz.yaml",
                                    .text = (const char *)bytes,
                                    .n = n,
                                    .json = n % 2 == 1 };
    struct conf_snapshot *snapshot = NULL;
    struct strbuf problems;
    int rc;

    check_marks((const char *)bytes, n);
    strbuf_init(&problems, TEXT_MAX);
    rc = conf_load(&load, &problems, &snapshot);
    FUZZ_CHECK((rc == 0) == (snapshot != NULL));
    FUZZ_CHECK(rc == 0 || problems.len > 0);
    for (size_t i = 0; i < problems.len; i++) {
        unsigned char c = (unsigned char)problems.s[i];

        FUZZ_CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
    }
    if (snapshot)
        check_round_trip(snapshot);
    conf_drop(snapshot);
    strbuf_done(&problems);
    return 0;
}
