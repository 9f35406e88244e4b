/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of each honest call, and the figures over all of them.  One thread.
 */
#ifndef ATTACK_RESULTS_H
#define ATTACK_RESULTS_H

#include <stddef.h>
#include <stdint.h>

struct result {
    uint64_t due_us;
    uint32_t latency_us;
    int result; /* 0 = OK; the other values are explained in honest.c */
};

/* Zero-initialised by its owner; ended by results_free. */
struct results {
    struct result *list;
    size_t count, cap;
};

void results_add(struct results *r, uint64_t due_us, uint64_t end_us, int result);
/* One line per call; path NULL writes nothing. Ends the program when the file cannot be written. */
void results_write_log(const struct results *r, const char *path);
/* One JSON line on stdout. Sorts the list by latency. */
void results_print(struct results *r, unsigned retried, unsigned connections);
void results_free(struct results *r);

#endif
