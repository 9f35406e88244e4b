/* SPDX-License-Identifier: Apache-2.0 */
/* outriggerctl why and tail: what is said of a pool or a listener that is not there. */
#include "main/ctl_known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/json.h"

static void
only_names_that_are_not_there_are_told(void **state)
{
    static const char text[] = "{\"pools\":[{\"name\":\"orders\"},{\"name\":\"stock\"}],"
                               "\"listeners\":[{\"name\":\"in\"}]}";
    static const struct {
        const char *kind, *name, *line;
    } rows[] = {
        { "pool", "orders", "" },
        { "listener", "in", "" },
        { "pool", "ordres",
          "there is no pool \"ordres\" now; did you mean \"orders\"?\n" },
        { "listener", "stock", "there is no listener \"stock\" now; there is: in\n" },
    };
    struct jtree_fault fault;
    struct json_t *stats = jtree_read(text, sizeof text - 1, &fault);

    (void)state;
    assert_non_null(stats);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct strbuf out;

        strbuf_init(&out, 1000);
        ctl_known_line(stats, rows[i].kind, rows[i].name, &out);
        assert_string_equal(out.s ? out.s : "", rows[i].line);
        strbuf_done(&out);
    }
    jtree_free(stats);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_that_are_not_there_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
