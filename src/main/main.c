/* SPDX-License-Identifier: Apache-2.0 */
/* main/main.c - the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "main/config.h"
#include "main/process.h"

int
main(int argc, char **argv)
{
    struct strbuf problems;
    struct conf_snapshot *snap = NULL;
    const struct config *conf;
    struct process *p;
    int rv;

    strbuf_init(&problems, 1 << 20);
    rv = conf_load_file(&config_struct, argc > 2 ? argv[2] : "-", &problems, &snap);
    if (problems.len)
        fputs(problems.s, stderr);
    strbuf_done(&problems);
    if (rv != ERR_OK)
        return 1;
    conf = conf_root(snap);
    log_setup(conf->log.level, conf->log.format);
    p = process_start(conf, false);
    if (!p)
        return 1;
    rv = process_run(p);
    conf_drop(snap);
    return rv;
}
