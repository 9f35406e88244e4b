/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as answers of a Kubernetes API server. The first byte cuts the rest
 * into pieces and says how it is read: as pages of a list (one per line), then as a watch. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "fuzz.h"
#include "resolve/k8s_lines.h"
#include "resolve/k8s_state.h"

enum { LINE_MAX_BYTES = 4096 };

static void
check_endpoints(struct k8s_state *s)
{
    const struct resolved *v;
    struct strbuf why;
    size_t n;

    strbuf_init(&why, 1024);
    n = k8s_state_publish(s, &v, &why);
    FUZZ_CHECK((n == 0) == (why.len > 0));
    for (size_t i = 0; i < n; i++) {
        char text[ADDR_TEXT_MAX];
        struct addr again;
        const char *bad;

        FUZZ_CHECK(v[i].weight == 1 && v[i].zone && v[i].label_count <= 1);
        FUZZ_CHECK(!addr_is_unix(&v[i].addr));
        FUZZ_CHECK(addr_parse(addr_print(&v[i].addr, text), false, &again, &bad) ==
                   ERR_OK);
        FUZZ_CHECK(i == 0 || !addr_equal(&v[i].addr, &v[i - 1].addr));
    }
    strbuf_done(&why);
}

static void
take_line(struct k8s_state *s, struct slice line, int as_list)
{
    char version[512];
    struct strbuf why;
    enum k8s_result rv;

    snprintf(version, sizeof(version), "%s", k8s_state_version(s));
    strbuf_init(&why, 1024);
    rv = as_list ? k8s_state_page(s, (const char *)line.p, line.n, &why)
                 : k8s_state_event(s, (const char *)line.p, line.n, &why);
    FUZZ_CHECK((rv == K8S_BAD) == (why.len > 0));
    FUZZ_CHECK(rv != K8S_MORE || (as_list && k8s_state_continue(s)[0] != '\0'));
    FUZZ_CHECK(rv != K8S_EXPIRED || k8s_state_version(s)[0] == '\0');
    FUZZ_CHECK(rv != K8S_BAD || strcmp(version, k8s_state_version(s)) == 0);
    if (rv == K8S_CHANGED)
        check_endpoints(s);
    strbuf_done(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct k8s_target by_name = { .service = "app", .port_name = "grpc" };
    const struct k8s_target by_number = { .service = "app", .port = 80 };
    size_t step = n > 0 ? (size_t)(bytes[0] >> 2) + 1 : 1;
    struct k8s_state *s = k8s_state_new(n > 0 && bytes[0] & 1 ? &by_number : &by_name);
    int as_list = n > 0 && bytes[0] & 2;
    struct k8s_lines lines;
    int rv = ERR_AGAIN;

    k8s_lines_init(&lines, LINE_MAX_BYTES);
    k8s_state_list_begin(s);
    for (size_t at = 1; at < n && rv == ERR_AGAIN; at += step) {
        struct slice line;

        rv = k8s_lines_feed(&lines, bytes + at, n - at < step ? n - at : step);
        FUZZ_CHECK(rv == ERR_OK);
        while ((rv = k8s_lines_next(&lines, &line)) == ERR_OK) {
            FUZZ_CHECK(line.n > 0 && line.n <= LINE_MAX_BYTES);
            FUZZ_CHECK(!memchr(line.p, '\n', line.n));
            take_line(s, line, as_list);
            if (as_list && k8s_state_version(s)[0] != '\0')
                as_list = 0; /* the list is whole: the watch begins */
        }
    }
    check_endpoints(s);
    k8s_lines_done(&lines);
    k8s_state_free(s);
    return 0;
}
