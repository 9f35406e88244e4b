/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_writer.h - where lines of access logs go, without ever making a worker wait: each worker has a ring per output (1 MiB), and one thread writes what
 * is in them to stdout, stderr or files. A reader that is slow or gone, a full or stuck disk cost lines, which are counted, and nothing else (reliability.md E4).
 *
 * Lines leave some 10 ms after they were put, many with one write. Lines of one worker stay in order and are never torn: a pipe gets at most 4 KiB at once, whole
 * lines if they are not longer than that.
 *
 * access_sink_put is for workers; everything else is the main thread's. */
#ifndef OUTRIGGER_FILTER_ACCESS_WRITER_H
#define OUTRIGGER_FILTER_ACCESS_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct access_sink; /* one output */
struct access_writer;
struct loop;
struct stats;

enum { ACCESS_RING_BYTES = 1 << 20 };

/* loop: NULL: a thread of its own, which begins with the first sink. Else everything happens on that loop (tests). */
struct access_writer *access_writer_new(struct loop *loop, unsigned workers);
/* What the writing thread counts. Valid until access_writer_free. */
const struct stats *access_writer_stats(const struct access_writer *w);
/* [main] Bytes of lines that wait. */
size_t access_writer_bytes(const struct access_writer *w);
/* After all sinks were dropped: gives a thread a second for what is left. NULL is fine. */
void access_writer_free(struct access_writer *w);
/* Files are closed and opened again by their names. */
void access_writer_reopen(struct access_writer *w);

/* One hold. to: "stdout", "stderr" or a full path. A file that cannot be opened is tried again every 5 seconds; the log says so. */
struct access_sink *access_writer_get(struct access_writer *w, const char *to);
/* After the last drop nobody may put; what is in the rings is written if that is possible within a second. */
void access_sink_drop(struct access_sink *s);

/* [worker] One line with its end. False: the ring is full; the caller counts. */
bool access_sink_put(struct access_sink *s, unsigned worker, const char *line,
                     size_t n) MUST_CHECK;

#endif
