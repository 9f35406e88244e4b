/* SPDX-License-Identifier: Apache-2.0 */
/* Texts about the zoo that must load, or be refused with one line. */
#ifndef OUTRIGGER_TESTS_ZOOTEST_H
#define OUTRIGGER_TESTS_ZOOTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "zoo.h"

static inline struct conf_snapshot *
load(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 4096);
    if (conf_load_text(&zoo_struct, "z", text, strlen(text), &problems, &s) != 0)
        fail_msg("%s", problems.s);
    strbuf_done(&problems);
    return s;
}

/* The first line of what is printed is `line`; %s in the tests stands for nothing. */
static inline void
assert_refused(const char *text, const char *line)
{
    const char *got = zoo_problems(text);
    size_t n = strcspn(got, "\n");

    if (strlen(line) != n || memcmp(got, line, n) != 0)
        fail_msg("%s\n got: %s\nwant: %s", text, got, line);
}

#endif
