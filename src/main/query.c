/* SPDX-License-Identifier: Apache-2.0 */
/* main/query.c - the options that print something and end: nothing here starts a proxy. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/explain.h"
#include "conf/print.h"
#include "conf/schema.h"
#include "conf/snapshot.h"
#include "main/config.h"
#include "main/demo.h"
#include "main/libraries.h"
#include "main/manpage.h"
#include "main/options.h"
#include "proxy/listener_conf.h"

enum { OUTPUT_MAX = 16 * 1024 * 1024 };

static void
put_count(struct strbuf *out, const char *before, size_t n, const char *word)
{
    strbuf_printf(out, "%s%zu %s%s", before, n, word, n == 1 ? "" : "s");
}

static void
put_good(const struct options *o, const struct conf_snapshot *s, struct strbuf *out)
{
    const struct config *c = conf_root(s);
    const struct listener_conf *l = c->listeners.items;
    const char *name = o->config_file ? o->config_file : "the config";
    size_t routes = 0;

    for (size_t i = 0; i < c->listeners.n; i++)
        routes += l[i].routes.n;
    strbuf_printf(out, "%s is good: ", strcmp(name, "-") == 0 ? "<stdin>" : name);
    put_count(out, "", c->listeners.n, "listener");
    put_count(out, ", ", routes, "route");
    put_count(out, ", ", c->pools.n, "pool");
    strbuf_puts(out, "\n");
}

/* -t, and --print-config with a config. */
static int
query_config(const struct options *o, struct strbuf *out, struct strbuf *problems)
{
    struct conf_snapshot *s = NULL;

    if (options_load(o, options_want_json(o) ? out : problems, &s) != 0)
        return EXIT_BAD_CONFIG;
    if (o->mode == OPTIONS_CHECK && !options_want_json(o))
        put_good(o, s, out);
    else if (o->mode != OPTIONS_CHECK)
        conf_print(&config_struct, conf_root(s), out);
    conf_drop(s);
    return EXIT_GOOD;
}

static int
query_answer(const struct options *o, struct strbuf *out, struct strbuf *problems)
{
    switch (o->mode) {
    case OPTIONS_RUN:
    case OPTIONS_DEMO:
        break;
    case OPTIONS_CHECK:
        return query_config(o, out, problems);
    case OPTIONS_PRINT_CONFIG:
        if (o->demo)
            return demo_print_config(o, out, problems);
        if (o->config_file || o->listen)
            return query_config(o, out, problems);
        conf_print_template(&config_struct, out);
        return EXIT_GOOD;
    case OPTIONS_PRINT_SCHEMA:
        conf_print_schema(&config_struct, out);
        return EXIT_GOOD;
    case OPTIONS_PRINT_MAN:
        manpage_print(out);
        return EXIT_GOOD;
    case OPTIONS_EXPLAIN:
        if (conf_explain(&config_struct, o->explain, out) == 0)
            return EXIT_GOOD;
        strbuf_add(problems, out->s, out->len);
        strbuf_done(out);
        return EXIT_BAD_USAGE;
    case OPTIONS_VERSIONS:
    case OPTIONS_VERSION:
        strbuf_puts(out, PACKAGE_NAME " " PACKAGE_VERSION "\n");
        if (o->mode == OPTIONS_VERSIONS)
            libraries_print(out);
        return EXIT_GOOD;
    case OPTIONS_HELP:
        options_help(out);
        return EXIT_GOOD;
    }
    return -1;
}

int
options_run_query(const struct options *o)
{
    struct strbuf out, problems;
    int code;

    if (o->mode == OPTIONS_RUN || o->mode == OPTIONS_DEMO)
        return -1;
    strbuf_init(&out, OUTPUT_MAX);
    strbuf_init(&problems, OUTPUT_MAX);
    code = query_answer(o, &out, &problems);
    if (problems.len > 0)
        fputs(problems.s, stderr);
    if (out.len > 0 && (fputs(out.s, stdout) == EOF || fflush(stdout) == EOF)) {
        fputs("outrigger: the output could not be written\n", stderr);
        code = EXIT_BAD_CONFIG;
    }
    strbuf_done(&out);
    strbuf_done(&problems);
    return code;
}
