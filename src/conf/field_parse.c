/* SPDX-License-Identifier: Apache-2.0 */
/* conf/field_parse.c - the value of one row: from text to the struct, within its range, or a sentence that says what is wrong with it; and the defaults of all rows. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/alias.h"
#include "conf/field.h"
#include "conf/mask.h"
#include "conf/redact.h"
#include "conf/values.h"

enum { WHY_TEXT_MAX = 512, TAGS_MAX = 64, DAY_MS = 24 * 3600 * 1000 };

bool
field_check_range(const struct conf_field *f, int64_t value, struct strbuf *why,
                  const char **ret_code)
{
    bool free_int = f->type == CONF_INT && f->min == 0 && f->max == 0;
    char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX], got[VALUE_TEXT_MAX];

    if (free_int || (value >= f->min && (f->max == 0 || value <= f->max)))
        return true;
    field_print_number(f, f->min, min);
    field_print_number(f, f->max, max);
    if (value < 0)
        snprintf(got, sizeof got, "%" PRId64, value);
    else
        field_print_number(f, value, got);
    *ret_code = "E0110";
    if (f->max == 0)
        strbuf_printf(why, "is %s; it must be at least %s", got, min);
    else if (f->min == f->max)
        strbuf_printf(why, "is %s; it must be %s", got, min);
    else
        strbuf_printf(why, "is %s; it must be from %s to %s", got, min, max);
    return false;
}

static bool
refuse_note(const struct value_note *note, const char *code, struct strbuf *why,
            const char **ret_code)
{
    *ret_code = code;
    strbuf_puts(why, note->why);
    if (note->meant[0])
        strbuf_printf(why, "; did you mean \"%s\"?", note->meant);
    return false;
}

static bool
parse_uint_text(const struct conf_field *f, const char *text, uint32_t *at,
                struct strbuf *why, const char **ret_code)
{
    uint64_t n;

    if (uint_parse(text, INT64_MAX, &n) != 0) {
        *ret_code = "E0109";
        strbuf_printf(why, "must be a whole number, not \"%s\"", text);
        return false;
    }
    if (!field_check_range(f, (int64_t)n, why, ret_code))
        return false;
    if (n > UINT32_MAX) {
        *ret_code = "E0110";
        strbuf_printf(why, "is %" PRIu64 "; it must be at most %u", n, UINT32_MAX);
        return false;
    }
    *at = (uint32_t)n;
    return true;
}

static bool
parse_bool_text(const char *text, bool *at, struct strbuf *why, const char **ret_code)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        *ret_code = "E0109";
        strbuf_printf(why, "must be true or false, not \"%s\"", text);
        return false;
    }
    *at = text[0] == 't';
    return true;
}

static bool
parse_maybe_text(const char *text, uint32_t *at, struct strbuf *why,
                 const char **ret_code)
{
    bool value;

    if (!parse_bool_text(text, &value, why, ret_code))
        return false;
    *at = value ? CONF_TRUE : CONF_FALSE;
    return true;
}

static bool
parse_int_text(const struct conf_field *f, const char *text, int64_t *at,
               struct strbuf *why, const char **ret_code)
{
    bool negative = text[0] == '-';
    uint64_t n;

    if (uint_parse(text + negative, INT64_MAX, &n) != 0) {
        *ret_code = "E0109";
        strbuf_printf(why, "must be a whole number, not \"%s\"", text);
        return false;
    }
    *at = negative ? -(int64_t)n : (int64_t)n;
    return field_check_range(f, *at, why, ret_code);
}

/* A kind is chosen from a list that people do not know by heart: it is shown unless the word
 * of another proxy makes it clear. */
static void
suggest_variant(const struct conf_field *f, const char *text, struct strbuf *why)
{
    const char *tags[TAGS_MAX];
    size_t n = 0, before;

    for (; n < TAGS_MAX && f->variants[n].tag; n++)
        tags[n] = f->variants[n].tag;
    strbuf_printf(why, "does not know the word \"%.80s\"", text);
    before = why->len;
    alias_suggest_word(why, text, tags, n, NULL);
    if (why->len > before && why->s[why->len - 1] != '?')
        return;
    strbuf_puts(why, why->len > before ? " It is one of" : "; it is one of");
    for (size_t i = 0; i < n; i++)
        strbuf_printf(why, "%s %s", i ? "," : "", tags[i]);
}

static bool
parse_word(const struct conf_field *f, const char *text, uint32_t *at, struct strbuf *why,
           const char **ret_code)
{
    size_t n = 0;

    for (const char *word; (word = field_word(f, n)) != NULL; n++) {
        if (strcmp(word, text) == 0) {
            *at = (uint32_t)n;
            return true;
        }
    }
    *ret_code = "E0113";
    if (f->variants) {
        suggest_variant(f, text, why);
        return false;
    }
    strbuf_printf(why, "does not know the word \"%s\"", text);
    alias_suggest_word(why, text, f->words, n, "known words");
    return false;
}

static bool
parse_string(const struct conf_field *f, const char *text, const char **at,
             struct strbuf *why, const char **ret_code)
{
    const char *reason = "the value cannot be used";
    size_t n = 0;
    bool known = !f->words;

    for (; f->words && f->words[n]; n++)
        known = known || strcmp(f->words[n], text) == 0;
    if (known && (!f->valid || f->valid(text, &reason) == 0)) {
        *at = text;
        return true;
    }
    *ret_code = f->code ? f->code : "E0115";
    if (f->words) {
        strbuf_printf(why, "does not know the word \"%s\"", text);
        alias_suggest_word(why, text, f->words, n, "known words");
    } else {
        strbuf_puts(why, "cannot be \"");
        if (f->key && conf_key_is_secret(f->key)) /* it goes to logs, pages and bundles */
            strbuf_puts(why, CONF_REDACTED);
        else
            conf_put_masked(text, why);
        strbuf_printf(why, "\": %s", reason);
    }
    return false;
}

bool
field_set_real(const struct conf_field *f, double value, void *obj, struct strbuf *why,
               const char **ret_code)
{
    const char *unit = f->type == CONF_PERCENT ? "%" : "";

    if (value >= (double)f->min && (f->max == 0 || value <= (double)f->max)) {
        memcpy((char *)obj + f->at, &value, sizeof(value));
        return true;
    }
    *ret_code = "E0110";
    strbuf_printf(why, "is %.6g%s; it must be ", value, unit);
    field_print_range(f, why);
    return false;
}

/* The bounds are events per day. */
static bool
parse_rate(const struct conf_field *f, const char *text, struct conf_rate *at,
           struct strbuf *why, const char **ret_code)
{
    struct value_note note;
    double per_day;
    struct conf_rate rate;

    if (rate_parse(text, &rate.events, &rate.per_ms, &note) != 0)
        return refuse_note(&note, "E0119", why, ret_code);
    per_day = rate.events * (DAY_MS / (double)rate.per_ms);
    if (per_day >= (double)f->min && (f->max == 0 || per_day <= (double)f->max)) {
        *at = rate;
        return true;
    }
    *ret_code = "E0110";
    strbuf_printf(why, "is %s; it must be ", text);
    field_print_range(f, why);
    return false;
}

static bool
parse_real_text(const struct conf_field *f, const char *text, void *obj,
                struct strbuf *why, const char **ret_code)
{
    struct value_note note = { 0 };
    double value;

    if (f->type == CONF_PERCENT ? percent_parse(text, &value, &note) != 0
                                : number_parse(text, &value, &note) != 0)
        return refuse_note(&note, f->type == CONF_PERCENT ? "E0117" : "E0109", why,
                           ret_code);
    return field_set_real(f, value, obj, why, ret_code);
}

bool
field_parse(const struct conf_field *f, const char *text, void *obj, struct strbuf *why,
            const char **ret_code)
{
    void *at = (char *)obj + f->at;
    struct value_note note;
    uint64_t size;
    int64_t ms;

    switch (f->type) {
    case CONF_BOOL:
        return parse_bool_text(text, at, why, ret_code);
    case CONF_MAYBE:
        return parse_maybe_text(text, at, why, ret_code);
    case CONF_UINT:
        return parse_uint_text(f, text, at, why, ret_code);
    case CONF_INT:
        return parse_int_text(f, text, at, why, ret_code);
    case CONF_ENUM:
        return parse_word(f, text, at, why, ret_code);
    case CONF_STRING:
        return parse_string(f, text, at, why, ret_code);
    case CONF_SIZE:
        if (size_parse(text, &size, &note) != 0)
            return refuse_note(&note, "E0112", why, ret_code);
        if (!field_check_range(f, (int64_t)size, why, ret_code))
            return false;
        *(uint64_t *)at = size;
        return true;
    case CONF_DURATION:
        if (duration_parse(text, &ms, &note) != 0)
            return refuse_note(&note, "E0111", why, ret_code);
        if (!field_check_range(f, ms, why, ret_code))
            return false;
        *(int64_t *)at = ms;
        return true;
    case CONF_NUMBER:
    case CONF_PERCENT:
        return parse_real_text(f, text, obj, why, ret_code);
    case CONF_RATE:
        return parse_rate(f, text, at, why, ret_code);
    case CONF_OBJECT:
    case CONF_LIST:
    case CONF_MAP:
    case CONF_DICT:
        break;
    }
    return false;
}

void
field_defaults(const struct conf_struct *type, void *obj)
{
    memset(obj, 0, type->size);
    if (type->tag_key)
        *(uint32_t *)((char *)obj + conf_tag_row(type)->at) = CONF_NO_VARIANT;
    for (const struct conf_field *f = type->fields; f->key; f++) {
        struct strbuf why;
        const char *code;

        if (f->type == CONF_OBJECT)
            field_defaults(f->sub, (char *)obj + f->at);
        if (conf_is_tree(f) || !f->def)
            continue;
        strbuf_init(&why, WHY_TEXT_MAX);
        if (!field_parse(f, f->def, obj, &why, &code))
            memset(&code, 0,
                   sizeof code); /* a unit test proves that every default is good */
        strbuf_done(&why);
    }
}
