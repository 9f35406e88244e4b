/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health.c - the command: what it was asked for, whom it means, and what it says in the end. The call itself is ctl_health_probe.c. */
#include "main/ctl_health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "main/ctl_health_probe.h"
#include "main/ctl_table.h"
#include "main/ctl_text.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

enum { TEXT_MAX = 16 * 1024 };

static const struct conf_field resolve_fields[] = {
    { .key = "dns",
      .type = CONF_OBJECT,
      .at = offsetof(struct resolve_conf, dns),
      .sub = &dns_conf_struct,
      .help = "As in a pool." },
    { .key = "k8s",
      .type = CONF_OBJECT,
      .at = offsetof(struct resolve_conf, k8s),
      .sub = &k8s_conf_struct,
      .help = "As in a pool." },
    { .key = NULL },
};

static const struct conf_struct resolve_struct = {
    .name = "health",
    .size = sizeof(struct resolve_conf),
    .fields = resolve_fields,
};

/* ":9902" is this host, as in Go. */
static int
health_target(struct health_probe *h, const char **ret_why)
{
    static const char as_is[] = "passthrough:///"; /* as gRPC calls what is no name */
    const char *addr = h->args->addr, *host;
    size_t n;

    if (strncmp(addr, as_is, sizeof(as_is) - 1) == 0)
        addr += sizeof(as_is) - 1;
    host = strstr(addr, ":///");
    *ret_why = "it is too long";
    if (snprintf(h->target, sizeof(h->target), "%s%s", addr[0] == ':' ? "127.0.0.1" : "",
                 addr) >= (int)sizeof(h->target))
        return ERR_SYNTAX;
    /* Whom a certificate must be for: what stands before the port. */
    host = host ? host + 4 : h->target;
    n = strlen(host);
    while (n > 0 && host[n - 1] != ':')
        n--;
    n -= n > 0;
    if (n > 1 && host[0] == '[' && host[n - 1] == ']')
        snprintf(h->host, sizeof(h->host), "%.*s", (int)(n - 2), host + 1);
    else
        snprintf(h->host, sizeof(h->host), "%.*s", (int)n, host);
    return resolver_check(h->target, ret_why);
}

static int
health_fail(const char *what, const char *why)
{
    fprintf(stderr, "outriggerctl health: %s%s\n", what, why);
    return HEALTH_EXIT_USAGE;
}

static int
health_print_help(void)
{
    struct strbuf out;

    strbuf_init(&out, TEXT_MAX);
    ctl_text_command(ctl_command_find("health"), &out);
    fputs(out.s, stdout);
    strbuf_done(&out);
    return EXIT_SUCCESS;
}

int
ctl_health(int argc, char **argv)
{
    struct health_args args;
    struct health_probe h = { .args = &args, .exit = -1 };
    const char *why_target = "";
    struct strbuf why;
    int rv;

    strbuf_init(&why, TEXT_MAX);
    rv = health_args_parse(&args, argc, argv, &why);
    if (rv != ERR_OK)
        (void)health_fail(why.s, "");
    strbuf_done(&why);
    if (rv != ERR_OK)
        return HEALTH_EXIT_USAGE;
    if (args.help)
        return health_print_help();
    if (args.version) {
        puts("outriggerctl " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (health_target(&h, &why_target) != ERR_OK)
        return health_fail("-addr: ", why_target);
    strbuf_init(&why, TEXT_MAX);
    if (conf_load_text(&resolve_struct, "defaults", "{}", 2, &why, &h.conf) != ERR_OK)
        rv = health_fail("", why.s);
    strbuf_done(&why);
    if (rv != ERR_OK)
        return rv;
    atomic_store(&log_level_now, -1); /* nothing is logged: our sentence says it all */
    health_probe_run(&h);
    if (h.exit == HEALTH_EXIT_SERVING)
        puts(h.said);
    else
        fprintf(stderr, "outriggerctl health: %s\n", h.said);
    return h.exit;
}
