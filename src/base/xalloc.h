/* SPDX-License-Identifier: Apache-2.0 */
/* base/xalloc.h - small, bounded allocations that abort when memory is gone. Only for
 * sizes that no peer chooses (config, tables, one object). Whatever a peer can make
 * grow goes through buf, arena or slab, which have a cap and return ERR_LIMIT. Any
 * thread. Free with free(). */
#ifndef OUTRIGGER_BASE_XALLOC_H
#define OUTRIGGER_BASE_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
/* zeroed */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* zeroed, for objects with alignas; align: a power of 2 */
void *xcalloc_aligned(size_t align, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void xfree(void *p); /* same as free(); NULL is fine */

#endif
