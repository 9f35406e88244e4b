/* SPDX-License-Identifier: Apache-2.0 */
/* conf/values.h - durations, sizes and rates as people write them in the config file, and
 * back.
 * A unit is always needed: "5" could be seconds or milliseconds, and a wrong guess
 * hurts. Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_VALUES_H
#define OUTRIGGER_CONF_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

enum { VALUE_TEXT_MAX = 48, VALUE_WHY_MAX = 96 };

/* Why a value was refused, and what was probably meant. */
struct value_note {
    char why[VALUE_WHY_MAX];    /* "needs a unit"; fits behind the name of the key */
    char meant[VALUE_TEXT_MAX]; /* "5s"; empty when there is no good guess */
};

/* "250ms", "1.5s", "1m30s"; units ns us ms s m h d, each at most once, large ones
 * first. The result is in milliseconds; parts of a millisecond are rounded up, so that
 * "100us" never becomes 0 (which often means "none"). ERR_SYNTAX fills *note. At most
 * 100 years. */
int duration_parse(const char *text, int64_t *ret_ms, struct value_note *note) MUST_CHECK;
/* As duration_parse reads it: "1m30s", "1500ms", "0s". */
void duration_print(int64_t ms, char out[VALUE_TEXT_MAX]);

/* "64KiB", "4Mi", "4MB", "1.5GiB", "512B": powers of 1024 with an i, else of 1000. Must
 * be whole bytes. ERR_SYNTAX fills *note. */
int size_parse(const char *text, uint64_t *ret_bytes, struct value_note *note) MUST_CHECK;
/* As size_parse reads it, with the largest unit that is exact: "64KiB", "1000B". */
void size_print(uint64_t bytes, char out[VALUE_TEXT_MAX]);

/* "0.5", "19": not negative, no exponent. ERR_SYNTAX fills *note. */
int number_parse(const char *text, double *ret, struct value_note *note) MUST_CHECK;
/* "20%", "0.5%" to 20.0, 0.5. ERR_SYNTAX fills *note. */
int percent_parse(const char *text, double *ret, struct value_note *note) MUST_CHECK;
/* "100/s", "0.5/s", "5000/m"; units s m h d. *ret_events in *ret_per_ms milliseconds, just
 * as it is written; whole numbers are exact. At most 1000000000 in any unit. ERR_SYNTAX
 * fills *note. */
int rate_parse(const char *text, double *ret_events, int64_t *ret_per_ms,
               struct value_note *note) MUST_CHECK;
/* As rate_parse reads it. */
void rate_print(double events, int64_t per_ms, char out[VALUE_TEXT_MAX]);
/* As number_parse reads it, the shortest text that gives the same number. */
void number_print(double value, char out[VALUE_TEXT_MAX]);

/* Digits only, up to max. ERR_SYNTAX: not such a number. */
int uint_parse(const char *text, uint64_t max, uint64_t *ret_n) MUST_CHECK;

#endif
