/* SPDX-License-Identifier: Apache-2.0 */
/* conf/scan.c - a small tokenizer and a walk along a path. */
#include "conf/scan.h"

#include <string.h>

#include <jansson.h>

size_t
scan_char_len(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80   ? 1
                 : c < 0xc2 ? 0
                 : c < 0xe0 ? 2
                 : c < 0xf0 ? 3
                 : c < 0xf5 ? 4
                            : 0;

    if (len == 0 || len > n)
        return 1;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 1;
    }
    return len;
}

static bool
is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '+' || c == '-' || c == '.';
}

struct scan_token
scan_next(struct scan *s)
{
    const char *text = s->text;
    struct scan_token t = { .kind = SCAN_END };

    while (s->at < s->n && memchr(" \t\r\n", text[s->at], 4))
        s->at++;
    t.at = t.end = s->at;
    if (s->at == s->n)
        return t;
    t.c = text[t.at];
    if (memchr("{}[]:,", t.c, 6)) {
        t.kind = SCAN_PUNCT;
        t.end++;
    } else if (t.c == '"') {
        for (t.end++; t.end < s->n && text[t.end] != '"' && text[t.end] != '\n';
             t.end++) {
            if (text[t.end] == '\\' && t.end + 1 < s->n && text[t.end + 1] != '\n')
                t.end++;
        }
        t.kind = t.end < s->n && text[t.end] == '"' ? SCAN_STRING : SCAN_UNCLOSED;
        t.end += t.kind == SCAN_STRING;
    } else if (is_word_char(t.c)) {
        t.kind = SCAN_WORD;
        while (t.end < s->n && is_word_char(text[t.end]))
            t.end++;
    } else {
        t.kind = SCAN_OTHER;
        t.end += scan_char_len(text + t.at, s->n - t.at);
    }
    s->at = t.end;
    return t;
}

void
scan_skip_value(struct scan *s)
{
    size_t depth = 0;

    do {
        struct scan_token t = scan_next(s);

        if (t.kind == SCAN_END)
            return;
        if (t.kind == SCAN_PUNCT && (t.c == '{' || t.c == '['))
            depth++;
        if (t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']') && depth > 0)
            depth--;
    } while (depth > 0);
}

bool
scan_string_is(const char *text, struct scan_token t, const char *want)
{
    size_t n = t.end - t.at;
    json_t *s;
    bool same;

    if (!memchr(text + t.at, '\\', n))
        return n == strlen(want) + 2 && memcmp(text + t.at + 1, want, n - 2) == 0;
    s = json_loadb(text + t.at, n, JSON_DECODE_ANY, NULL);
    same = json_is_string(s) && strcmp(json_string_value(s), want) == 0;
    json_decref(s);
    return same;
}

/* Moves from behind the `[` or `{` to the value that `step` names; key is set for an
 * object. */
static bool
step_into(struct scan *s, const struct scan_step *step, struct scan_token *ret_key)
{
    for (size_t i = 0;; i++) {
        struct scan ahead = *s;
        struct scan_token t = scan_next(&ahead);

        if (t.kind == SCAN_END || (t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']')))
            return false;
        if (step->key) {
            *s = ahead;
            scan_next(s); /* the colon */
            *ret_key = t;
            if (scan_string_is(s->text, t, step->key))
                return true;
        } else if (i == step->index) {
            return true;
        }
        scan_skip_value(s);
        t = scan_next(s);
        if (t.kind != SCAN_PUNCT || t.c != ',')
            return false;
    }
}

struct scan_place
scan_find(const char *text, size_t n, const struct scan_step *steps, size_t n_steps)
{
    struct scan s = { .text = text, .n = n };
    struct scan_place place = { .found = true };
    struct scan_token value = scan_next(&s), key;

    place.at = value.at;
    place.end = value.end;
    for (size_t i = 0; i < n_steps; i++) {
        char open = steps[i].key ? '{' : '[';
        bool is_list = value.kind == SCAN_PUNCT && value.c == '[';

        if (!steps[i].key && steps[i].index == 0 && !is_list)
            continue;
        if (value.kind != SCAN_PUNCT || value.c != open ||
            !step_into(&s, &steps[i], &key)) {
            place.found = false;
            break;
        }
        value = scan_next(&s);
        place.key_at = steps[i].key ? key.at : 0;
        place.key_end = steps[i].key ? key.end : 0;
        place.at = value.at;
        place.end = value.end;
    }
    return place;
}

void
scan_line_column(const char *text, size_t n, size_t at, size_t *ret_line,
                 size_t *ret_column)
{
    size_t line = 1, start = 0, column = 1;

    if (at > n)
        at = n;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    if (start == 0 && n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        start = 3; /* no editor counts the byte order mark */
    for (size_t i = start; i < at; i += scan_char_len(text + i, n - i))
        column++;
    *ret_line = line;
    *ret_column = column;
}
