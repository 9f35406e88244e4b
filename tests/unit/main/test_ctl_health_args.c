/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of outriggerctl health: as Go's package flag reads them, and what does not fit together. */
#include "main/ctl_health_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"

enum { WORDS_MAX = 40 };

/* The words are separated by '|', since headers have blanks. */
static int
parse(struct health_args *a, const char *line, struct strbuf *why)
{
    static char room[8192];
    char *argv[WORDS_MAX];
    int argc = 0;

    snprintf(room, sizeof(room), "health%s%s", *line ? "|" : "", line);
    for (char *at = room; at && argc < WORDS_MAX;) {
        argv[argc++] = at;
        at = strchr(at, '|');
        if (at)
            *at++ = '\0';
    }
    strbuf_init(why, 4096);
    return health_args_parse(a, argc, argv, why);
}

/* Until the next call; its texts point into it. */
static const struct health_args *
parse_good(const char *line)
{
    static struct health_args a;
    struct strbuf why;

    if (parse(&a, line, &why) != ERR_OK)
        fail_msg("%s: %s", line, why.s);
    strbuf_done(&why);
    return &a;
}

static void
without_flags_it_asks_the_probe_port_of_this_host(void **state)
{
    const struct health_args *a = parse_good("");

    (void)state;
    assert_string_equal(a->addr, "127.0.0.1:9902");
    assert_string_equal(a->service, "");
    assert_int_equal(a->connect_timeout_ms, 1000);
    assert_int_equal(a->rpc_timeout_ms, 1000);
    assert_true(!a->tls && !a->verbose && a->header_count == 0);
}

static void
one_dash_or_two_with_equals_or_without(void **state)
{
    static const char *const lines[] = {
        "-addr=a:1|-service=s=1|-rpc-timeout=1m30s|-tls|-v",
        "--addr|a:1|--service|s=1|--rpc-timeout|90s|--tls=true|--v=1",
        "-service|x|-addr|a:1|-service|s=1|-tls=T|-rpc-timeout=90s|-v=TRUE",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const struct health_args *a = parse_good(lines[i]);

        assert_string_equal(a->addr, "a:1");
        assert_string_equal(a->service, "s=1");
        assert_int_equal(a->rpc_timeout_ms, 90000);
        assert_true(a->tls && a->verbose);
    }
    assert_false(parse_good("-tls|-tls=false")->tls);
    assert_string_equal(parse_good("-service|-addr")->service, "-addr");
}

static void
headers_are_name_and_value(void **state)
{
    const struct health_args *a =
        parse_good("-rpc-header|X-One: a: b |-rpc-header=x_2.y:|-rpc-header|three:3");

    (void)state;
    assert_int_equal(a->header_count, 3);
    assert_string_equal(a->headers[0].text, "x-one");
    assert_string_equal(a->headers[0].value, "a: b ");
    assert_string_equal(a->headers[1].text, "x_2.y");
    assert_string_equal(a->headers[1].value, "");
    assert_string_equal(a->headers[2].value, "3");
}

static void
what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        { "a:1", "is no flag" },
        { "-", "is no flag" },
        { "-adr=x", "there is no flag \"-adr=x\"; did you mean \"addr\"?" },
        { "-gzip", "cannot do what -gzip of grpc_health_probe does" },
        { "-=", "there is no flag \"-=\"; outriggerctl health -help" },
        { "-addr", "-addr needs a value" },
        { "-addr=", "-addr is empty" },
        { "-tls=yes", "is a switch" },
        { "-rpc-timeout=1", "needs a unit" },
        { "-rpc-timeout=-1s", "-rpc-timeout=-1s" },
        { "-connect-timeout=0ms", "more than 0" },
        { "-tls-no-verify", "need -tls" },
        { "-tls-server-name=x", "need -tls" },
        { "-tls|-tls-client-key=x", "need each other" },
        { "-tls|-tls-no-verify|-tls-server-name=x", "or -tls-server-name" },
        { "-rpc-header=: x", "is no header" },
        { "-rpc-header=a b: x", "letters, digits" },
        { "-rpc-header=a: \x1b", "printable ASCII" },
        { "-rpc-header=GRPC-Timeout: 1s", "belong to gRPC" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_args a;
        struct strbuf why;

        assert_int_equal(parse(&a, rows[i].line, &why), ERR_SYNTAX);
        if (!strstr(why.s, rows[i].words))
            fail_msg("%s: %s", rows[i].line, why.s);
        strbuf_done(&why);
    }
}

static void
the_number_and_length_of_headers_are_bounded(void **state)
{
    struct health_args a;
    struct strbuf why;
    char line[HEALTH_FIELD_MAX + 100];
    struct strbuf many;

    (void)state;
    strbuf_init(&many, 4096);
    for (int i = 0; i < HEALTH_HEADERS_MAX; i++)
        strbuf_puts(&many, i ? "|-rpc-header=a:b" : "-rpc-header=a:b");
    assert_int_equal(parse_good(many.s)->header_count, HEALTH_HEADERS_MAX);
    strbuf_puts(&many, "|-rpc-header=a:b");
    assert_int_equal(parse(&a, many.s, &why), ERR_SYNTAX);
    strbuf_done(&many);
    strbuf_done(&why);
    memset(line, 'x', sizeof(line));
    memcpy(line, "-rpc-header=a:", 14);
    line[12 + HEALTH_FIELD_MAX - 1] = '\0';
    assert_int_equal(strlen(parse_good(line)->headers[0].value), HEALTH_FIELD_MAX - 3);
    line[12 + HEALTH_FIELD_MAX - 1] = 'x';
    line[12 + HEALTH_FIELD_MAX] = '\0';
    assert_int_equal(parse(&a, line, &why), ERR_SYNTAX);
    strbuf_done(&why);
}

static void
each_flag_that_is_told_is_read(void **state)
{
    (void)state;
    for (const struct ctl_option *o = health_options; o->name; o++) {
        struct health_args a;
        struct strbuf why;
        char line[100];

        snprintf(line, sizeof(line), "-%s%s", o->name,
                 !o->arg                         ? ""
                 : strcmp(o->arg, "TIME") == 0   ? "=1s"
                 : strcmp(o->arg, "HEADER") == 0 ? "=a: b"
                                                 : "=x");
        (void)parse(&a, line, &why);
        if (why.s && strstr(why.s, "there is no flag"))
            fail_msg("%s", why.s);
        strbuf_done(&why);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_flags_it_asks_the_probe_port_of_this_host),
        cmocka_unit_test(one_dash_or_two_with_equals_or_without),
        cmocka_unit_test(headers_are_name_and_value),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(the_number_and_length_of_headers_are_bounded),
        cmocka_unit_test(each_flag_that_is_told_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
