/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/oob.h - load reports of one backend out of band (gRFC A51): a connection of its own with one call of
 * xds.service.orca.v3.OpenRcaService/StreamCoreMetrics, made again after a loss with a growing pause. A backend that does not have the service is not
 * asked again. One worker's thread. */
#ifndef OUTRIGGER_UPSTREAM_OOB_H
#define OUTRIGGER_UPSTREAM_OOB_H

#include <stdint.h>

struct backend;
struct h2_worker;
struct lb_report;
struct oob;
struct pool_conf;
struct rng;
struct tls_keyring;

/* Each report, from the loop; may call oob_stop. */
typedef void oob_report_fn(void *arg, const struct lb_report *r);

/* Starts at once. conf and rng must outlive it; it holds the backend. */
struct oob *oob_new(struct h2_worker *w, struct backend *b, const struct pool_conf *conf,
                    struct tls_keyring *tls, const char *host, struct rng *rng,
                    oob_report_fn *on_report, void *arg);
/* No report comes any more; the memory goes at the end of the turn. NULL is fine. */
void oob_stop(struct oob *o);

#endif
