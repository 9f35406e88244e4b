/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/ctlstats.h - an answer of /stats.json, and small changes of it. */
#ifndef OUTRIGGER_TESTS_CTLSTATS_H
#define OUTRIGGER_TESTS_CTLSTATS_H

#include <string.h>

#include "base/strbuf.h"
#include "conf/json.h"

/* A pool that is whole, one with a bad endpoint; two methods. Keys that top and status do
 * not look at are left out. */
static const char ctlstats_text[] =
    "{ \"version\": 1, \"process\": { \"version\": \"0.1.0\", \"pid\": 7, \"node\": "
    "\"orders-7c9f\", \"service\": \"\", \"state\": \"ready\", \"stateWhy\": \"\", "
    "\"uptimeMs\": 273600000, \"workers\": 2, \"config\": { \"hash\": \"5f2a91c0\", "
    "\"ageMs\": 720000, \"source\": \"/etc/outrigger.json\" }, \"reload\": { \"ok\": "
    "true, "
    "\"error\": \"\", \"ageMs\": 720000 }, \"drain\": null },\n"
    "\"now\": { \"callsPerS\": 2140.2, \"okShare\": 0.99939, \"p50Ms\": 1.1, \"p95Ms\": "
    "3.8, "
    "\"p99Ms\": 9.2, \"inFlight\": 37, \"connectionsIn\": 41, \"connectionsOut\": 12, "
    "\"retriesPerS\": 0.4, \"limitedPerS\": 0.0, \"deniedPerS\": 0.0, \"cpuShare\": "
    "0.071, "
    "\"rssBytes\": 18874368, \"loopLagMs\": 0.3, \"line\": [1, 2] },\n"
    "\"pools\": [ { \"name\": \"app\", \"state\": \"all 1 endpoints are usable\", "
    "\"usable\": "
    "1, \"total\": 1, \"panic\": false, \"callsPerS\": 1410, \"okShare\": 1.0, "
    "\"p50Ms\": "
    "0.9, \"p95Ms\": 2.1, \"p99Ms\": 4, \"inFlight\": 12, \"inFlightLimit\": 1000, "
    "\"pending\": 0, \"retriesPerS\": 0, \"line\": [0, 0, 0, 0, 0, 9, 10, 11, 10, 10], "
    "\"endpoints\": [ { "
    "\"address\": \"10.2.0.9:50051\", \"state\": \"ready\", \"usable\": true, "
    "\"sinceMs\": "
    "null, \"why\": \"\", \"weight\": 1, \"zone\": \"a\", \"labels\": {}, "
    "\"connections\": 2, "
    "\"inFlight\": 12, \"callsPerS\": 1410, \"failuresPerS\": 0.0 } ] },\n"
    "{ \"name\": \"stock\", \"state\": \"1 of 2 endpoints are usable\", \"usable\": 1, "
    "\"total\": 2, \"panic\": false, \"callsPerS\": 730, \"okShare\": 0.998, \"p50Ms\": "
    "1.6, "
    "\"p95Ms\": 5.2, \"p99Ms\": 14.1, \"inFlight\": 25, \"inFlightLimit\": null, "
    "\"pending\": 3, \"retriesPerS\": 0.4, \"line\": [7, 7, 7], \"endpoints\": [ { "
    "\"address\": \"10.2.0.13:50051\", \"state\": \"ready\", \"usable\": true, "
    "\"sinceMs\": "
    "null, \"why\": \"\", \"weight\": 1, \"zone\": \"\", \"labels\": {}, "
    "\"connections\": 1, "
    "\"inFlight\": 25, \"callsPerS\": 730, \"failuresPerS\": 1.4 }, { \"address\": "
    "\"10.2.0.14:50051\", \"state\": \"unhealthy\", \"usable\": false, \"sinceMs\": "
    "42000, "
    "\"why\": \"connection refused (3 of 3)\", \"weight\": 1, \"zone\": \"\", "
    "\"labels\": { "
    "\"version\": \"v2\" }, \"connections\": 0, \"inFlight\": 0, \"callsPerS\": 0, "
    "\"failuresPerS\": null } ] } ],\n"
    "\"methods\": [ { \"method\": \"/shop.Cart/Get\", \"callsPerS\": 2000, \"okShare\": "
    "1.0, "
    "\"p50Ms\": 1, \"p99Ms\": 4 }, { \"method\": \"/shop.Cart/Put\", \"callsPerS\": "
    "140.2, "
    "\"okShare\": 0.99, \"p50Ms\": 3, \"p99Ms\": 120.4 } ] }\n";

/* The tree with the first `from` replaced; from NULL: as it is. To be given to jtree_free. */
static inline struct json_t *
ctlstats_tree(const char *from, const char *to)
{
    const char *at = from ? strstr(ctlstats_text, from) : NULL;
    struct jtree_fault fault;
    struct json_t *tree;
    struct strbuf text;

    assert_true(!from || at);
    strbuf_init(&text, 65536);
    strbuf_add(&text, ctlstats_text, at ? (size_t)(at - ctlstats_text) : 0);
    strbuf_puts(&text, at ? to : "");
    strbuf_puts(&text, at ? at + strlen(from) : ctlstats_text);
    tree = jtree_read(text.s, text.len, &fault);
    if (!tree)
        fail_msg("%s", fault.why);
    strbuf_done(&text);
    return tree;
}

#endif
