/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_probe.c - rows of the probe port, and the check of the pools that it names. */
#include "main/config_probe.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "conf/near.h"
#include "net/addr.h"
#include "upstream/pool_conf.h"

enum { HINT_MAX = 1024, PATH_MAX_BYTES = 64, HOUR_MS = 3600000 };

static int
listen_valid(const char *text, const char **ret_why)
{
    struct addr addr;

    *ret_why = "write \":9902\", \"127.0.0.1:9902\", \"unix:/path\" or \"off\"";
    if (strcmp(text, "off") == 0)
        return ERR_OK;
    return text[0] == '\0' ? ERR_SYNTAX : addr_parse(text, true, &addr, ret_why);
}

static const struct conf_field pool_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct probe_pool_conf, name),
      .required = true,
      .hide = CONF_SHOW,
      .example = "\"app\"",
      .help = "Name of a pool of this file. A bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct pool_struct = {
    .name = "pool of readyWhen",
    .size = sizeof(struct probe_pool_conf),
    .fields = pool_fields,
    .short_key = "name",
};

static const struct conf_field ready_fields[] = {
    { .key = "pools",
      .type = CONF_LIST,
      .at = offsetof(struct ready_when_conf, pools),
      .sub = &pool_struct,
      .max = 64,
      .one_ok = true,
      .example = "[\"app\"]",
      .help = "Pools that must have a usable endpoint each. Without a healthCheck every "
              "endpoint that is known counts as usable until its calls fail." },
    { .key = NULL },
};

static const struct conf_struct ready_struct = {
    .name = "readyWhen",
    .size = sizeof(struct ready_when_conf),
    .fields = ready_fields,
};

static const struct conf_field probe_fields[] = {
    { .key = "listen",
      .type = CONF_STRING,
      .at = offsetof(struct probe_conf, listen),
      .def = "off",
      .valid = listen_valid,
      .code = "E0204",
      .example = "\":9902\"",
      .help = "Address of /livez, /readyz, /startupz and /metrics over HTTP/1.1, and of "
              "grpc.health.v1 over HTTP/2, all on this one port and without TLS; \"off\" "
              "for none. Whoever reaches it can ask, and change nothing. Read at start "
              "only. A bare string in \"probe\" means the same." },
    { .key = "readyWhen",
      .type = CONF_OBJECT,
      .at = offsetof(struct probe_conf, ready_when),
      .sub = &ready_struct,
      .example = "{ \"pools\": [\"app\"] }",
      .help = "What must be besides: every listener is open, the workers turn, nothing "
              "drains." },
    { .key = "stallTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct probe_conf, stall_timeout_ms),
      .def = "10s",
      .min = 2000,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "A worker whose loop does not turn for so long makes /livez fail: the "
              "process should be restarted." },
    { .key = "metrics",
      .type = CONF_BOOL,
      .at = offsetof(struct probe_conf, metrics),
      .def = "true",
      .example = "false",
      .help = "Whether this port has /metrics, too." },
    { .key = NULL },
};

const struct conf_struct probe_conf_struct = {
    .name = "probe",
    .size = sizeof(struct probe_conf),
    .fields = probe_fields,
    .short_key = "listen",
};

static bool
has_pool(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!names[i] || strcmp(names[i], name) == 0)
            return true; /* a pool whose name is missing may be meant */
    }
    return false;
}

void
config_check_probe(const struct probe_conf *probe, const struct conf_list *pools,
                   struct conf_place *place)
{
    const struct probe_pool_conf *wanted = probe->ready_when.pools.items;
    const struct pool_conf *p = pools->items;
    const char **names = xcalloc(pools->n + 1, sizeof(*names));

    for (size_t i = 0; i < pools->n; i++)
        names[i] = p[i].name;
    for (size_t i = 0; i < probe->ready_when.pools.n; i++) {
        char path[PATH_MAX_BYTES];
        struct strbuf hint;

        if (!wanted[i].name || has_pool(names, pools->n, wanted[i].name))
            continue;
        snprintf(path, sizeof(path), "probe.readyWhen.pools[%zu]", i);
        strbuf_init(&hint, HINT_MAX);
        near_suggest(&hint, wanted[i].name, names, pools->n, "the pools are");
        conf_problem(place, path, "E0295", "there is no pool \"%s\"%s", wanted[i].name,
                     hint.s ? hint.s : "");
        strbuf_done(&hint);
    }
    xfree(names);
}
