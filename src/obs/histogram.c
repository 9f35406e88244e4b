/* SPDX-License-Identifier: Apache-2.0 */
/* obs/histogram.c - the lists, and a search that starts at the right power of two. */
#include "obs/histogram.h"

/* A time with k bits is at least 2^(k-1) us: `from` has the first bound that is not below that. A unit test compares it with the bounds. */
static const struct histogram_bounds fine = {
    .n = 41,
    .us = { 0,       10,      50,       100,      300,      600,      800,
            1000,    2000,    3000,     4000,     5000,     6000,     8000,
            10000,   13000,   16000,    20000,    25000,    30000,    40000,
            50000,   65000,   80000,    100000,   130000,   160000,   200000,
            250000,  300000,  400000,   500000,   650000,   800000,   1000000,
            2000000, 5000000, 10000000, 20000000, 50000000, 100000000 },
    .text = { "0",     "0.00001", "0.00005", "0.0001", "0.0003", "0.0006", "0.0008",
              "0.001", "0.002",   "0.003",   "0.004",  "0.005",  "0.006",  "0.008",
              "0.01",  "0.013",   "0.016",   "0.02",   "0.025",  "0.03",   "0.04",
              "0.05",  "0.065",   "0.08",    "0.1",    "0.13",   "0.16",   "0.2",
              "0.25",  "0.3",     "0.4",     "0.5",    "0.65",   "0.8",    "1",
              "2",     "5",       "10",      "20",     "50",     "100" },
    .from = { 0,  1,  1,  1,  1,  2,  2,  3,  4,  4,  5,  8,  9,  11,
              14, 17, 20, 23, 26, 29, 32, 35, 36, 36, 37, 38, 39, 40,
              41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41 },
};

static const struct histogram_bounds
    coarse = {
        .n = 11,
        .us = { 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
                5000000, 10000000 },
        .text = { "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
                  "10" },
        .from = { 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                  1,  2,  3,  4,  5,  6,  7,  8,  8,  9,  10, 11, 11, 11,
                  11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11 },
    };

static const struct histogram_bounds none = { .n = 0 };

const struct histogram_bounds *
histogram_bounds_get(enum histogram_kind kind)
{
    return kind == HISTOGRAM_FINE ? &fine : kind == HISTOGRAM_COARSE ? &coarse : &none;
}

size_t
histogram_find(const struct histogram_bounds *b, int64_t us)
{
    unsigned bits;
    size_t i;

    if (us < 0)
        us = 0;
    bits = us ? 64u - (unsigned)__builtin_clzll((unsigned long long)us) : 0;
    i = bits < sizeof(b->from) ? b->from[bits] : b->n;
    while (i < b->n && us > b->us[i])
        i++;
    return i;
}
