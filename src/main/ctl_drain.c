/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_drain.c - takes a proxy out of service and waits until nobody is there. */
#include "main/ctl_drain.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_http.h"

enum { PAGE_MAX = 64 * 1024 };
static const int64_t LOOK_US = 250 * 1000;
static const int64_t MARGIN_MS = 1000; /* the process looks around itself */

/* A number of /drain.json, which is flat and made by us. -1: it is not there. */
static long long
page_number(const char *page, const char *key)
{
    const char *at = strstr(page, key);

    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

struct state {
    bool told; /* clients were told to go */
    long long inbound, timeout_ms;
};

static int
state_get(const struct addr *to, struct state *ret, const char **ret_why)
{
    struct strbuf page;
    int rv;

    strbuf_init(&page, PAGE_MAX);
    rv = ctl_http_get(to, "/drain.json", &page, ret_why);
    if (rv == ERR_OK) {
        const char *s = page.s ? page.s : "";

        ret->told = strstr(s, "\"state\":\"goaway\"") != NULL;
        ret->inbound = page_number(s, "\"inbound_connections\":");
        ret->timeout_ms = page_number(s, "\"timeout_ms\":");
        *ret_why = "its page /drain.json cannot be read; is it another version?";
        if (ret->inbound < 0 || ret->timeout_ms < 0)
            rv = ERR_SYNTAX;
    }
    strbuf_done(&page);
    return rv;
}

int
ctl_drain_wait(const struct addr *to, struct strbuf *out, bool *ret_done,
               const char **ret_why)
{
    int64_t begin = clock_real.now_us(clock_real.arg);
    struct state now;

    for (;;) {
        int rv = state_get(to, &now, ret_why);

        if (rv == ERR_CONNECT || rv == ERR_CONN_LOST) {
            strbuf_puts(out, "the process has ended\n");
            return ERR_OK;
        }
        if (rv != ERR_OK)
            return rv;
        if (now.told && now.inbound == 0) {
            strbuf_puts(out, "drained: no inbound connection is left\n");
            return ERR_OK;
        }
        if ((clock_real.now_us(clock_real.arg) - begin) / 1000 >
            now.timeout_ms + MARGIN_MS) {
            strbuf_printf(out,
                          "drain.delay and drain.timeout are over: %lld inbound "
                          "connections are left\n",
                          now.inbound);
            *ret_done = false;
            return ERR_OK;
        }
        ctl_http_wait(LOOK_US);
    }
}
