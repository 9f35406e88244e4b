/* SPDX-License-Identifier: Apache-2.0 */
/* conf/syntax.c - jansson decides what is valid; a walk over the tokens says what is
 * wrong and where, since jansson's column is
 * the end of the bad token and its words are those of a parser. */
#include "conf/syntax.h"

#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "conf/jsonc.h"
#include "conf/problem.h"
#include "conf/scan.h"

#define SMALLEST                                                                         \
    "{ \"version\": 1, \"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ \"to\": " \
    "\"app\" }] }], "                                                                    \
    "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }] }"

/* What may come next. */
enum expect {
    EXPECT_VALUE,
    EXPECT_ITEM_OR_END,
    EXPECT_KEY_OR_END,
    EXPECT_KEY,
    EXPECT_COLON,
    EXPECT_COMMA_OR_END
};

struct walk {
    const char *json;
    struct problems *out;
    struct scan scan;
    struct scan_token open
        [JSONC_DEPTH_MAX]; /* brackets that are open; jsonc_blank has checked the depth */
    size_t depth;
    struct scan_token key; /* the last one */
};

#define complain(w, t, ...)                                                             \
    problems_add_at((w)->out, (t).at, (t).end > (t).at ? (t).end : (t).at + 1, "E0104", \
                    __VA_ARGS__)

/* Length for "%.*s" of a token: long ones are cut. */
static int
token_len(struct scan_token t)
{
    return t.end - t.at > 40 ? 40 : (int)(t.end - t.at);
}

static bool
is_number(const char *s, size_t n)
{
    size_t i = n > 0 && s[0] == '-', digits = i;

    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    if (i == digits || (s[digits] == '0' && i - digits > 1))
        return false;
    if (i < n && s[i] == '.') {
        digits = ++i;
        while (i < n && s[i] >= '0' && s[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        i += i < n && (s[i] == '+' || s[i] == '-');
        digits = i;
        while (i < n && s[i] >= '0' && s[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    return i == n;
}

static bool
word_is(const struct walk *w, struct scan_token t, const char *word)
{
    return t.end - t.at == strlen(word) &&
           memcmp(w->json + t.at, word, t.end - t.at) == 0;
}

static bool
word_is_any_case(const struct walk *w, struct scan_token t, const char *word)
{
    return t.end - t.at == strlen(word) &&
           strncasecmp(w->json + t.at, word, t.end - t.at) == 0;
}

static bool
is_any_of(const struct walk *w, struct scan_token t, const char *const *set, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (word_is(w, t, set[i]))
            return true;
    }
    return false;
}

/* Characters that other formats have and JSON has not. True: said so. */
static bool
explain_other(const struct walk *w, struct scan_token t)
{
    static const char *const unseen[] = { "\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d",
                                          "\xe2\x81\xa0", "\xef\xbb\xbf", "\xc2\xad" };
    static const char *const spaces[] = { "\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\xaf",
                                          "\xe3\x80\x80" };

    if (t.kind == SCAN_UNCLOSED)
        complain(w, t, "the string that starts here has no closing quote on its line");
    else if (t.kind != SCAN_OTHER)
        return false;
    else if (t.c == '\'' || t.c == '`')
        complain(w, t, "strings are written in double quotes: \"...\"");
    else if (t.c == '#')
        complain(w, t, "a comment starts with // here, not with #");
    else if (t.c == ';')
        complain(w, t, "parts are separated by a comma, not by ;");
    else if (t.c == '=')
        complain(w, t, "a key and its value are separated by : and not by =");
    else if (t.c == '/')
        complain(w, t, "a comment starts with // or /*");
    else if (is_any_of(w, t, unseen, ARRAY_LEN(unseen)))
        complain(w, t, "an invisible character stands here; delete it");
    else if (is_any_of(w, t, spaces, ARRAY_LEN(spaces)))
        complain(w, t,
                 "this space is no plain one (it came from a web page or a text "
                 "processor); type it again");
    else if ((unsigned char)t.c == 0xe2)
        complain(
            w, t,
            "\"%.*s\" does not belong here; strings need plain double quotes \"...\"",
            token_len(t), w->json + t.at);
    else if ((unsigned char)t.c < 0x20 || (unsigned char)t.c == 0x7f)
        complain(w, t, "a control character (byte 0x%02x) does not belong here",
                 (unsigned char)t.c);
    else
        complain(w, t, "\"%.*s\" does not belong here", token_len(t), w->json + t.at);
    return true;
}

static bool
explain_word(const struct walk *w, struct scan_token t)
{
    static const char *const literals[] = { "true", "false", "null" };
    static const char *const absent[] = { "None",     "nil",       "undefined", "NaN",
                                          "Infinity", "-Infinity", "inf" };
    const char *s = w->json + t.at;

    if (is_number(s, t.end - t.at))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        if (word_is(w, t, literals[i]))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        if (word_is_any_case(w, t, literals[i])) {
            complain(w, t, "write %s in small letters", literals[i]);
            return true;
        }
    }
    if (is_any_of(w, t, absent, ARRAY_LEN(absent))) {
        complain(w, t, "JSON has no %.*s; leave the key out to get its default",
                 token_len(t), s);
        return true;
    }
    if (strspn(s, "0123456789.+-eE") >= t.end - t.at ||
        (s[0] == '0' && t.end - t.at > 2 && (s[1] | 0x20) == 'x'))
        complain(w, t, "%.*s is not how JSON writes a number", token_len(t), s);
    else
        complain(w, t, "a string needs double quotes: \"%.*s\"", token_len(t), s);
    return true;
}

/* The file ends inside something. */
static void
explain_end(const struct walk *w, struct scan_token t)
{
    struct scan_token last = w->open[w->depth - 1];
    size_t line, column;

    scan_line_column(w->json, w->scan.n, last.at, &line, &column);
    if (t.at > 0 && w->json[t.at - 1] == '\n')
        t.at--; /* show the last line rather than an empty one behind it */
    complain(w, t, "the file ends here, but the %c of line %zu column %zu is not closed",
             last.c, line, column);
}

/* A closing bracket: true when it fits the open one. */
static bool
close_bracket(struct walk *w, struct scan_token t)
{
    struct scan_token last = w->open[w->depth - 1];
    char want = last.c == '{' ? '}' : ']';
    size_t line, column;

    if (t.c == want) {
        w->depth--;
        return true;
    }
    scan_line_column(w->json, w->scan.n, last.at, &line, &column);
    complain(w, t, "%c does not close the %c of line %zu column %zu; write %c", t.c,
             last.c, line, column, want);
    return false;
}

static bool
walk_value(struct walk *w, struct scan_token t, enum expect *next)
{
    *next = EXPECT_COMMA_OR_END;
    if (t.kind == SCAN_STRING)
        return true;
    if (t.kind == SCAN_WORD)
        return !explain_word(w, t);
    if (t.c == '{' || t.c == '[') {
        w->open[w->depth++] = t;
        *next = t.c == '{' ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;
        return true;
    }
    if (w->open[w->depth - 1].c == '{')
        complain(w, t, "the value of %.*s is missing", token_len(w->key),
                 w->json + w->key.at);
    else
        complain(w, t, "a value is missing before this %c", t.c);
    return false;
}

static bool
walk_key(struct walk *w, struct scan_token t, enum expect *next)
{
    *next = EXPECT_COLON;
    w->key = t;
    if (t.kind == SCAN_STRING)
        return true;
    if (t.kind == SCAN_WORD)
        complain(w, t, "a key needs double quotes: \"%.*s\"", token_len(t),
                 w->json + t.at);
    else if (t.c == ',')
        complain(w, t, "there is one comma too many");
    else
        complain(w, t, "a key in double quotes must come here");
    return false;
}

static bool
walk_comma(struct walk *w, struct scan_token t, enum expect *next)
{
    bool in_object = w->open[w->depth - 1].c == '{';

    if (t.kind == SCAN_PUNCT && t.c == ',') {
        *next = in_object ? EXPECT_KEY : EXPECT_VALUE;
        return true;
    }
    *next = EXPECT_COMMA_OR_END;
    if (t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']'))
        return close_bracket(w, t);
    if (t.c == ':' && !in_object)
        complain(w, t, "a key needs an object around it: { \"key\": value }");
    else
        complain(w, t, "a comma is missing before this");
    return false;
}

/* One token; false after a complaint. */
static bool
walk_token(struct walk *w, struct scan_token t, enum expect *next)
{
    bool closing = t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']');

    if (t.kind == SCAN_END) {
        explain_end(w, t);
        return false;
    }
    if (explain_other(w, t))
        return false;
    switch (*next) {
    case EXPECT_ITEM_OR_END:
    case EXPECT_KEY_OR_END:
        if (closing && (*next == EXPECT_KEY_OR_END || t.c == ']')) {
            *next = EXPECT_COMMA_OR_END;
            return close_bracket(w, t);
        }
        return *next == EXPECT_KEY_OR_END ? walk_key(w, t, next) : walk_value(w, t, next);
    case EXPECT_KEY:
        return walk_key(w, t, next);
    case EXPECT_VALUE:
        return walk_value(w, t, next);
    case EXPECT_COMMA_OR_END:
        return walk_comma(w, t, next);
    case EXPECT_COLON:
        break;
    }
    *next = EXPECT_VALUE;
    if (t.kind == SCAN_PUNCT && t.c == ':')
        return true;
    complain(w, t, "a : is missing after the key %.*s", token_len(w->key),
             w->json + w->key.at);
    return false;
}

/* Something stands behind the object that the file is. */
static void
explain_rest(const struct walk *w, struct scan_token t)
{
    if (t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']'))
        complain(w, t,
                 "there is one closing bracket too many; the config has ended "
                 "before this");
    else if (t.kind == SCAN_PUNCT && t.c == '{')
        complain(w, t, "a second object starts here; one file holds one config");
    else if (t.kind == SCAN_PUNCT && t.c == ',')
        complain(w, t,
                 "the config has ended before this comma; is there one } too many "
                 "above?");
    else
        complain(w, t,
                 "the config has ended before this; remove what stands behind it, "
                 "or start it with // when it is a note");
}

/* The file does not start with {. */
static void
explain_start(const struct walk *w, struct scan_token t)
{
    struct scan ahead = w->scan;
    struct scan_token next = scan_next(&ahead);

    if (t.kind == SCAN_OTHER && (t.c == '#' || (unsigned char)t.c >= 0x80)) {
        explain_other(w, t);
        return;
    }
    if (t.kind == SCAN_WORD && next.kind == SCAN_PUNCT && next.c == ':')
        complain(w, t,
                 "the config must be one JSON object: it starts with {; YAML is "
                 "read from files named .yaml");
    else
        complain(w, t, "the config must be one JSON object: it starts with {");
}

/* True when a problem was found and added. */
static bool
walk_all(struct walk *w)
{
    enum expect next = EXPECT_KEY_OR_END;
    struct scan_token t = scan_next(&w->scan);

    if (t.kind == SCAN_END) {
        problems_add(w->out, "E0104", "the file is empty; the smallest config is %s",
                     SMALLEST);
        return true;
    }
    if (t.kind != SCAN_PUNCT || t.c != '{') {
        explain_start(w, t);
        return true;
    }
    w->open[w->depth++] = t;
    while (w->depth > 0) {
        if (!walk_token(w, scan_next(&w->scan), &next))
            return true;
    }
    t = scan_next(&w->scan);
    if (t.kind != SCAN_END)
        explain_rest(w, t);
    return t.kind != SCAN_END;
}

/* The token that contains byte `position`, or ends there. */
static struct scan_token
token_near(const char *json, size_t n, size_t position, struct scan_token *ret_object)
{
    struct scan s = { .text = json, .n = n };
    struct scan_token open[JSONC_DEPTH_MAX];
    size_t depth = 0;

    for (;;) {
        struct scan_token t = scan_next(&s);

        if (t.kind == SCAN_END || t.end >= position) {
            *ret_object = open[depth > 0 ? depth - 1 : 0];
            return t;
        }
        if (t.kind == SCAN_PUNCT && (t.c == '{' || t.c == '[') && depth < JSONC_DEPTH_MAX)
            open[depth++] = t;
        else if (t.kind == SCAN_PUNCT && (t.c == '}' || t.c == ']') && depth > 0)
            depth--;
    }
}

/* Place of the first key in the object at `from` that says the same as the token t. */
static size_t
first_key(const char *json, size_t n, size_t from, struct scan_token t)
{
    struct scan s = { .text = json, .n = n, .at = from };
    size_t at = from;
    json_t *key = json_loadb(json + t.at, t.end - t.at, JSON_DECODE_ANY, NULL);

    while (key && s.at < t.at) {
        struct scan_token other = scan_next(&s);

        at = other.at;
        if (scan_string_is(json, other, json_string_value(key)))
            break;
        scan_next(&s); /* colon */
        scan_skip_value(&s);
        scan_next(&s); /* comma */
    }
    json_decref(key);
    return at;
}

/* What the walk cannot see: bad escapes, broken UTF-8, huge numbers, a key written
 * twice. */
static void
explain_jansson(const char *json, size_t n, const json_error_t *e, struct problems *out)
{
    struct scan_token object = { 0 },
                      t = token_near(json, n, (size_t)e->position, &object);
    size_t end = t.end > t.at ? t.end : t.at + 1;
    size_t line;

    switch (json_error_code(e)) {
    case json_error_duplicate_key:
        line = problems_line(out, first_key(json, n, object.end, t));
        problems_add_at(out, t.at, end, "E0106",
                        "the key %.*s is written twice; the first is in line %zu",
                        token_len(t), json + t.at, line);
        return;
    case json_error_invalid_utf8:
        problems_add_at(out, t.at, end, "E0105",
                        "this text is not UTF-8; save the file as UTF-8");
        return;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        problems_add_at(out, t.at, end, "E0105",
                        "a string cannot contain the character \\u0000");
        return;
    case json_error_numeric_overflow:
        problems_add_at(out, t.at, end, "E0110", "the number %.*s is too large",
                        token_len(t), json + t.at);
        return;
    default:
        break;
    }
    if (t.kind == SCAN_STRING && memchr(json + t.at, '\\', t.end - t.at) &&
        strstr(e->text, "escape"))
        problems_add_at(out, t.at, end, "E0105",
                        "this string has a \\ escape that JSON does not know; a plain \\ "
                        "is written \\\\");
    else if (t.kind == SCAN_STRING && strstr(e->text, "control character"))
        problems_add_at(out, t.at, end, "E0105",
                        "this string contains a control character; write a tab as \\t");
    else
        problems_add_at(out, t.at, end, "E0104", "this is not JSON: %s", e->text);
}

struct json_t *
syntax_read(const char *json, size_t n, struct problems *out)
{
    json_error_t e;
    json_t *tree = json_loadb(json, n, JSON_REJECT_DUPLICATES, &e);

    if (tree && json_is_object(tree))
        return tree;
    json_decref(tree);
    {
        struct walk w = { .json = json, .out = out, .scan = { .text = json, .n = n } };

        if (!walk_all(&w))
            explain_jansson(json, n, &e, out);
    }
    return NULL;
}
