/* SPDX-License-Identifier: Apache-2.0 */
/* conf/near.c - edit distance with swaps of neighbours (optimal string alignment): a
 * swap is the most common slip of the fingers. */
#include "conf/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"

enum { NEAR_WORD_MAX = 64, NEAR_LIST_MAX = 12, NEAR_EDITS_MAX = 3 };

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

unsigned
near_distance(const char *a, const char *b)
{
    unsigned rows[3][NEAR_WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > NEAR_WORD_MAX || nb > NEAR_WORD_MAX)
        return NEAR_WORD_MAX + 1;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3],
                 *above2 = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] =
                min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

int
near_same_letters(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, "_- ");
        b += strspn(b, "_- ");
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return 0;
        if (*a == '\0')
            return 1;
        a++;
        b++;
    }
}

/* One word begins with the other: "WARNING" and "warn". */
static bool
near_prefix(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;

    return n >= 3 && strncasecmp(a, b, n) == 0;
}

/* Edits, but 1 for words that differ in case, '_', '-' and spaces only. */
static unsigned
near_score(const char *a, const char *b)
{
    unsigned d = near_distance(a, b);

    return d > 1 && near_same_letters(a, b) ? 1 : d;
}

static bool
near_enough(const char *a, const char *b, unsigned d)
{
    size_t na = strlen(a), nb = strlen(b);

    return d <= NEAR_EDITS_MAX && (size_t)d * 3 <= (na > nb ? na : nb);
}

const char *
near_find(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    unsigned best_d = NEAR_EDITS_MAX + 1;

    for (size_t i = 0; i < n; i++) {
        unsigned d = words[i] ? near_score(word, words[i]) : best_d;

        if (d < best_d && near_enough(word, words[i], d)) {
            best = words[i];
            best_d = d;
        }
    }
    for (size_t i = 0; i < n && !best; i++) {
        if (words[i] && near_prefix(word, words[i]))
            best = words[i];
    }
    return best;
}

/* True when words[i] comes right after (last_d, last_i) in the order "nearest first,
 * then as given". */
static bool
near_is_next(unsigned d, size_t i, unsigned last_d, size_t last_i, bool first)
{
    return first || d > last_d || (d == last_d && i > last_i);
}

static void
near_list(struct strbuf *out, const char *word, const char *const *words, size_t n)
{
    unsigned last_d = 0;
    size_t last_i = 0, shown = 0, all = 0;

    for (size_t i = 0; i < n; i++)
        all += words[i] != NULL;
    for (; shown < NEAR_LIST_MAX && shown < all; shown++) {
        size_t pick = n;
        unsigned pick_d = 0;

        for (size_t i = 0; i < n; i++) {
            unsigned d = words[i] ? near_score(word, words[i]) : 0;

            if (words[i] && near_is_next(d, i, last_d, last_i, shown == 0) &&
                (pick == n || d < pick_d)) {
                pick = i;
                pick_d = d;
            }
        }
        if (pick == n)
            break;
        strbuf_printf(out, "%s%s", shown ? ", " : "", words[pick]);
        last_d = pick_d;
        last_i = pick;
    }
    if (shown < all)
        strbuf_printf(out, " and %zu more", all - shown);
}

void
near_suggest(struct strbuf *out, const char *word, const char *const *words, size_t n,
             const char *what)
{
    const char *best = near_find(word, words, n);

    if (best) {
        strbuf_printf(out, "; did you mean \"%s\"?", best);
    } else if (what && n > 0) {
        strbuf_printf(out, "; %s: ", what);
        near_list(out, word, words, n);
    }
}
