/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a config file. It loads, or somebody is told why in text that
 * a terminal can show; and what loads is printed so that it loads to the same again. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "filter/filter_conf.h"
#include "fuzz.h"
#include "main/config.h"
#include "proxy/listener_conf.h"
#include "roundtrip.h"
#include "upstream/pool_conf.h"

enum { TEXT_MAX = 8 * 1024 * 1024 };

static void
check_route(const struct route_conf *r)
{
    const struct to_conf *to = r->to.items;
    uint64_t sum = 0;

    FUZZ_CHECK((r->to.n == 0) == r->status.on);
    for (size_t i = 0; i < r->to.n; i++) {
        FUZZ_CHECK(to[i].pool);
        sum += to[i].weight;
    }
    FUZZ_CHECK(r->to.n == 0 || (sum > 0 && sum <= UINT32_MAX));
    FUZZ_CHECK(!r->status.on || status_conf_code(r->status.code) > 0);
    FUZZ_CHECK(!r->mirror.on || r->mirror.to.pool);
}

/* What filters_pick takes for granted. */
static void
check_filters(const struct conf_list *filters)
{
    const struct filter_item *f = filters->items;

    for (size_t i = 0; i < filters->n; i++)
        FUZZ_CHECK(f[i].name && filter_item_kind(&f[i]) && f[i].off == !f[i].settings);
}

/* What the rest of the program takes for granted. */
static void
check_config(const struct config *c)
{
    const struct listener_conf *l = c->listeners.items;
    const struct pool_conf *p = c->pools.items;

    FUZZ_CHECK(c->version == 1 && c->admin.listen);
    FUZZ_CHECK(c->listeners.n > 0 && c->pools.n > 0);
    for (size_t i = 0; i < c->listeners.n; i++) {
        const struct route_conf *r = l[i].routes.items;

        FUZZ_CHECK(l[i].name && l[i].listen && l[i].routes.n > 0);
        check_filters(&l[i].filters);
        for (size_t k = 0; k < l[i].routes.n; k++) {
            struct filter_picks *picks = filters_pick(&l[i].filters, &r[k].filters);

            check_route(&r[k]);
            check_filters(&r[k].filters);
            for (size_t x = 0; x < picks->n; x++)
                FUZZ_CHECK(picks->v[x].name && picks->v[x].settings);
            filter_picks_free(picks);
        }
    }
    for (size_t i = 0; i < c->pools.n; i++) {
        const struct endpoint_conf *e = p[i].endpoints.items;

        FUZZ_CHECK(p[i].name && p[i].balance.policy && p[i].endpoints.n > 0);
        for (size_t k = 0; k < p[i].endpoints.n; k++)
            FUZZ_CHECK(e[k].target);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct conf_snapshot *snapshot = NULL;
    struct strbuf problems;
    int rc;

    strbuf_init(&problems, TEXT_MAX);
    rc = conf_load_text(&config_struct, "fuzz.json", (const char *)bytes, n, &problems,
                        &snapshot);
    FUZZ_CHECK((rc == 0) == (snapshot != NULL));
    FUZZ_CHECK(rc == 0 || problems.len > 0);
    for (size_t i = 0; i < problems.len; i++) {
        unsigned char c = (unsigned char)problems.s[i];

        FUZZ_CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
    }
    if (snapshot) {
        check_config(conf_root(snapshot));
        check_round_trip(snapshot);
    }
    conf_drop(snapshot);
    strbuf_done(&problems);
    return 0;
}
