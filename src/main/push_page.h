/* SPDX-License-Identifier: Apache-2.0 */
/* main/push_page.h - the page of metrics that is pushed to a collector (filter/metrics_push.h): counters of the process, certificates, calls. Main thread. */
#ifndef OUTRIGGER_MAIN_PUSH_PAGE_H
#define OUTRIGGER_MAIN_PUSH_PAGE_H

struct strbuf;

/* A metrics_text_fn. */
void push_page_print(void *process, struct strbuf *out);

#endif
