/* SPDX-License-Identifier: Apache-2.0 */
/* conf/mask.c - line by line; what a line leaves open is a bracket, or a key whose value stands in the lines below. */
#include "conf/mask.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/redact.h"

enum { KEY_MAX = 256 };

enum key_kind {
    KEY_OPEN,
    KEY_SECRET, /* all below it is */
    KEY_KEYS,   /* the same, but not the names of clients */
};

struct mask {
    const char *text;
    bool *hide;
    enum key_kind kind; /* of the secret key whose value goes on; KEY_OPEN: none */
    size_t depth;       /* open brackets of that value */
    size_t column;      /* of the key */
    bool block;         /* the value ends where a line begins left of it */
    bool awaited;       /* nothing of the value was seen */
    bool shown;         /* a client's name comes next */
};

static bool
is_quote(char c)
{
    return c == '"' || c == '\'';
}

static bool
is_bracket(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']';
}

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static size_t
skip_spaces(const char *text, size_t i, size_t end)
{
    while (i < end && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
        i++;
    return i;
}

/* Nothing but a comment from i on. "//" within a word is of a URL. */
static bool
is_comment(const char *text, size_t i, size_t end)
{
    return i < end &&
           (text[i] == '#' || (i + 1 < end && text[i] == '/' && text[i + 1] == '/'));
}

/* Behind the text that begins with a quote at i; its line's end when it is not closed there. */
static size_t
quoted_end(const char *text, size_t i, size_t end)
{
    char quote = text[i++];

    while (i < end && text[i] != quote)
        i += text[i] == '\\' && quote == '"' && i + 1 < end ? 2 : 1;
    return i < end ? i + 1 : end;
}

/* Behind the quoted text or word at i; i when there is neither. */
static size_t
token_end(const char *text, size_t i, size_t end)
{
    if (i < end && is_quote(text[i]))
        return quoted_end(text, i, end);
    while (i < end && is_word(text[i]))
        i++;
    return i;
}

/* What a token is a key of; ret_value: behind its colon. False: it is no key. */
static bool
token_is_key(const char *text, size_t behind, size_t end, size_t *ret_value)
{
    size_t colon = skip_spaces(text, behind, end);

    if (colon >= end || text[colon] != ':')
        return false;
    *ret_value = skip_spaces(text, colon + 1, end);
    return true;
}

static bool
token_eq(const char *text, size_t from, size_t end, const char *word)
{
    size_t quote = is_quote(text[from]);

    return end - from == strlen(word) + 2 * quote &&
           memcmp(text + from + quote, word, strlen(word)) == 0;
}

static enum key_kind
token_kind(const char *text, size_t from, size_t end)
{
    char key[KEY_MAX];
    size_t n = 0;

    if (token_eq(text, from, end, "keys"))
        return KEY_KEYS;
    for (size_t i = from; i < end && n + 1 < sizeof(key); i++) {
        if (!is_quote(text[i]))
            key[n++] = text[i];
    }
    key[n] = '\0';
    return conf_key_is_secret(key) ? KEY_SECRET : KEY_OPEN;
}

static void
hide_range(struct mask *m, size_t from, size_t end)
{
    for (; from < end; from++)
        m->hide[from] = true;
}

/* A token without its quotes. */
static void
hide_token(struct mask *m, size_t from, size_t end)
{
    bool quoted = is_quote(m->text[from]);
    bool closed = quoted && end > from + 1 && m->text[end - 1] == m->text[from];

    hide_range(m, from + quoted, end - closed);
}

static void
value_ends(struct mask *m, bool block)
{
    m->block = m->block || block;
    if (!m->block)
        m->kind = KEY_OPEN;
}

/* A key within a secret value. In "keys" it may be the secret itself, for who writes KEY: CLIENT. */
static void
note_key(struct mask *m, size_t from, size_t end)
{
    m->shown = m->kind == KEY_KEYS && token_eq(m->text, from, end, "client");
    if (m->kind == KEY_KEYS && !m->shown && !token_eq(m->text, from, end, "sha256"))
        hide_token(m, from, end);
}

/* Between brackets from i on. Returns what is behind the last one, or the line's end. */
static size_t
hide_brackets(struct mask *m, size_t i, size_t end)
{
    const char *text = m->text;
    size_t behind, value;

    while (m->depth > 0 && (i = skip_spaces(text, i, end)) < end) {
        char c = text[i];

        if (is_comment(text, i, end)) { /* its brackets do not count */
            hide_range(m, i, end);
            return end;
        }
        if (is_bracket(c) || c == ',' || c == ':') {
            m->depth += c == '{' || c == '[';
            m->depth -= c == '}' || c == ']';
            m->shown = m->shown && c == ':';
            i++;
            continue;
        }
        behind = is_quote(c) ? quoted_end(text, i, end) : i;
        while (!is_quote(c) && behind < end && !is_bracket(text[behind]) &&
               !strchr(", :\t\r", text[behind]))
            behind++;
        if (token_is_key(text, behind, end, &value))
            note_key(m, i, behind);
        else if (!m->shown)
            hide_token(m, i, behind);
        i = behind;
    }
    if (m->depth == 0)
        value_ends(m, false);
    return i;
}

/* The value at i of a secret key: a quoted text, all between brackets, or else the rest of the line, and
 * then those below it that are further to the right. */
static size_t
hide_value(struct mask *m, size_t i, size_t end)
{
    const char *text = m->text;
    size_t behind;

    m->awaited = false;
    if (text[i] == '{' || text[i] == '[')
        return hide_brackets(m, i + (m->depth = 1), end);
    if (!is_quote(text[i])) {
        hide_range(m, i, end);
        value_ends(m, text[end - 1] != ','); /* else JSON: a number, or a word */
        return end;
    }
    behind = quoted_end(text, i, end);
    hide_token(m, i, behind);
    value_ends(m, behind == i + 1 || text[behind - 1] != text[i]);
    return behind;
}

/* A line below a secret key, as indentation says. Returns from when it is behind the value. */
static size_t
mask_block(struct mask *m, size_t from, size_t end)
{
    const char *text = m->text;
    size_t i = skip_spaces(text, from, end), behind = token_end(text, i, end), value;
    bool is_key = behind > i && token_is_key(text, behind, end, &value);

    if (i == end || is_comment(text, i, end)) {
        hide_range(m, i, end);
        return end;
    }
    if (m->awaited && !is_key && (is_bracket(text[i]) || is_quote(text[i]))) {
        m->block = false;
        return hide_value(m, i, end);
    }
    if (i - from < m->column || (i - from == m->column && text[i] != '-')) {
        m->block = false;
        m->kind = KEY_OPEN;
        return from;
    }
    m->awaited = false;
    while (i + 1 < end && text[i] == '-' && text[i + 1] == ' ')
        i = skip_spaces(text, i + 1, end);
    behind = token_end(text, i, end);
    if (behind > i && token_is_key(text, behind, end, &value)) {
        note_key(m, i, behind);
        i = m->shown ? end : value;
        m->shown = false;
    }
    if (i < end)
        hide_value(m, i, end);
    return end;
}

/* The user and the password before a host, and what conf_redact_url leaves out: they may stand in a value whose key has no secret's name. */
static void
mask_hosts(struct mask *m, size_t i, size_t end)
{
    while (i < end) {
        const char *text = m->text, *scheme;
        size_t stop = i, from = i, at, query;

        while (stop < end && !is_quote(text[stop]) && !isspace((unsigned char)text[stop]))
            stop++;
        scheme = memmem(text + i, stop - i, "://", 3);
        if (scheme)
            from = (size_t)(scheme + 3 - text);
        while (from < stop && text[from] == '/') /* of a target, as dns:/// */
            from++;
        for (query = from; query < stop && !strchr("/?#", text[query]);)
            query++;
        for (at = query; at > from && text[at - 1] != '@';)
            at--;
        if (at > from + 1 && (scheme || memchr(text + from, ':', at - from - 2)))
            hide_range(m, from, at - 1);
        while (query < stop && text[query] != '?' && text[query] != '#')
            query++;
        if (scheme && query < stop)
            hide_range(m, query + 1, stop);
        i = stop + 1;
    }
}

/* What is not within a value of a line above. */
static void
mask_keys(struct mask *m, size_t from, size_t i, size_t end)
{
    const char *text = m->text;
    size_t value;

    while (i < end) {
        size_t behind = token_end(text, i, end), first = i + 1;

        if (behind == i) {
            i++;
            continue;
        }
        if (token_is_key(text, behind, end, &value)) {
            m->kind = token_kind(text, i, behind);
            m->column = i - from;
            m->awaited = m->kind != KEY_OPEN;
            m->block = m->awaited && (value >= end || is_comment(text, value, end));
            if (m->block) {
                hide_range(m, value, end);
                return;
            }
            i = m->awaited ? hide_value(m, value, end) : value;
            if (m->kind != KEY_OPEN)
                return;
            continue;
        }
        first = is_quote(text[i]) ? skip_spaces(text, first, behind) : behind;
        if (first < behind && text[first] == '{')
            hide_token(m, i, behind);
        i = behind;
    }
}

void
conf_mask_text(const char *text, size_t n, bool *hide)
{
    struct mask m = { .text = text, .hide = hide };

    for (size_t from = 0, end; from < n; from = end + 1) {
        const char *line_end = memchr(text + from, '\n', n - from);
        size_t i = from;

        end = line_end ? (size_t)(line_end - text) : n;
        if (end > from && text[end - 1] == '\r')
            end--;
        mask_hosts(&m, from, end);
        if (m.depth > 0)
            i = hide_brackets(&m, from, end);
        if (m.depth > 0 || (i > from && m.block))
            i = end;
        else if (m.block)
            i = mask_block(&m, from, end);
        mask_keys(&m, from, i, end);
        end = line_end ? (size_t)(line_end - text) : n;
    }
}

void
conf_put_masked(const char *text, struct strbuf *out)
{
    size_t n = strlen(text);
    bool *hide;

    if (text[strspn(text, " \t\r\n")] == '{') {
        strbuf_puts(out, CONF_REDACTED);
        return;
    }
    hide = xcalloc(n + 1, sizeof(*hide));
    conf_mask_text(text, n, hide);
    for (size_t i = 0; i < n; i++)
        strbuf_add(out, hide[i] ? "*" : text + i, 1);
    xfree(hide);
}
