/* SPDX-License-Identifier: Apache-2.0 */
/* base/slab.h - per-worker free lists by size class, for objects that come and go with
 * calls. malloc/calloc/realloc/free semantics, so that it can serve nghttp2_mem; a
 * hidden header of 8 bytes remembers the size class; results are aligned to 16.
 * Classes step finely (16 bytes up to 512, then by quarters of a power of two up to 4
 * KiB); larger requests go to malloc.  Slabs of 64 KiB are cut on demand.  In a
 * sanitizer build (OUT_SANITIZED) each object is its own malloc, so that ASan sees
 * every misuse.  One thread only.  slab_trim gives whole free slabs back after a
 * burst. */
#ifndef OUTRIGGER_BASE_SLAB_H
#define OUTRIGGER_BASE_SLAB_H

#include <stddef.h>

struct slab;

struct slab *slab_new(void);
void slab_free(struct slab *s); /* every object must have been given back (asserted) */
void *slab_malloc(struct slab *s, size_t n);              /* NULL when memory is gone */
void *slab_calloc(struct slab *s, size_t n, size_t size); /* NULL when memory is gone */
/* NULL when memory is gone: p stays valid */
void *slab_realloc(struct slab *s, void *p, size_t n);
void slab_give(struct slab *s, void *p); /* NULL is fine */
/* bytes handed out now, in class sizes; any thread, also the next */
size_t slab_bytes_live(const struct slab *s);
/* bytes taken from the system */
size_t slab_bytes_held(const struct slab *s);
/* gives wholly free slabs back to the system */
void slab_trim(struct slab *s);

#endif
