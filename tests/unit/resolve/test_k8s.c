/* SPDX-License-Identifier: Apache-2.0 */
/* EndpointSlices: what lists and events make of the endpoints. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "resolve/k8s_state.h"
#include "resolve/k8s_target.h"

static struct k8s_state *state;
static struct strbuf why, got;

/* ---- helpers ---- */

static void
start(const char *target)
{
    struct k8s_target t;
    const char *text;

    assert_int_equal(k8s_target_parse(target, &t, &text), ERR_OK);
    state = k8s_state_new(&t);
    k8s_state_list_begin(state);
}

static void
stop(void)
{
    k8s_state_free(state);
    strbuf_done(&why);
    strbuf_done(&got);
}

static const char *
said(void)
{
    return why.s ? why.s : "";
}

static enum k8s_result
page(const char *meta, const char *items)
{
    struct strbuf text;
    enum k8s_result rv;

    strbuf_done(&why);
    strbuf_init(&why, 1024);
    strbuf_init(&text, K8S_OBJECT_MAX);
    strbuf_printf(&text,
                  "{\"kind\":\"EndpointSliceList\",\"metadata\":{%s},\"items\":%s}", meta,
                  items);
    rv = k8s_state_page(state, text.s, text.len, &why);
    strbuf_done(&text);
    return rv;
}

static enum k8s_result
event(const char *type, const char *object)
{
    struct strbuf text;
    enum k8s_result rv;

    strbuf_done(&why);
    strbuf_init(&why, 1024);
    strbuf_init(&text, K8S_OBJECT_MAX);
    strbuf_printf(&text, "{\"type\":\"%s\",\"object\":%s}", type, object);
    rv = k8s_state_event(state, text.s, text.len, &why);
    strbuf_done(&text);
    return rv;
}

#define SLICE(name, version, endpoints)                                              \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"},"     \
    "\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"port\":80},{\"name\":" \
    "\"grpc\",\"port\":50051,\"protocol\":\"TCP\"}],\"endpoints\":[" endpoints "]}"
#define EP(ip, conditions) "{\"addresses\":[\"" ip "\"],\"conditions\":{" conditions "}}"

static const char *
publish(void)
{
    const struct resolved *v;
    char text[ADDR_TEXT_MAX];
    size_t n;

    strbuf_done(&got);
    strbuf_init(&got, 1 << 20);
    strbuf_puts(&got, "");
    strbuf_done(&why);
    strbuf_init(&why, 1024);
    n = k8s_state_publish(state, &v, &why);
    assert_true((n == 0) == (why.len > 0));
    for (size_t i = 0; i < n; i++) {
        strbuf_printf(&got, "%s%s", i ? " " : "", addr_print(&v[i].addr, text));
        if (v[i].zone[0])
            strbuf_printf(&got, "@%s", v[i].zone);
        for (size_t k = 0; k < v[i].label_count; k++)
            strbuf_printf(&got, "(%s=%s)", v[i].labels[k].key, v[i].labels[k].value);
        assert_int_equal(v[i].weight, 1);
        assert_int_equal(v[i].priority, 0);
    }
    return got.s;
}

/* ---- lists ---- */

static void
a_list_is_merged_and_without_doubles(void **s)
{
    (void)s;
    start("k8s:///app.shop:grpc");
    assert_string_equal(k8s_state_version(state), "");
    assert_int_equal(
        page("\"resourceVersion\":\"7\"",
             "[" SLICE(
                 "b", "5",
                 EP("10.0.0.2", "") "," EP(
                     "10.0.0.1", "\"ready\":null")) "," SLICE("a", "6",
                                                              EP("10.0.0.1",
                                                                 "\"ready\":true")) "]"),
        K8S_CHANGED);
    assert_string_equal(k8s_state_version(state), "7");
    assert_string_equal(publish(), "10.0.0.1:50051 10.0.0.2:50051");
    stop();
}

static void
pages_replace_the_old_list_only_when_all_are_there(void **s)
{
    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(
        page("\"resourceVersion\":\"1\"", "[" SLICE("old", "1", EP("10.0.0.9", "")) "]"),
        K8S_CHANGED);
    k8s_state_forget(state);
    k8s_state_list_begin(state);
    assert_int_equal(page("\"resourceVersion\":\"2\",\"continue\":\"x/y=\"",
                          "[" SLICE("a", "1", EP("10.0.0.1", "")) "]"),
                     K8S_MORE);
    assert_string_equal(k8s_state_continue(state), "x/y=");
    assert_string_equal(k8s_state_version(state), "");
    assert_string_equal(publish(), "10.0.0.9:80");
    assert_int_equal(
        page("\"resourceVersion\":\"2\"", "[" SLICE("b", "1", EP("10.0.0.2", "")) "]"),
        K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.1:80 10.0.0.2:80");
    assert_string_equal(k8s_state_version(state), "2");
    stop();
}

static void
answers_that_are_no_list_are_refused(void **s)
{
    static const char *const texts[] = {
        "",
        "[]",
        "nonsense",
        "{}",
        "{\"kind\":\"Status\",\"code\":500}",
        "{\"kind\":\"EndpointSliceList\",\"metadata\":{},\"items\":[]}",
        "{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":1},\"items\":["
        "]}",
        "{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":\"1\"},"
        "\"items\":{}}",
        "{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":\"1\"},"
        "\"items\":[{}]}",
        "{\"kind\":\"EndpointSliceList\",\"metadata\":{\"resourceVersion\":\"1\"},"
        "\"items\":[null]}",
    };

    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(
        page("\"resourceVersion\":\"1\"", "[" SLICE("old", "1", EP("10.0.0.9", "")) "]"),
        K8S_CHANGED);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        k8s_state_list_begin(state);
        strbuf_done(&why);
        strbuf_init(&why, 1024);
        if (k8s_state_page(state, texts[i], strlen(texts[i]), &why) != K8S_BAD)
            fail_msg("%s was taken", texts[i]);
        assert_true(why.len > 10);
        assert_string_equal(publish(), "10.0.0.9:80");
        assert_string_equal(k8s_state_version(state), "1");
    }
    stop();
}

static void
an_empty_list_says_what_to_look_at(void **s)
{
    (void)s;
    start("k8s:///app.shop:grpc");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "null"), K8S_CHANGED);
    assert_string_equal(publish(), "");
    assert_non_null(strstr(said(), "service app has no EndpointSlice"));
    assert_int_equal(event("ADDED", SLICE("a", "2", EP("10.0.0.1", "\"ready\":false"))),
                     K8S_CHANGED);
    publish();
    assert_non_null(strstr(said(), "service app has 1 endpoints, but none is ready"));
    stop();
    start("k8s:///app.shop:metrics");
    assert_int_equal(
        page("\"resourceVersion\":\"1\"", "[" SLICE("a", "1", EP("10.0.0.1", "")) "]"),
        K8S_CHANGED);
    publish();
    assert_non_null(strstr(said(), "has no TCP port named \"metrics\""));
    stop();
}

/* ---- events ---- */

static void
events_change_what_they_name(void **s)
{
    (void)s;
    start("k8s:///app.shop:grpc");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
    assert_int_equal(event("ADDED", SLICE("m", "2", EP("10.0.0.1", ""))), K8S_CHANGED);
    assert_int_equal(event("ADDED", SLICE("z", "3", EP("10.0.0.3", ""))), K8S_CHANGED);
    assert_int_equal(event("ADDED", SLICE("a", "4", EP("10.0.0.2", ""))), K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.2:50051 10.0.0.1:50051 10.0.0.3:50051");
    assert_string_equal(k8s_state_version(state), "4");
    /* What we do not look at may change as it likes. */
    assert_int_equal(event("MODIFIED", SLICE("m", "5", EP("10.0.0.1", "\"ready\":true"))),
                     K8S_SAME);
    assert_string_equal(k8s_state_version(state), "5");
    assert_int_equal(event("MODIFIED", SLICE("m", "6", EP("10.0.0.7", ""))), K8S_CHANGED);
    assert_int_equal(event("DELETED", SLICE("z", "7", "")), K8S_CHANGED);
    assert_int_equal(event("DELETED", SLICE("z", "8", "")), K8S_SAME);
    assert_string_equal(publish(), "10.0.0.2:50051 10.0.0.7:50051");
    assert_int_equal(event("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"90\"}}"),
                     K8S_SAME);
    assert_string_equal(k8s_state_version(state), "90");
    assert_int_equal(event("NEWS", "{\"metadata\":{\"resourceVersion\":\"91\"}}"),
                     K8S_SAME);
    assert_string_equal(publish(), "10.0.0.2:50051 10.0.0.7:50051");
    stop();
}

static void
draining_endpoints_are_used_only_when_nothing_is_ready(void **s)
{
    static const struct {
        const char *conditions;
        bool ready, draining;
    } rows[] = {
        { "", true, false },
        { "\"ready\":true", true, false },
        { "\"ready\":null,\"serving\":null,\"terminating\":null", true, false },
        { "\"ready\":false", false, false },
        { "\"ready\":false,\"serving\":true", false, false },
        { "\"ready\":false,\"serving\":true,\"terminating\":true", false, true },
        { "\"ready\":false,\"serving\":false,\"terminating\":true", false, false },
        { "\"ready\":false,\"terminating\":true", false, false },
    };

    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];

        start("k8s:///app.shop:80");
        snprintf(text, sizeof(text), SLICE("a", "1", EP("10.0.0.1", "%s")),
                 rows[i].conditions);
        assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
        assert_int_equal(event("ADDED", text), K8S_CHANGED);
        assert_string_equal(publish(),
                            rows[i].ready || rows[i].draining ? "10.0.0.1:80" : "");
        assert_int_equal(event("ADDED", SLICE("b", "1", EP("10.0.0.2", ""))),
                         K8S_CHANGED);
        assert_string_equal(publish(),
                            rows[i].ready ? "10.0.0.1:80 10.0.0.2:80" : "10.0.0.2:80");
        stop();
    }
}

static void
zones_and_hints_are_kept(void **s)
{
    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
    assert_int_equal(
        event(
            "ADDED",
            SLICE(
                "a", "1",
                "{\"addresses\":[\"10.0.0.1\",\"10.0.0.99\"],\"zone\":\"eu-1\",\"hints\":"
                "{\"forZones\":[{\"name\":\"eu-1\"},{\"name\":\"eu-2\"}]}},"
                "{\"addresses\":[\"10.0.0.2\"],\"zone\":\"eu-2\",\"hints\":{}}")),
        K8S_CHANGED);
    assert_string_equal(publish(),
                        "10.0.0.1:80@eu-1(hint-zone=eu-1,eu-2) 10.0.0.2:80@eu-2");
    assert_int_equal(
        event("MODIFIED", SLICE("a", "2",
                                "{\"addresses\":[\"10.0.0.1\"],\"zone\":\"eu-3\"},"
                                "{\"addresses\":[\"10.0.0.2\"],\"zone\":\"eu-2\"}")),
        K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.1:80@eu-3 10.0.0.2:80@eu-2");
    stop();
}

static void
ports_are_found_by_name_in_each_slice(void **s)
{
    static const char other[] =
        "{\"metadata\":{\"name\":\"b\"},\"addressType\":\"IPv6\",\"ports\":[{\"name\":"
        "\"grpc\",\"port\":9,\"protocol\":\"UDP\"},{\"name\":\"grpc\",\"port\":7000}],"
        "\"endpoints\":[{\"addresses\":[\"fd00::1\"]}]}";

    (void)s;
    start("k8s:///app.shop:grpc");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
    assert_int_equal(event("ADDED", SLICE("a", "1", EP("10.0.0.1", ""))), K8S_CHANGED);
    assert_int_equal(event("ADDED", other), K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.1:50051 [fd00::1]:7000");
    stop();
}

static void
what_cannot_be_an_endpoint_is_left_out(void **s)
{
    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
    assert_int_equal(
        event("ADDED",
              SLICE("a", "1",
                    "null,7,{},{\"addresses\":[]},{\"addresses\":[7]},"
                    "{\"addresses\":[\"localhost\"]},{\"addresses\":[\"::1\"]},"
                    "{\"addresses\":[\"10.0.0.1:1\"]},{\"addresses\":[\"fe80::1%lo\"]},"
                    "{\"addresses\":[\"unix:/run/x\"]},"
                    "{\"addresses\":[\"10.0.0.1\"],\"conditions\":7,\"zone\":[]}")),
        K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.1:80");
    assert_int_equal(event("ADDED",
                           "{\"metadata\":{\"name\":\"b\"},\"addressType\":\"FQDN\","
                           "\"endpoints\":[{\"addresses\":[\"10.0.0.2\"]}]}"),
                     K8S_CHANGED);
    assert_string_equal(publish(), "10.0.0.1:80");
    stop();
}

static void
errors_say_whether_to_list_again(void **s)
{
    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(
        page("\"resourceVersion\":\"1\"", "[" SLICE("a", "1", EP("10.0.0.1", "")) "]"),
        K8S_CHANGED);
    assert_int_equal(event("ERROR",
                           "{\"code\":500,\"reason\":\"InternalError\",\"message\":"
                           "\"etcd is away\"}"),
                     K8S_BAD);
    assert_non_null(strstr(said(), "500 InternalError etcd is away"));
    assert_string_equal(k8s_state_version(state), "1");
    assert_int_equal(event("ADDED", "7"), K8S_BAD);
    assert_int_equal(event("ADDED", "{\"metadata\":{}}"), K8S_BAD);
    assert_int_equal(k8s_state_event(state, "{\"type\":", 8, &why), K8S_BAD);
    assert_int_equal(event("ERROR", "{\"code\":410}"), K8S_EXPIRED);
    assert_string_equal(k8s_state_version(state), "");
    assert_int_equal(event("ERROR", "{\"reason\":\"Expired\"}"), K8S_EXPIRED);
    assert_string_equal(publish(), "10.0.0.1:80");
    stop();
}

/* More than we hold is refused; what is held is the list up to its cap. */
static void
a_huge_service_is_bounded(void **s)
{
    struct strbuf eps;
    char meta[64];

    (void)s;
    start("k8s:///app.shop:80");
    assert_int_equal(page("\"resourceVersion\":\"1\"", "[]"), K8S_CHANGED);
    for (unsigned i = 0; i < 21; i++) {
        enum k8s_result rv;

        strbuf_init(&eps, K8S_OBJECT_MAX);
        snprintf(meta, sizeof(meta), "\"name\":\"s%02u\",\"resourceVersion\":\"2\"", i);
        strbuf_printf(&eps, "{\"metadata\":{%s},\"addressType\":\"IPv4\",\"endpoints\":[",
                      meta);
        for (unsigned k = 0; k < 1000; k++)
            strbuf_printf(&eps, "%s" EP("10.%u.%u.%u", ""), k ? "," : "", i, k / 250,
                          k % 250);
        strbuf_puts(&eps, "]}");
        rv = event("ADDED", eps.s);
        assert_int_equal(rv, i < 20 ? K8S_CHANGED : K8S_BAD);
        strbuf_done(&eps);
    }
    assert_non_null(strstr(said(), "more than 20000 endpoints"));
    {
        const struct resolved *v;

        assert_int_equal(k8s_state_publish(state, &v, &why), RESOLVE_ENDPOINTS_MAX);
    }
    stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_merged_and_without_doubles),
        cmocka_unit_test(pages_replace_the_old_list_only_when_all_are_there),
        cmocka_unit_test(answers_that_are_no_list_are_refused),
        cmocka_unit_test(an_empty_list_says_what_to_look_at),
        cmocka_unit_test(events_change_what_they_name),
        cmocka_unit_test(draining_endpoints_are_used_only_when_nothing_is_ready),
        cmocka_unit_test(zones_and_hints_are_kept),
        cmocka_unit_test(ports_are_found_by_name_in_each_slice),
        cmocka_unit_test(what_cannot_be_an_endpoint_is_left_out),
        cmocka_unit_test(errors_say_whether_to_list_again),
        cmocka_unit_test(a_huge_service_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
