/* SPDX-License-Identifier: Apache-2.0 */
/* main/handover_line.c - writing and reading the lines of a binary upgrade. Both ends may be of another version, and the bytes come from
 * another process: nothing is taken on trust. */
#include "main/handover_line.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define HANDOVER_MAGIC "outrigger-upgrade 1 "

enum part { PART_NUMBER = 1, PART_OWNS = 2, PART_TEXT = 4 };

static const struct word_row {
    const char *word;
    unsigned parts;
} words[] = {
    [HANDOVER_HELLO] = { "hello", 0 },
    [HANDOVER_SOCKETS] = { "sockets", PART_NUMBER },
    [HANDOVER_ASK] = { "ask", PART_NUMBER },
    [HANDOVER_SOCKET] = { "socket", PART_NUMBER | PART_OWNS | PART_TEXT },
    [HANDOVER_GO] = { "go", PART_NUMBER },
    [HANDOVER_BYE] = { "bye", PART_NUMBER },
    [HANDOVER_NO] = { "no", PART_TEXT },
};

static size_t
text_length(const char *text, size_t most)
{
    size_t n = 0;

    while (n < most && text[n] >= ' ' && text[n] <= '~')
        n++;
    return n;
}

size_t
handover_line_format(const struct handover_line *m, char out[HANDOVER_LINE_MAX])
{
    const struct word_row *row = &words[m->word];
    size_t room = HANDOVER_LINE_MAX,
           n = (size_t)snprintf(out, room, HANDOVER_MAGIC "%s", row->word);

    if (row->parts & PART_NUMBER)
        n += (size_t)snprintf(out + n, room - n, " %u", m->number);
    if (row->parts & PART_OWNS)
        n += (size_t)snprintf(out + n, room - n, m->owns_file ? " own" : " shared");
    if (row->parts & PART_TEXT)
        n += (size_t)snprintf(out + n, room - n, " %.*s",
                              (int)text_length(m->text, HANDOVER_TEXT_MAX - 1), m->text);
    return n + (size_t)snprintf(out + n, room - n, "\n");
}

struct rest { /* of a line */
    const char *at;
    size_t n;
};

/* True: it began with these bytes, which are gone now. */
static bool
rest_skip(struct rest *r, const char *text)
{
    size_t n = strlen(text);

    if (r->n < n || memcmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    r->n -= n;
    return true;
}

/* One blank, then digits without a leading zero. */
static bool
rest_number(struct rest *r, uint32_t *ret)
{
    uint64_t value = 0;
    size_t n = 0;

    if (!rest_skip(r, " "))
        return false;
    for (; n < r->n && r->at[n] >= '0' && r->at[n] <= '9'; n++) {
        value = value * 10 + (uint64_t)(r->at[n] - '0');
        if (value > HANDOVER_NUMBER_MAX)
            return false;
    }
    if (n == 0 || (n > 1 && r->at[0] == '0'))
        return false;
    r->at += n;
    r->n -= n;
    *ret = (uint32_t)value;
    return true;
}

static bool
rest_text(struct rest *r, char out[HANDOVER_TEXT_MAX])
{
    if (!rest_skip(r, " ") || r->n == 0 || r->n >= HANDOVER_TEXT_MAX ||
        text_length(r->at, r->n) != r->n)
        return false;
    memcpy(out, r->at, r->n);
    out[r->n] = '\0';
    r->n = 0;
    return true;
}

static bool
rest_read(struct rest *r, enum handover_word word, struct handover_line *ret)
{
    unsigned parts = words[word].parts;

    *ret = (struct handover_line){ .word = word };
    if (parts & PART_NUMBER && !rest_number(r, &ret->number))
        return false;
    if (parts & PART_OWNS) {
        ret->owns_file = rest_skip(r, " own");
        if (!ret->owns_file && !rest_skip(r, " shared"))
            return false;
    }
    if (parts & PART_TEXT && !rest_text(r, ret->text))
        return false;
    return r->n == 0;
}

int
handover_line_parse(const char *line, size_t n, struct handover_line *ret)
{
    struct rest all = { line, n };
    struct handover_line m;

    if (n >= HANDOVER_LINE_MAX || !rest_skip(&all, HANDOVER_MAGIC))
        return ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct rest r = all;

        if (rest_skip(&r, words[i].word) && rest_read(&r, (enum handover_word)i, &m)) {
            *ret = m;
            return ERR_OK;
        }
    }
    return ERR_SYNTAX;
}
