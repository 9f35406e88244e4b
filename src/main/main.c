/* SPDX-License-Identifier: Apache-2.0 */
/* main/main.c - the program. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "main/config.h"
#include "main/demo.h"
#include "main/options.h"
#include "main/process.h"

enum { PROBLEMS_MAX = 1 << 20 };

static void
main_tell_problems(struct strbuf *problems)
{
    if (problems->len > 0)
        fputs(problems->s, stderr);
    strbuf_done(problems);
}

/* Runs the proxy until a drain ended. */
static int
main_serve(const struct options *o)
{
    struct conf_snapshot *snapshot = NULL;
    const struct config *conf;
    struct strbuf problems;
    struct process *p;
    int rv;

    strbuf_init(&problems, PROBLEMS_MAX);
    rv = options_load(o, &problems, &snapshot);
    main_tell_problems(&problems);
    if (rv != 0)
        return EXIT_BAD_CONFIG;
    conf = conf_root(snapshot);
    log_setup((enum log_level)conf->log.level, (enum log_format)conf->log.format);
    p = process_start(conf, conf_is_given(snapshot, "admin.listen"));
    rv = p ? process_run(p) : EXIT_FAILURE;
    conf_drop(snapshot);
    return rv;
}

int
main(int argc, char **argv)
{
    struct strbuf problems;
    struct options options;
    int rv;

    strbuf_init(&problems, PROBLEMS_MAX);
    rv = options_parse(&options, argc, argv, &problems);
    main_tell_problems(&problems);
    if (rv != 0)
        return EXIT_BAD_USAGE;
    rv = options_run_query(&options);
    if (rv >= 0)
        return rv;
    return options.mode == OPTIONS_DEMO ? demo_run(&options) : main_serve(&options);
}
