/* SPDX-License-Identifier: Apache-2.0 */
/* main/main.c - the program: options, config, then the proxy, the demo, or the answer to a question. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "main/config.h"
#include "main/demo.h"
#include "main/options.h"
#include "main/process.h"

enum { PROBLEMS_MAX = 1024 * 1024 };

static void
main_print_problems(const struct strbuf *problems)
{
    if (problems->len)
        fputs(problems->s, stderr);
}

static int
main_load(void *arg, struct strbuf *problems, struct conf_snapshot **ret)
{
    return options_load(arg, problems, ret);
}

static int
main_proxy(const struct options *o, struct strbuf *problems)
{
    struct conf_snapshot *snapshot;
    const struct config *conf;
    struct process *p;
    bool admin_given;
    int rv;

    signal(SIGHUP,
           SIG_IGN); /* before reload watches it: the config is being read anyway */
    signal(SIGUSR1, SIG_IGN); /* no log file is open so far */
    rv = options_load(o, problems, &snapshot);
    main_print_problems(problems);
    if (rv != ERR_OK)
        return EXIT_BAD_CONFIG;
    conf = conf_root(snapshot);
    admin_given = o->admin || conf_is_given(snapshot, "admin");
    log_setup((enum log_level)conf->log.level, (enum log_format)conf->log.format);
    p = process_start(snapshot,
                      &(struct config_source){
                          .load = main_load, .arg = (void *)o, .file = o->config_file },
                      admin_given);
    conf_drop(snapshot); /* the process holds what it needs */
    rv = p ? process_run(p) : EXIT_FAILURE;
    return rv;
}

/* A standard stream that was closed at the start is not given to a socket or a pipe, where lines of the log would end. Reading finds nothing, writing
 * fails as it does on a closed one. */
static void
main_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct strbuf problems;
    int rv;

    main_standard_streams();
    strbuf_init(&problems, PROBLEMS_MAX);
    if (options_parse(&o, argc, argv, &problems) != ERR_OK) {
        main_print_problems(&problems);
        strbuf_done(&problems);
        return EXIT_BAD_USAGE;
    }
    rv = options_run_query(&o);
    if (rv < 0)
        rv = o.mode == OPTIONS_DEMO ? demo_run(&o) : main_proxy(&o, &problems);
    strbuf_done(&problems);
    return rv;
}
