/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_conf.c - the rows of a pool's "dns". */
#include "resolve/dns_conf.h"

#include "base/err.h"
#include "conf/check.h"
#include "net/cidr.h"
#include "resolve/dns_target.h"

#define MINUTE_MS 60000LL
#define DAY_MS    (1440 * MINUTE_MS)

static int
server_valid(const char *text, const char **ret_why)
{
    struct addr a;

    return dns_server_parse(text, &a, ret_why);
}

static int
cidr_valid(const char *text, const char **ret_why)
{
    struct cidr c;

    return cidr_parse(text, &c, ret_why);
}

static const struct conf_field server_fields[] = {
    { .key = "address",
      .type = CONF_STRING,
      .at = offsetof(struct resolve_text, text),
      .required = true,
      .valid = server_valid,
      .code = "E0233",
      .example = "\"10.96.0.10\"",
      .help =
          "A name server: an address, with a port when it is not 53. A bare string in "
          "servers means the same." },
    { .key = NULL },
};

static const struct conf_struct server_struct = {
    .name = "name server",
    .size = sizeof(struct resolve_text),
    .fields = server_fields,
    .short_key = "address",
};

static const struct conf_field cidr_fields[] = {
    { .key = "cidr",
      .type = CONF_STRING,
      .at = offsetof(struct resolve_text, text),
      .required = true,
      .valid = cidr_valid,
      .code = "E0234",
      .example = "\"10.0.0.0/8\"",
      .help = "A range of addresses as address/bits. A bare string in allowedCidrs means "
              "the same." },
    { .key = NULL },
};

static const struct conf_struct cidr_struct = {
    .name = "address range",
    .size = sizeof(struct resolve_text),
    .fields = cidr_fields,
    .short_key = "cidr",
};

static const char *const family_words[] = { "all", "v4", "v6", NULL };
static const char *const on_failure_words[] = { "keepLast", "fail", NULL };

/* Below 1s no key goes: one question per second and name is the most that a name server
 * gets from us. */
static const struct conf_field resolve_fields[] = {
    { .key = "minTtl",
      .type = CONF_DURATION,
      .at = offsetof(struct dns_conf, min_ttl_ms),
      .def = "1s",
      .min = 1000,
      .max = DAY_MS,
      .example = "\"2s\"",
      .help = "A name is asked again after its TTL, but not before this." },
    { .key = "maxTtl",
      .type = CONF_DURATION,
      .at = offsetof(struct dns_conf, max_ttl_ms),
      .def = "30s",
      .min = 1000,
      .max = DAY_MS,
      .example = "\"1m\"",
      .help = "A name is asked again after this, even when its TTL is longer. At least "
              "minTtl." },
    { .key = "respectTtl",
      .type = CONF_BOOL,
      .at = offsetof(struct dns_conf, respect_ttl),
      .def = "true",
      .example = "false",
      .help = "Whether the TTL of an answer says when to ask again. Without it refresh "
              "does." },
    { .key = "refresh",
      .type = CONF_DURATION,
      .at = offsetof(struct dns_conf, refresh_ms),
      .def = "5s",
      .min = 1000,
      .max = DAY_MS,
      .example = "\"10s\"",
      .help =
          "Wait between two questions when there is no TTL: respectTtl is false, or "
          "the name stands in the hosts file. After failures the wait grows from 1s up "
          "to 10 times this." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct dns_conf, timeout_ms),
      .def = "5s",
      .min = 10,
      .max = 10 * MINUTE_MS,
      .example = "\"2s\"",
      .help = "Wait for the answer of one name server before the next one is asked." },
    { .key = "tries",
      .type = CONF_UINT,
      .at = offsetof(struct dns_conf, tries),
      .def = "4",
      .min = 1,
      .max = 100,
      .example = "2",
      .help =
          "How often all name servers are asked before a question counts as failed." },
    { .key = "family",
      .type = CONF_ENUM,
      .at = offsetof(struct dns_conf, family),
      .def = "all",
      .words = family_words,
      .example = "\"v4\"",
      .help =
          "Which addresses of a name are used: all, only IPv4 (v4) or only IPv6 (v6)." },
    { .key = "servers",
      .type = CONF_LIST,
      .at = offsetof(struct dns_conf, servers),
      .max = 8,
      .sub = &server_struct,
      .example = "[\"10.96.0.10\", \"127.0.0.1:5353\"]",
      .help =
          "Name servers to ask instead of those of the system's resolv.conf. The hosts "
          "file is not read then." },
    { .key = "allowedCidrs",
      .type = CONF_LIST,
      .at = offsetof(struct dns_conf, allowed_cidrs),
      .max = 256,
      .sub = &cidr_struct,
      .example = "[\"10.0.0.0/8\", \"fd00::/8\"]",
      .help =
          "Answers may have addresses of these ranges only; others are left out with a "
          "warning. Protects from answers that point at this host or at a cloud's "
          "metadata service." },
    { .key = "onFailure",
      .type = CONF_ENUM,
      .at = offsetof(struct dns_conf, on_failure),
      .def = "keepLast",
      .words = on_failure_words,
      .example = "\"fail\"",
      .help =
          "What a pool does when its names cannot be resolved any more: keepLast goes "
          "on with the addresses it has (health checks sort out those that are gone), "
          "fail ends calls with UNAVAILABLE until there is an answer." },
    { .key = "staleTime",
      .type = CONF_DURATION,
      .at = offsetof(struct dns_conf, stale_ms),
      .def = "10m",
      .min = 1000,
      .max = 30 * DAY_MS,
      .example = "\"1h\"",
      .help =
          "After so long without an answer a warning says that the addresses are old. "
          "When only some of the questions for a name are answered (only IPv4, or only "
          "some SRV targets), the addresses of the others are dropped then." },
    { .key = NULL },
};

static void
resolve_check(void *obj, struct conf_place *place)
{
    const struct dns_conf *c = obj;

    conf_check_at_least(place, CONF_DURATION, "maxTtl", c->max_ttl_ms, "minTtl",
                        c->min_ttl_ms);
}

const struct conf_struct dns_conf_struct = {
    .name = "dns",
    .size = sizeof(struct dns_conf),
    .fields = resolve_fields,
    .check = resolve_check,
};
