/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_bundle.h - outriggerctl bundle: what a running outrigger says of itself as one
 * tar file, for a bug report. Secrets are left out (conf/redact.h). */
#ifndef OUTRIGGER_MAIN_CTL_BUNDLE_H
#define OUTRIGGER_MAIN_CTL_BUNDLE_H

struct ctl_args;

/* Returns the exit code. A page that the process does not have is told in the list and is no
 * failure; no answer at all is. An existing file is never overwritten. */
int ctl_bundle(const struct ctl_args *a);

#endif
