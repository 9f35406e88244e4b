/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo.h - `outrigger --demo`: backends, proxy and load in one process, on loopback
 * only. Main thread. */
#ifndef OUTRIGGER_MAIN_DEMO_H
#define OUTRIGGER_MAIN_DEMO_H

struct options;
struct strbuf;

/* Runs it all and tells on stdout what runs where; the proxy in it logs to stderr as
 * always. Of the options it takes listen (default: 127.0.0.1:8080 or the next free port),
 * admin (default: 127.0.0.1:9901 or the next free port), workers, log_level and
 * demo_for_ms. Returns the exit code of the process: 0 after a clean end, 1 when
 * something could not start, 2 for an address that is not on this machine. */
int demo_run(const struct options *o);

/* Adds the config of such a run with all defaults. The ports of the backends are free ones and
 * are others in each run. As demo_run; reasons go to problems or stderr. */
int
demo_print_config(const struct options *o, struct strbuf *out, struct strbuf *problems);

#endif
