/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_int.h - what the files of the running process share: its parts, and how far its end has come. Main thread only. */
#ifndef OUTRIGGER_MAIN_PROCESS_INT_H
#define OUTRIGGER_MAIN_PROCESS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/probe.h"
#include "base/list.h"
#include "base/rand.h"
#include "filter/instance.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/drain.h"
#include "main/process.h"
#include "obs/stats.h"
#include "proxy/shared.h"

struct admin;
struct admin_rpc;
struct buf_pool;
struct conf_copy;
struct conf_snapshot;
struct control;
struct handover;
struct live;
struct live_pool;
struct metrics_page;
struct notify;
struct probing;
struct process_channelz;
struct reload;
struct h2_worker;
struct hub;
struct server;
struct signal_watch;
struct slab;
struct sockets;
struct tail_page;
struct takeover;
struct tls_store;
struct worker;

/* A pool of the current config, or one that only open calls still use. */
struct live_pool {
    struct list link; /* process->dead_pools */
    struct process *process;
    /* Of struct pool_conf: what the hub and the workers' pools were made with, and the newest; they differ in endpoints at most. */
    struct conf_copy *base, *now;
    struct hub *hub;
    unsigned slot;
    unsigned tables; /* targets of live tables that name the slot */
    bool wanted;     /* the current config has it */
    bool closing;
};

enum leave_step { LEAVE_STOPS, LEAVE_WAITS, LEAVE_ENDS, LEAVE_CUT, LEAVE_FORGETS };

/* A listener that was taken out of the config and has clients. */
struct live_server {
    struct list link; /* process->leaving */
    struct process *process;
    struct server *server;
    int64_t end_us; /* its calls are ended then */
    enum leave_step step;
};

struct process {
    struct conf_snapshot *snapshot; /* held */
    const struct config *conf;      /* its root */
    uint64_t version;               /* of conf: 1, 2, 3 ... */
    struct loop *loop;
    struct shared shared;
    struct worker **workers;
    size_t worker_count;
    /* The control plane's own HTTP/2: checks, Kubernetes. */
    struct slab *slab;
    struct buf_pool *bufs;
    struct h2_worker *h2;
    struct rng rng;
    struct tls_store *tls;
    struct filter_store filters;
    struct live_pool **slots; /* by slot; NULL: free */
    size_t slot_count, slot_hint;
    struct live_pool **by_name; /* the wanted ones, sorted */
    size_t by_name_count;
    struct list dead_pools; /* their configs go in the next turn */
    struct timer dead_timer;
    struct hub **hubs; /* of the current config's pools, in its order */
    size_t hub_count;
    struct server **servers; /* of the current config, in its order */
    size_t server_count;
    struct list leaving; /* live_server */
    struct timer leave_timer;
    struct list swaps; /* that workers have */
    bool started;      /* the workers run */
    bool ending;       /* they do not any more */
    struct stats main_stats;
    const struct stats **stats;
    struct metrics_page *metrics;
    struct admin *admin;
    struct admin_rpc *admin_rpc; /* gRPC there; freed behind h2 */
    struct control *control;     /* NULL: no admin port, as the next */
    struct process_channelz *channelz;
    struct tail_page *tail;
    struct live *live;       /* NULL: no admin port */
    struct probing *probing; /* NULL: no probe port */
    struct signal_watch *signals[4], *usr1;
    struct drain drain;
    struct timer mirror; /* mirror.c */
    struct notify *notify;
    struct sockets *inherited; /* until all listeners are open */
    struct takeover *takeover; /* until this process serves */
    struct handover
        *handover;         /* NULL: no upgrades, or another process replaced this one */
    struct reload *reload; /* NULL: the config cannot be loaded again */
};

/* process_drain.c */
void process_drain_init(struct process *p);
/* POST /drain, POST /undrain, GET /drain.json. */
void process_drain_pages(struct process *p);
/* A config became the current one: its new listeners share in an operator's drain. */
void process_drain_again(struct process *p);
/* True: new clients should be sent here. */
bool process_ready(const struct process *p);
/* The same of one of its listeners; outbound ones do not care for the application's state. */
bool process_server_ready(const struct process *p, const struct server *s);

/* process_watch.c: what all filters that watch calls share, counts, logs and traces. */
void process_watch_open(struct process *p);
/* log.access and tracing of a config that is taken. */
void process_watch_configure(struct process *p, const struct config *conf);
/* The admin port is open: /why. */
void process_watch_pages(struct process *p);
/* Before the workers go, and their counters with them: the last metrics are pushed. */
void process_watch_last(struct process *p);
/* After all filters; before the main thread's HTTP/2 goes. */
void process_watch_close(struct process *p);

/* process_probe.c: what the probe port (admin/probe.h) says. */
/* Opens it, if the config has one. False: the start must end; it was logged. */
bool process_probe_open(struct process *p);
/* What the probe port says, or would say if there were one; but without it nobody looks whether a worker hangs. As good of probe_ops. */
bool process_probe_good(struct process *p, enum probe_what what, struct strbuf *why);
/* What /readyz says; true when there is no probe port. *ret_started: what /startupz says. A line for each reason why not, of the first that says no. */
bool process_probe_ready(struct process *p, struct strbuf *why, bool *ret_started);
/* The workers run: it answers from now on. */
void process_probe_start(struct process *p);
/* Something changed that it tells. */
void process_probe_tell(struct process *p);
/* Where it listens, as the config said at the start; "off": nowhere. */
const char *process_probe_listen(const struct process *p);
/* For a process that takes over; -1: none. */
int process_probe_fd(const struct process *p, bool *ret_owns_file);
/* That process answers from now on. */
void process_probe_leave(struct process *p);
void process_probe_close(struct process *p);
/* After the main thread's HTTP/2. */
void process_probe_free(struct process *p);

/* process_metrics.c: p->metrics, the page that any port may serve. blocks: how many p->stats has. After process_watch_open. */
void process_metrics_open(struct process *p, size_t blocks);
/* Adds that page as text 0.0.4; process: p. */
void process_metrics_text(void *process, struct strbuf *out);
void process_metrics_close(struct process *p);

/* process_upgrade.c */
/* Sockets from systemd and, when the config has upgrade.socket, from the running process. False: the start must end; it was logged. */
bool process_inherit(struct process *p);
/* For a listener or the admin port; -1: it must open its own. */
int process_take_socket(struct process *p, const char *listen, bool *ret_owns_file);
/* All listeners are open: what was left over is closed with a warning, and the upgrade socket is opened. False: as above. */
bool process_upgrade_open(struct process *p);
/* All listeners accept: the process before this one may go, the service manager is told. */
void process_upgrade_ready(struct process *p);

#endif
