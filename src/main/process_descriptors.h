/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_descriptors.h - admin.descriptors, for reflection on the admin port. Main thread. */
#ifndef OUTRIGGER_MAIN_PROCESS_DESCRIPTORS_H
#define OUTRIGGER_MAIN_PROCESS_DESCRIPTORS_H

struct process;

/* Reads the file of the config in force; at the start and with each reload, also when the config is the same. It was checked with the config: when it has become bad since, what it said
 * before stays, and a line is logged. */
void process_descriptors_read(struct process *p);

#endif
