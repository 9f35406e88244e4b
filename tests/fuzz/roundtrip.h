/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/roundtrip.h - what is printed of a loaded config loads again and prints the same. */
#ifndef OUTRIGGER_FUZZ_ROUNDTRIP_H
#define OUTRIGGER_FUZZ_ROUNDTRIP_H

#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "fuzz.h"
#include "main/config.h"

enum { ROUND_TEXT_MAX = 8 * 1024 * 1024 };

static inline void
check_round_trip(const struct conf_snapshot *first)
{
    struct strbuf one, two, problems;
    struct conf_snapshot *second = NULL;

    strbuf_init(&one, ROUND_TEXT_MAX);
    strbuf_init(&two, ROUND_TEXT_MAX);
    strbuf_init(&problems, ROUND_TEXT_MAX);
    conf_print(&config_struct, conf_root(first), &one);
    if (conf_load_text(&config_struct, "printed", one.s, one.len, &problems, &second) !=
        0) {
        fprintf(stderr, "%s\n%s\n", problems.s, one.s);
        FUZZ_CHECK(!"what is printed loads");
    }
    conf_print(&config_struct, conf_root(second), &two);
    FUZZ_CHECK(strcmp(one.s, two.s) == 0);
    conf_drop(second);
    strbuf_done(&one);
    strbuf_done(&two);
    strbuf_done(&problems);
}

#endif
