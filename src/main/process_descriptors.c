/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_descriptors.c */
#include "main/process_descriptors.h"

#include "admin/descriptors.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "main/config.h"
#include "main/process_int.h"

enum { WHY_MAX = 2048 };

void
process_descriptors_read(struct process *p)
{
    const char *path = p->conf->admin.descriptors;
    struct descriptors *d = NULL;
    struct strbuf why;

    if (!p->admin)
        return;
    strbuf_init(&why, WHY_MAX);
    if (path && descriptors_load(path, &d, &why) != ERR_OK)
        log_at(NULL, LOG_WARN,
               "admin.descriptors cannot be read, what it said before stays",
               LS("why", why.s));
    else
        admin_set_descriptors(p->admin, d);
    strbuf_done(&why);
}
