/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_words.h - figures of /stats.json as short words for people: outriggerctl's status
 * and top say them alike. A value that is absent or null becomes "-". Pure; any thread. */
#ifndef OUTRIGGER_MAIN_CTL_WORDS_H
#define OUTRIGGER_MAIN_CTL_WORDS_H

#include <stddef.h>

struct json_t;
struct strbuf;

enum { CTL_WORD_MAX = 32 };
/* A value of its own, so that several fit into one printf. */
struct ctl_word {
    char s[CTL_WORD_MAX];
};

struct ctl_word ctl_word_span(double ms); /* "3d 4h", "12m", "42s", "0s" */
struct ctl_word ctl_word_span_of(const struct json_t *object, const char *key);
struct ctl_word ctl_word_rate(const struct json_t *object, const char *key);
/* A share in per cent, rounded down, so that only what is whole says 100. */
struct ctl_word ctl_word_percent(const struct json_t *object, const char *key);
struct ctl_word ctl_word_ms(const struct json_t *object, const char *key);
struct ctl_word ctl_word_count(const struct json_t *object, const char *key);
struct ctl_word ctl_word_size(const struct json_t *object, const char *key);

/* The same with its unit behind it; a word that says nothing stays "-". */
struct ctl_word ctl_word_with(struct ctl_word w, const char *unit);

/* The number of a key; other: it has none. */
double ctl_number(const struct json_t *object, const char *key, double other);

/* Adds text as it may be shown on a terminal: what is no printable character becomes "?". */
void ctl_put_clean(struct strbuf *out, const char *text);
/* Columns that such text takes on a terminal: one per character, two for those of East Asia and for pictures, none for marks that stand on the character before. */
size_t ctl_columns(const char *text);
/* Bytes of the first characters of such text that fit into so many columns. */
size_t ctl_columns_cut(const char *text, size_t columns);

#endif
