/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_lines.h - cuts a stream of bytes into lines, as they come. One thread. */
#ifndef OUTRIGGER_RESOLVE_K8S_LINES_H
#define OUTRIGGER_RESOLVE_K8S_LINES_H

#include "base/compat.h"
#include "base/slice.h"
#include "base/strbuf.h"

struct k8s_lines {
    struct strbuf text;
    size_t begin; /* of the next line */
    size_t seen;  /* no line ends before this */
    size_t max;   /* most bytes of a line */
};

void k8s_lines_init(struct k8s_lines *l, size_t max);
void k8s_lines_done(struct k8s_lines *l);
/* n bytes, at most max. Afterwards call k8s_lines_next until it is not ERR_OK. ERR_LIMIT: the
 * lines of before were not taken. */
int k8s_lines_feed(struct k8s_lines *l, const void *p, size_t n) MUST_CHECK;
/* ERR_OK: *ret is a line that is not empty, without its end, valid until the next feed.
 * ERR_AGAIN: more bytes are needed. ERR_LIMIT: the line is longer than max. */
int k8s_lines_next(struct k8s_lines *l, struct slice *ret) MUST_CHECK;

#endif
