/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/timeout.c - text to nanoseconds and back. */
#include "grpc/timeout.h"

#include "base/err.h"

enum { TIMEOUT_DIGITS_MAX = 8 };

#define TIMEOUT_UNIT(unit_ns, c)                                                 \
    {                                                                            \
        .ns = (unit_ns), .most = INT64_C(100000000) * (unit_ns)-1, .letter = (c) \
    }

/* Smallest first: timeout_format takes the first unit that fits. */
static const struct timeout_unit {
    int64_t ns;
    int64_t most; /* the longest time that this unit can say in 8 digits */
    char letter;
} timeout_units[] = {
    TIMEOUT_UNIT(INT64_C(1), 'n'),
    TIMEOUT_UNIT(INT64_C(1000), 'u'),
    TIMEOUT_UNIT(INT64_C(1000000), 'm'),
    TIMEOUT_UNIT(INT64_C(1000000000), 'S'),
    TIMEOUT_UNIT(INT64_C(60000000000), 'M'),
    { .ns = INT64_C(3600000000000), .most = INT64_MAX, .letter = 'H' },
};

/* Nanoseconds of a unit letter; 0: no such unit. */
static int64_t
timeout_unit_ns(uint8_t letter)
{
    for (size_t i = 0; i < ARRAY_LEN(timeout_units); i++) {
        if (timeout_units[i].letter == letter)
            return timeout_units[i].ns;
    }
    return 0;
}

int
timeout_parse(struct slice value, int64_t *ret_ns)
{
    int64_t number = 0, unit, ns;

    if (value.n < 2 || value.n > TIMEOUT_DIGITS_MAX + 1)
        return ERR_SYNTAX;
    for (size_t i = 0; i < value.n - 1; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return ERR_SYNTAX;
        number = number * 10 + (value.p[i] - '0');
    }
    unit = timeout_unit_ns(value.p[value.n - 1]);
    if (unit == 0)
        return ERR_SYNTAX;
    if (__builtin_mul_overflow(number, unit, &ns))
        ns = INT64_MAX;
    *ret_ns = ns;
    return 0;
}

/* Decimal digits of n to out; returns how many. */
static size_t
timeout_print_number(int64_t n, char *out)
{
    char digits[TIMEOUT_DIGITS_MAX];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

size_t
timeout_format(int64_t ns, char out[TIMEOUT_TEXT_MAX])
{
    const struct timeout_unit *u = timeout_units;
    size_t len;

    out[0] = '\0';
    if (ns <= 0)
        return 0;
    while (ns > u->most)
        u++;
    len = timeout_print_number(ns / u->ns, out);
    out[len++] = u->letter;
    out[len] = '\0';
    return len;
}
