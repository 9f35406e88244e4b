/* SPDX-License-Identifier: Apache-2.0 */
/* What both text formats look like, to the byte. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "obs/prom.h"
#include "obs/self.h"

static void
write_all(struct prom *p)
{
    prom_family(p, "a_calls_total", PROM_COUNTER, "Calls \"seen\", and\nmore \\ less.");
    prom_begin(p);
    prom_labels(p, "side=\"up\"");
    prom_label_text(p, "pool", "b");
    prom_value(p, 7);
    prom_family(p, "a_wait_seconds_total", PROM_COUNTER, "Time.");
    prom_begin(p);
    prom_seconds(p, 1000002);
    prom_family(p, "a_build_info", PROM_INFO, "Build.");
    prom_begin(p);
    prom_label_text(p, "version", "1");
    prom_value(p, 1);
    prom_one(p, "a_room_bytes", PROM_GAUGE, "Room.", -5);
    prom_family(p, "a_lag_seconds", PROM_GAUGE, "Lag.");
    prom_begin(p);
    prom_seconds(p, -1500000);
    prom_end(p);
}

static void
expect(bool open, const char *wanted)
{
    struct strbuf out;
    struct prom p = prom_make(&out, open);

    strbuf_init(&out, 1 << 16);
    write_all(&p);
    assert_string_equal(out.s, wanted);
    strbuf_done(&out);
}

static void
text_is_as_prometheus_has_it(void **state)
{
    (void)state;
    expect(false, "# HELP a_calls_total Calls \"seen\", and\\nmore \\\\ less.\n"
                  "# TYPE a_calls_total counter\n"
                  "a_calls_total{side=\"up\",pool=\"b\"} 7\n"
                  "# HELP a_wait_seconds_total Time.\n"
                  "# TYPE a_wait_seconds_total counter\n"
                  "a_wait_seconds_total 1.000002\n"
                  "# HELP a_build_info Build.\n"
                  "# TYPE a_build_info gauge\n"
                  "a_build_info{version=\"1\"} 1\n"
                  "# HELP a_room_bytes Room.\n"
                  "# TYPE a_room_bytes gauge\n"
                  "a_room_bytes -5\n"
                  "# HELP a_lag_seconds Lag.\n"
                  "# TYPE a_lag_seconds gauge\n"
                  "a_lag_seconds -1.500000\n");
}

static void
openmetrics_names_families_without_their_ends_and_tells_units(void **state)
{
    (void)state;
    expect(true, "# HELP a_calls Calls \\\"seen\\\", and\\nmore \\\\ less.\n"
                 "# TYPE a_calls counter\n"
                 "a_calls_total{side=\"up\",pool=\"b\"} 7\n"
                 "# HELP a_wait_seconds Time.\n"
                 "# TYPE a_wait_seconds counter\n"
                 "# UNIT a_wait_seconds seconds\n"
                 "a_wait_seconds_total 1.000002\n"
                 "# HELP a_build Build.\n"
                 "# TYPE a_build info\n"
                 "a_build_info{version=\"1\"} 1\n"
                 "# HELP a_room_bytes Room.\n"
                 "# TYPE a_room_bytes gauge\n"
                 "# UNIT a_room_bytes bytes\n"
                 "a_room_bytes -5\n"
                 "# HELP a_lag_seconds Lag.\n"
                 "# TYPE a_lag_seconds gauge\n"
                 "# UNIT a_lag_seconds seconds\n"
                 "a_lag_seconds -1.500000\n"
                 "# EOF\n");
}

static void
nothing_breaks_out_of_a_label(void **state)
{
    struct strbuf out;
    struct prom p = prom_make(&out, true);

    (void)state;
    strbuf_init(&out, 1 << 16);
    prom_family(&p, "x", PROM_GAUGE, "X.");
    out.len = 0;
    prom_begin(&p);
    prom_label_text(&p, "l", "a\"} 1\nb\\c\r\x01 \xc3\xa4 \xff \xed\xa0\x80");
    prom_label(&p, "none", (struct slice){ 0 });
    prom_value(&p, 1);
    assert_string_equal(out.s, "x{l=\"a\\\"} 1\\nb\\\\c?? \xc3\xa4 \xef\xbf\xbd "
                               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",none=\"\"} 1\n");
    strbuf_done(&out);
}

static void
bounds_have_one_spelling(void **state)
{
    static const char *const pairs[][2] = {
        { "0", "0.0" },         { "0.00001", "1e-05" }, { "0.00005", "5e-05" },
        { "0.0001", "0.0001" }, { "0.013", "0.013" },   { "1", "1.0" },
        { "2.5", "2.5" },       { "100", "100.0" },
    };
    struct prom open = { .open = true }, text = { .open = false };
    char room[PROM_BOUND_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_string_equal(prom_bound(&text, pairs[i][0], room), pairs[i][0]);
        assert_string_equal(prom_bound(&open, pairs[i][0], room), pairs[i][1]);
        assert_true(strtod(pairs[i][0], NULL) == strtod(pairs[i][1], NULL));
    }
}

static void
the_process_knows_itself(void **state)
{
    struct self_usage u, later;

    (void)state;
    self_usage_read(&u);
    assert_in_range(u.resident_bytes, 100000, (uint64_t)1 << 40);
    assert_true(u.virtual_bytes >= u.resident_bytes);
    assert_in_range(u.open_fds, 3, 1000);
    assert_true(u.threads >= 1);
    assert_true(u.cpu_us >= 0);
    assert_true(u.start_us > INT64_C(1000000) * 1000000);
    self_usage_read(&later);
    assert_true(later.start_us == u.start_us);
    assert_true(later.cpu_us >= u.cpu_us);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_as_prometheus_has_it),
        cmocka_unit_test(openmetrics_names_families_without_their_ends_and_tells_units),
        cmocka_unit_test(nothing_breaks_out_of_a_label),
        cmocka_unit_test(bounds_have_one_spelling),
        cmocka_unit_test(the_process_knows_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
