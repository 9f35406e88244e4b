/* SPDX-License-Identifier: Apache-2.0 */
/* configtest.h - what the tests of the real config share: the smallest file, and loading a text that must be good. */
#ifndef OUTRIGGER_TESTS_UNIT_CONFIGTEST_H
#define OUTRIGGER_TESTS_UNIT_CONFIGTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "main/config.h"

#define SMALLEST                                                                         \
    "{ \"version\": 1, \"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ \"to\": " \
    "\"app\" }] }], \"pools\": [{ \"name\": \"app\", \"endpoints\": "                    \
    "[\"127.0.0.1:50051\"] }] }"

static inline struct conf_snapshot *
load(const char *text)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, 65536);
    if (conf_load_text(&config_struct, "test", text, strlen(text), &problems, &s) != 0)
        fail_msg("%s", problems.s);
    strbuf_done(&problems);
    return s;
}

#endif
