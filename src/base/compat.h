/* SPDX-License-Identifier: Apache-2.0 */
/* base/compat.h - compiler attributes and the few macros that everyone may use. */
#ifndef OUTRIGGER_BASE_COMPAT_H
#define OUTRIGGER_BASE_COMPAT_H

#include <stddef.h>

/* The result must be looked at: ignoring an error is a compile warning. */
#define MUST_CHECK __attribute__((warn_unused_result))
/* printf-like: the format is argument f, its values start at argument v. */
#define PRINTF_LIKE(f, v) __attribute__((format(printf, f, v)))
#define NORETURN          __attribute__((noreturn))
/* For a function that becomes another one at each place: an argument is a constant there. */
#define ALWAYS_INLINE inline __attribute__((always_inline))
/* For the rare part of a function on the path of a call: what it needs of the stack is not paid by the others. */
#define NOINLINE    __attribute__((noinline, cold))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* For big local arrays on the path of a call: the hardening build zeroes all locals otherwise. The code
 * below the declaration must write before it reads. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef UNINITIALIZED
#define UNINITIALIZED
#endif
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The object of `type` whose field `field` is at address `ptr`. */
#define CONTAINER_OF(ptr, type, field) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

#endif
