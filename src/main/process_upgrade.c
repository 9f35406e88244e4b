/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_upgrade.c - sockets that come from before this process, and go on after it. */
#include <string.h>

#include "admin/admin.h"
#include "base/err.h"
#include "base/log.h"
#include "loop/loop.h"
#include "main/handover.h"
#include "main/notify.h"
#include "main/process_int.h"
#include "main/takeover.h"
#include "net/sockets.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"

/* --- before ------------------------------------------------------------------------- */

bool
process_inherit(struct process *p)
{
    const char *why = "", *path = p->conf->upgrade.socket;

    p->inherited = sockets_new();
    if (sockets_add_env(p->inherited, &why) < 0)
        log_at(NULL, LOG_WARN, "sockets of the service manager are not used",
               LS("why", why));
    if (!path)
        return true;
    if (takeover_begin(path, p->inherited, &p->takeover, &why) != ERR_OK) {
        log_at(NULL, LOG_ERROR, "the running process does not hand over its sockets",
               LS("upgrade.socket", path), LS("why", why));
        return false;
    }
    if (p->takeover)
        log_at(NULL, LOG_INFO, "upgrade: the sockets of the running process are here");
    return true;
}

int
process_take_socket(struct process *p, const char *listen, bool *ret_owns_file)
{
    struct addr at;
    const char *why = "";
    bool named = strncmp(listen, "fd:", 3) == 0;

    if (!p->inherited || (!named && addr_parse(listen, true, &at, &why) != ERR_OK))
        return -1;
    return sockets_take(p->inherited, listen, named ? NULL : &at, ret_owns_file);
}

static void
process_warn_of_unused(const struct process *p)
{
    const char *what;
    size_t at = 0;

    while ((what = sockets_left(p->inherited, &at)))
        log_at(NULL, LOG_WARN,
               "an inherited socket is closed: no listener of the config has its address",
               LS("socket", what));
}

/* --- after -------------------------------------------------------------------------- */

static const char *
upgrade_refuse(void *arg)
{
    const struct process *p = arg;

    if (p->drain.phase == DRAIN_STOPPING)
        return "the process is at its end; start anew in a moment";
    if (p->takeover)
        return "it is itself about to replace another process; try again in a moment";
    return NULL;
}

static size_t
upgrade_list(void *arg, struct handover_socket *to, size_t most)
{
    const struct process *p = arg;
    size_t n = 0;

    for (size_t i = 0; i < p->server_count && n < most; i++) {
        const struct server *s = p->servers[i];
        bool closed = s->front->conf->direction == LISTENER_OUTBOUND
                          ? p->drain.outbound_told
                          : p->drain.inbound_closed;

        if (closed)
            continue;
        to[n] = (struct handover_socket){ .text = s->front->conf->listen };
        to[n].fd = server_fd(s, &to[n].owns_file);
        n += to[n].fd >= 0;
    }
    if (p->admin && n < most) {
        to[n] = (struct handover_socket){ .text = p->conf->admin.listen };
        to[n].fd = admin_fd(p->admin, &to[n].owns_file);
        n += to[n].fd >= 0;
    }
    if (n < most) {
        to[n] = (struct handover_socket){ .text = process_probe_listen(p) };
        to[n].fd = process_probe_fd(p, &to[n].owns_file);
        n += to[n].fd >= 0;
    }
    return n;
}

static void
upgrade_leave(void *arg, long pid)
{
    struct process *p = arg;

    log_at(NULL, LOG_INFO, "upgrade: another process serves; this one drains and ends",
           LI("pid", pid));
    notify_mute(p->notify);
    admin_leave(p->admin);
    process_probe_leave(p);
    drain_replaced(&p->drain);
}

bool
process_upgrade_open(struct process *p)
{
    static const struct handover_ops ops = {
        .refuse = upgrade_refuse,
        .list = upgrade_list,
        .leave = upgrade_leave,
    };
    const char *why = "", *path = p->conf->upgrade.socket;
    bool good = true;

    if (path && handover_open(p->loop, path, p->inherited, &ops, p, &p->handover, &why) !=
                    ERR_OK) {
        log_at(NULL, LOG_ERROR, "cannot open the upgrade socket",
               LS("upgrade.socket", path), LS("why", why));
        good = false;
    }
    if (good)
        process_warn_of_unused(p);
    sockets_free(p->inherited);
    p->inherited = NULL;
    return good;
}

void
process_upgrade_ready(struct process *p)
{
    bool replaced = p->takeover != NULL;

    if (replaced) {
        const char *why = "";
        long pid = takeover_finish(p->takeover, &why);

        p->takeover = NULL;
        if (pid)
            log_at(NULL, LOG_INFO, "upgrade: the process before this one drains",
                   LI("pid", pid));
        else
            log_at(NULL, LOG_WARN,
                   "upgrade: the process before this one did not say that it leaves; end "
                   "it if it still runs",
                   LS("why", why));
    }
    if (p->handover)
        handover_start(p->handover);
    notify_ready(p->notify, replaced, "serving");
    notify_watch(p->notify, p->workers, p->worker_count);
}
