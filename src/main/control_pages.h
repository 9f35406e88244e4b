/* SPDX-License-Identifier: Apache-2.0 */
/* main/control_pages.h - pages of the admin port about the process as a whole:
 *   GET  /config                           the config in force with all defaults, as --print-config has it, without secrets
 *   GET  /log-level                        the level, and until when
 *   POST /log-level?level=debug&for=5m     another level; it goes back by itself, or with the next reload
 *   GET  /livez /readyz /startupz          as on the probe port (admin/probe.h), also when there is none
 *   GET  /ready /server_info /listeners, POST /quitquitquit    as scripts that know Envoy expect them
 * Main thread. */
#ifndef OUTRIGGER_MAIN_CONTROL_PAGES_H
#define OUTRIGGER_MAIN_CONTROL_PAGES_H

struct control;
struct process;

/* NULL when there is no admin port. */
struct control *control_open(struct process *p);
/* A level that was set for a while goes back. NULL is fine. */
void control_close(struct control *c);

#endif
