/* SPDX-License-Identifier: Apache-2.0 */
/* conf/yaml.c - one pass over libyaml's events. Nothing is kept but the brackets that are
 * open, and no event is ever repeated (aliases are refused), so the work is bounded by the
 * size of the file. */
#include "conf/yaml.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/problem.h"

void
yaml_text_done(struct yaml_text *y)
{
    xfree(y->json);
    xfree(y->marks);
}

#ifdef HAVE_LIBYAML

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/strbuf.h"
#include "conf/jsonc.h"
#include "conf/print.h"

/* A control character of one byte becomes \u0001; more cannot come of 4 MiB. */
enum { JSON_MAX = 32 * 1024 * 1024 };

struct convert {
    yaml_parser_t parser;
    const char *text;
    size_t n, first;     /* first: behind a byte order mark, where libyaml starts */
    size_t chars, bytes; /* libyaml counts characters; both stand for one place */
    struct {
        bool map, want_key;
        size_t items;
    } open[JSONC_DEPTH_MAX];
    size_t depth;
    bool document, ended;
    struct strbuf json;
    struct problem_mark *marks;
    size_t n_marks, room;
    struct problems *out;
};

static bool
is_inside(const struct convert *c, size_t at)
{
    return at < c->n && ((unsigned char)c->text[at] & 0xc0) == 0x80;
}

/* Bytes before the character `index`. Marks come nearly in order, so the last one is a
 * good place to start from. */
static size_t
byte_of(struct convert *c, size_t index)
{
    while (c->chars < index && c->bytes < c->n) {
        c->bytes++;
        while (is_inside(c, c->bytes))
            c->bytes++;
        c->chars++;
    }
    while (c->chars > index && c->bytes > c->first) {
        c->bytes--;
        while (c->bytes > c->first && is_inside(c, c->bytes))
            c->bytes--;
        c->chars--;
    }
    return c->bytes;
}

/* The end of what is underlined: at least one character. */
static size_t
end_after(const struct convert *c, size_t from, size_t end)
{
    if (end <= from)
        end = from + 1;
    return end > c->n ? (from < c->n ? c->n : from + 1) : end;
}

#define refuse_at(c, event, code, ...)                                          \
    do {                                                                        \
        size_t from_ = byte_of(c, (event)->start_mark.index);                   \
        size_t end_ = end_after(c, from_, byte_of(c, (event)->end_mark.index)); \
        problems_add_at((c)->out, from_, end_, code, __VA_ARGS__);              \
    } while (0)

static void
mark_add(struct convert *c, const yaml_event_t *e, bool whole)
{
    size_t from = byte_of(c, e->start_mark.index);
    size_t end = whole ? byte_of(c, e->end_mark.index) : from + 1;

    if (c->n_marks == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->marks = xrealloc(c->marks, c->room * sizeof *c->marks);
    }
    c->marks[c->n_marks++] =
        (struct problem_mark){ .json_at = (uint32_t)c->json.len,
                               .at = (uint32_t)from,
                               .end = (uint32_t)end_after(c, from, end) };
}

/* --- values ------------------------------------------------------------------------ */

/* As JSON has it: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][-+]?[0-9]+)? */
static bool
is_number(const char *s, size_t n)
{
    size_t i = n > 0 && s[0] == '-', digits = i;

    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
        ;
    if (i == digits || (s[digits] == '0' && i - digits > 1))
        return false;
    if (i < n && s[i] == '.') {
        for (digits = ++i; i < n && s[i] >= '0' && s[i] <= '9'; i++)
            ;
        if (i == digits)
            return false;
    }
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        i += i < n && (s[i] == '+' || s[i] == '-');
        for (digits = i; i < n && s[i] >= '0' && s[i] <= '9'; i++)
            ;
        if (i == digits)
            return false;
    }
    return i == n;
}

/* What a plain word is in JSON without quotes; NULL: a string. */
static const char *
bare_word(const char *s, size_t n)
{
    static const char *const literals[] = { "true", "false", "null" };

    if (n == 0 || (n == 1 && s[0] == '~'))
        return "null";
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        if (strlen(literals[i]) == n && memcmp(s, literals[i], n) == 0)
            return literals[i];
    }
    return is_number(s, n) ? s : NULL;
}

/* The comma or colon before a key, item or value. */
static void
put_joint(struct convert *c)
{
    if (c->depth == 0)
        return;
    if (c->open[c->depth - 1].map && !c->open[c->depth - 1].want_key) {
        strbuf_puts(&c->json, ":");
        c->open[c->depth - 1].want_key = true;
        return;
    }
    if (c->open[c->depth - 1].items++ > 0)
        strbuf_puts(&c->json, ",");
    c->open[c->depth - 1].want_key = false;
}

static bool
is_key(const struct convert *c)
{
    return c->depth > 0 && c->open[c->depth - 1].map && c->open[c->depth - 1].want_key;
}

static bool
node_is_plain(struct convert *c, const yaml_event_t *e, const yaml_char_t *anchor,
              const yaml_char_t *tag)
{
    if (anchor)
        refuse_at(c, e, "E0122",
                  "anchors (&name) are not read; write the value where it is needed");
    else if (tag)
        refuse_at(c, e, "E0122",
                  "tags (!name) are not read; a string that looks like a number needs "
                  "quotes, nothing else does");
    return !anchor && !tag;
}

static bool
take_scalar(struct convert *c, const yaml_event_t *e)
{
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, key = is_key(c);
    const char *bare = plain && !key ? bare_word(s, n) : NULL;

    if (!node_is_plain(c, e, e->data.scalar.anchor, e->data.scalar.tag))
        return false;
    if (key && plain && n == 2 && memcmp(s, "<<", 2) == 0) {
        refuse_at(c, e, "E0122",
                  "merge keys (<<) are not read; write the keys where they are needed");
        return false;
    }
    if (memchr(s, '\0', n)) {
        refuse_at(c, e, "E0105", "a string cannot contain the character \\0");
        return false;
    }
    if (c->depth == 0 && n == 0)
        return true; /* as an empty file */
    if (c->depth == 0) {
        refuse_at(c, e, "E0121",
                  "the config must be made of lines like \"version: 1\"; a key needs a "
                  "colon and a space behind it");
        return false;
    }
    put_joint(c);
    mark_add(c, e, true);
    if (bare)
        strbuf_add(&c->json, bare, bare == s ? n : strlen(bare));
    else
        conf_put_string(&c->json, s);
    return true;
}

static bool
take_open(struct convert *c, const yaml_event_t *e, bool map, const yaml_char_t *anchor,
          const yaml_char_t *tag)
{
    if (!node_is_plain(c, e, anchor, tag))
        return false;
    if (is_key(c)) {
        refuse_at(c, e, "E0122",
                  "a key must be a word; a value that starts with { or [ needs quotes");
        return false;
    }
    if (c->depth == 0 && !map) {
        refuse_at(c, e, "E0121",
                  "the config must be made of keys like \"version: 1\", not of a list");
        return false;
    }
    if (c->depth == JSONC_DEPTH_MAX) {
        refuse_at(c, e, "E0103", "this is nested too deeply; the most is %d levels",
                  JSONC_DEPTH_MAX);
        return false;
    }
    put_joint(c);
    mark_add(c, e, false);
    strbuf_puts(&c->json, map ? "{" : "[");
    c->open[c->depth].map = c->open[c->depth].want_key = map;
    c->open[c->depth++].items = 0;
    return true;
}

static bool
take_close(struct convert *c, bool map)
{
    c->depth--;
    strbuf_puts(&c->json, map ? "}" : "]");
    return true;
}

static bool
take_event(struct convert *c, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(c, e);
    case YAML_MAPPING_START_EVENT:
        return take_open(c, e, true, e->data.mapping_start.anchor,
                         e->data.mapping_start.tag);
    case YAML_SEQUENCE_START_EVENT:
        return take_open(c, e, false, e->data.sequence_start.anchor,
                         e->data.sequence_start.tag);
    case YAML_MAPPING_END_EVENT:
        return take_close(c, true);
    case YAML_SEQUENCE_END_EVENT:
        return take_close(c, false);
    case YAML_ALIAS_EVENT:
        refuse_at(c, e, "E0122",
                  "aliases (*name) are not read; write the value here, or put it in "
                  "quotes when it is one");
        return false;
    case YAML_DOCUMENT_START_EVENT:
        if (c->document)
            refuse_at(c, e, "E0122",
                      "a second document starts here; one file holds one config");
        if (c->document)
            return false;
        c->document = true;
        return true;
    case YAML_STREAM_END_EVENT:
        c->ended = true;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return true;
}

/* --- what is not YAML ---------------------------------------------------------------- */

static void
explain_reader(struct convert *c)
{
    size_t at = c->first + c->parser.problem_offset;

    if (at > c->n)
        at = c->n;
    if (strstr(c->parser.problem, "control characters"))
        problems_add_at(c->out, at, end_after(c, at, at), "E0121",
                        "a control character (0x%02x) does not belong here",
                        (unsigned)c->parser.problem_value);
    else
        problems_add_at(c->out, at, end_after(c, at, at), "E0105",
                        "this text is not UTF-8; save the file as UTF-8");
}

/* A JSON file by its looks: then comments are what YAML does not know. */
static const char *
json_hint(const struct convert *c)
{
    size_t at = c->first;

    while (at < c->n && memchr(" \t\r\n", c->text[at], 4))
        at++;
    return at < c->n && c->text[at] == '{'
               ? "; this looks like JSON: give the file a name that ends in .json"
               : "";
}

static void
explain_syntax(struct convert *c)
{
    const yaml_parser_t *p = &c->parser;
    size_t at = byte_of(c, p->problem_mark.index), end;
    const struct yaml_words *w;
    char said[256], text[256];

    snprintf(said, sizeof said, "%s: %s", p->context ? p->context : "",
             p->problem ? p->problem : "");
    w = yaml_words_find(said, at < c->n ? c->text[at] : '\0');
    if (w && w->at_start && p->context)
        at = byte_of(c, p->context_mark.index);
    /* At the end of the file the last line is shown rather than an empty one behind it. */
    while (at > c->first && at == c->n && c->text[at - 1] == '\n')
        at--;
    end = end_after(c, at, at);
    if (!w) {
        problems_add_at(c->out, at, end, "E0121", "this is not YAML: %s%s", said,
                        json_hint(c));
        return;
    }
    if (w->names_start) {
        size_t line, column;

        scan_line_column(c->text, c->n, byte_of(c, p->context_mark.index), &line,
                         &column);
        snprintf(text, sizeof text,
                 "a comma is missing before this, or the bracket of line %zu column %zu "
                 "is not closed",
                 line, column);
    } else {
        snprintf(text, sizeof text, "%s", w->text);
    }
    problems_add_at(c->out, at, end, "E0121", "%s%s", text, json_hint(c));
}

/* True: the whole text was taken. */
static bool
convert_all(struct convert *c)
{
    yaml_event_t event;
    bool good = true;

    while (good && !c->ended) {
        if (!yaml_parser_parse(&c->parser, &event)) {
            if (c->parser.error == YAML_READER_ERROR)
                explain_reader(c);
            else
                explain_syntax(c);
            return false;
        }
        good = take_event(c, &event);
        yaml_event_delete(&event);
    }
    return good;
}

int
yaml_to_json(const char *text, size_t n, struct yaml_text *ret, struct problems *out)
{
    struct convert c = { .text = text, .n = n, .out = out };
    bool good;

    /* libyaml would take the mark for a column, and the next key for one with another
     * indentation. */
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        c.first = c.bytes = 3;
    if (!yaml_parser_initialize(&c.parser)) {
        problems_add(out, "E0102", "there is no memory left to read the file");
        return ERR_SYNTAX;
    }
    strbuf_init(&c.json, JSON_MAX);
    yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&c.parser, (const unsigned char *)text + c.first,
                                 n - c.first);
    good = convert_all(&c);
    yaml_parser_delete(&c.parser);
    if (good && c.json.cut)
        problems_add(out, "E0102", "the file is too large for a config");
    good = good && !c.json.cut;
    *ret = (struct yaml_text){ .n = c.json.len, .marks = c.marks, .n_marks = c.n_marks };
    ret->json = strbuf_steal(&c.json);
    if (good)
        return 0;
    yaml_text_done(ret);
    *ret = (struct yaml_text){ 0 };
    return ERR_SYNTAX;
}

const char *
yaml_library_version(void)
{
    return yaml_get_version_string();
}

#else

int
yaml_to_json(const char *text, size_t n, struct yaml_text *ret, struct problems *out)
{
    (void)text;
    (void)n;
    *ret = (struct yaml_text){ 0 };
    problems_add(out, "E0123",
                 "this build of outrigger reads no YAML; write the config as JSON, or "
                 "install libyaml-dev, then configure and build again");
    return ERR_SYNTAX;
}

const char *
yaml_library_version(void)
{
    return "none";
}

#endif
