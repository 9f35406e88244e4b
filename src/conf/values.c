/* SPDX-License-Identifier: Apache-2.0 */
/* conf/values.c - number + unit, read with integers only: a float would turn "0.1s"
 * into 99 ms. */
#include "conf/values.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

enum { RATE_MAX = 1000000000 };

struct unit {
    const char *name;
    uint64_t scale; /* in ns, bytes, or ms of a rate */
};

static const struct unit time_units[] = {
    { "d", 86400000000000 },
    { "h", 3600000000000 },
    { "m", 60000000000 },
    { "s", 1000000000 },
    { "ms", 1000000 },
    { "us", 1000 },
    { "ns", 1 },
    { NULL, 0 },
};

static const struct unit size_units[] = {
    { "TiB", 1ull << 40 },
    { "GiB", 1ull << 30 },
    { "MiB", 1ull << 20 },
    { "KiB", 1ull << 10 },
    { "Ti", 1ull << 40 },
    { "Gi", 1ull << 30 },
    { "Mi", 1ull << 20 },
    { "Ki", 1ull << 10 },
    { "TB", 1000000000000 },
    { "GB", 1000000000 },
    { "MB", 1000000 },
    { "kB", 1000 },
    { "KB", 1000 },
    { "B", 1 },
    { NULL, 0 },
};

/* Words that people write, and the unit that they mean. Compared without case. */
struct unit_guess {
    const char *word, *unit;
};

static const struct unit_guess time_guesses[] = {
    { "sec", "s" },
    { "secs", "s" },
    { "second", "s" },
    { "seconds", "s" },
    { "s", "s" },
    { "min", "m" },
    { "mins", "m" },
    { "minute", "m" },
    { "minutes", "m" },
    { "hr", "h" },
    { "hrs", "h" },
    { "hour", "h" },
    { "hours", "h" },
    { "h", "h" },
    { "day", "d" },
    { "days", "d" },
    { "d", "d" },
    { "msec", "ms" },
    { "msecs", "ms" },
    { "millis", "ms" },
    { "ms", "ms" },
    { "usec", "us" },
    { "microseconds", "us" },
    { "milliseconds", "ms" },
    { "us", "us" },
    { "\xc2\xb5s", "us" },
    { NULL, NULL },
};

static const struct unit_guess size_guesses[] = {
    { "k", "KiB" },   { "m", "MiB" },    { "g", "GiB" },    { "t", "TiB" },
    { "kib", "KiB" }, { "mib", "MiB" },  { "gib", "GiB" },  { "tib", "TiB" },
    { "ki", "KiB" },  { "mi", "MiB" },   { "gi", "GiB" },   { "kb", "KB" },
    { "mb", "MB" },   { "gb", "GB" },    { "b", "B" },      { "byte", "B" },
    { "bytes", "B" }, { "kbyte", "KB" }, { "mbyte", "MB" }, { NULL, NULL },
};

/* One "1.5" as whole and fraction; the fraction in 1e-9 parts. Returns the length read,
 * 0: no number. */
static size_t
number_read(const char *s, uint64_t *ret_whole, uint64_t *ret_nano, bool *ret_exact)
{
    uint64_t whole = 0, nano = 0, place = 100000000;
    size_t i = 0, digits = 0;

    *ret_exact = true;
    for (; s[i] >= '0' && s[i] <= '9'; i++, digits++) {
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (unsigned)(s[i] - '0'), &whole))
            whole = UINT64_MAX / 16; /* far over any limit: refused below as too large */
    }
    if (digits == 0)
        return 0;
    if (s[i] == '.') {
        size_t dot = i++;

        for (; s[i] >= '0' && s[i] <= '9'; i++, place /= 10) {
            nano += (uint64_t)(s[i] - '0') * place;
            if (place == 0 && s[i] != '0')
                *ret_exact = false;
        }
        if (i == dot + 1)
            return 0;
    }
    *ret_whole = whole;
    *ret_nano = nano + !*ret_exact; /* digits behind the ninth round up */
    return i;
}

static const struct unit *
unit_find(const struct unit *units, const char *s, size_t n)
{
    for (; units->name; units++) {
        if (strlen(units->name) == n && memcmp(units->name, s, n) == 0)
            return units;
    }
    return NULL;
}

static int
note_fail(struct value_note *note, const char *why)
{
    snprintf(note->why, sizeof note->why, "%s", why);
    return ERR_SYNTAX;
}

/* Number then an unknown or missing unit, which is all that is left of the text: guess.
 */
static void
unit_guess(const struct unit_guess *guesses, const char *bare_unit, const char *text,
           size_t number_len, struct value_note *note)
{
    const char *word = text + number_len;
    size_t n;

    word += strspn(word, " _");
    n = strcspn(word, " ");
    if (number_len > 20 || word[n + strspn(word + n, " ")])
        return;
    if (n == 0) {
        snprintf(note->meant, sizeof note->meant, "%.*s%s", (int)number_len, text,
                 bare_unit);
        return;
    }
    for (; guesses->word; guesses++) {
        if (strlen(guesses->word) == n && strncasecmp(guesses->word, word, n) == 0) {
            snprintf(note->meant, sizeof note->meant, "%.*s%s", (int)number_len, text,
                     guesses->unit);
            return;
        }
    }
}

/* whole.nano units of `scale` as a multiple of the base unit, rounded up. False: too
 * large. */
static bool
scale_number(uint64_t whole, uint64_t nano, uint64_t scale, uint64_t *ret,
             bool *ret_exact)
{
    unsigned __int128 part = (unsigned __int128)nano * scale;
    unsigned __int128 sum = (unsigned __int128)whole * scale + part / 1000000000u;

    if (part % 1000000000u) {
        *ret_exact = false;
        sum++;
    }
    if (sum > INT64_MAX)
        return false;
    *ret = (uint64_t)sum;
    return true;
}

int
duration_parse(const char *text, int64_t *ret_ms, struct value_note *note)
{
    uint64_t ns = 0, last_scale = UINT64_MAX;
    size_t at = 0;

    *note = (struct value_note){ 0 };
    if (text[0] == '-')
        return note_fail(note, "cannot be negative");
    do {
        uint64_t whole, nano, part;
        bool exact;
        size_t len = number_read(text + at, &whole, &nano, &exact);
        size_t unit_len = strcspn(text + at + len, "0123456789.");
        const struct unit *u = unit_find(time_units, text + at + len, unit_len);

        if (len == 0)
            return note_fail(note, "must be a number with a unit (ns us ms s m h d)");
        if (!u) {
            if (at == 0)
                unit_guess(time_guesses, "s", text, len, note);
            return note_fail(note, unit_len == 0
                                       ? "needs a unit (ns us ms s m h d)"
                                       : "has an unknown unit (known: ns us ms s m h d)");
        }
        if (u->scale >= last_scale)
            return note_fail(note, "must name each unit once, large ones first");
        last_scale = u->scale;
        if (!scale_number(whole, nano, u->scale, &part, &exact) || part > INT64_MAX - ns)
            return note_fail(note, "is too long; the most is 36500d");
        ns += part;
        at += len + unit_len;
    } while (text[at]);
    if (ns > 36500 * time_units[0].scale)
        return note_fail(note, "is too long; the most is 36500d");
    *ret_ms = (int64_t)((ns + 999999) / 1000000);
    return 0;
}

void
duration_print(int64_t ms, char out[VALUE_TEXT_MAX])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } steps[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
    size_t at = 0;

    if (ms == 0) {
        snprintf(out, VALUE_TEXT_MAX, "0s");
        return;
    }
    if (ms % 1000) {
        snprintf(out, VALUE_TEXT_MAX, "%" PRId64 "ms", ms);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (ms >= steps[i].ms)
            at += (size_t)snprintf(out + at, VALUE_TEXT_MAX - at, "%" PRId64 "%s",
                                   ms / steps[i].ms, steps[i].unit);
        ms %= steps[i].ms;
    }
}

int
size_parse(const char *text, uint64_t *ret_bytes, struct value_note *note)
{
    uint64_t whole, nano;
    bool exact;
    size_t len = number_read(text, &whole, &nano, &exact);
    const struct unit *u = unit_find(size_units, text + len, strlen(text + len));

    *note = (struct value_note){ 0 };
    if (text[0] == '-')
        return note_fail(note, "cannot be negative");
    if (len == 0)
        return note_fail(note, "must be a number with a unit (B KiB MiB GiB KB MB GB)");
    if (!u) {
        unit_guess(size_guesses, "B", text, len, note);
        if (text[len] == '\0' && nano == 0 && whole > 0 && whole % 1024 == 0)
            size_print(whole, note->meant);
        return note_fail(note,
                         text[len] == '\0'
                             ? "needs a unit (B KiB MiB GiB KB MB GB)"
                             : "has an unknown unit (known: B KiB MiB GiB KB MB GB)");
    }
    if (!scale_number(whole, nano, u->scale, &whole, &exact))
        return note_fail(note, "is too large");
    if (!exact)
        return note_fail(note, "must be a whole number of bytes");
    *ret_bytes = whole;
    return 0;
}

void
size_print(uint64_t bytes, char out[VALUE_TEXT_MAX])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;

    while (bytes > 0 && bytes % 1024 == 0 && i + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 "%s", bytes, units[i]);
}

/* Reads up to `end`, so that a percent sign can follow. */
static bool
number_until(const char *text, size_t end, double *ret)
{
    uint64_t whole, nano;
    bool exact;

    if (number_read(text, &whole, &nano, &exact) != end || end == 0)
        return false;
    *ret = (double)whole + (double)nano / 1e9;
    return true;
}

int
number_parse(const char *text, double *ret, struct value_note *note)
{
    *note = (struct value_note){ 0 };
    if (text[0] == '-')
        return note_fail(note, "cannot be negative");
    if (!number_until(text, strlen(text), ret))
        return note_fail(note, "must be a number like 1.5");
    return 0;
}

int
percent_parse(const char *text, double *ret, struct value_note *note)
{
    size_t n = strlen(text);

    *note = (struct value_note){ 0 };
    if (text[0] == '-')
        return note_fail(note, "cannot be negative");
    if (n > 0 && text[n - 1] == '%' && number_until(text, n - 1, ret))
        return 0;
    if (n < 20 && number_until(text, n, ret))
        snprintf(note->meant, sizeof note->meant, "%s%%", text);
    return note_fail(note, note->meant[0] ? "needs a percent sign"
                                          : "must be a percentage like \"20%\"");
}

void
number_print(double value, char out[VALUE_TEXT_MAX])
{
    snprintf(out, VALUE_TEXT_MAX, "%.9f", value);
    out[strspn(out, "0123456789.")] = '\0';
    for (size_t n = strlen(out); n > 0 && (out[n - 1] == '0' || out[n - 1] == '.'); n--) {
        bool dot = out[n - 1] == '.';

        out[n - 1] = '\0';
        if (dot)
            break;
    }
}

/* --- rates ------------------------------------------------------------------------- */

static const struct unit rate_units[] = {
    { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};

/* Compared without case, behind the number and a slash, "r/" or "per". */
static const struct unit_guess rate_guesses[] = {
    { "s", "s" },   { "sec", "s" },    { "secs", "s" },    { "second", "s" },
    { "1s", "s" },  { "m", "m" },      { "min", "m" },     { "mins", "m" },
    { "1m", "m" },  { "minute", "m" }, { "seconds", "s" }, { "minutes", "m" },
    { "hr", "h" },  { "hour", "h" },   { "hours", "h" },   { "h", "h" },
    { "1h", "h" },  { "day", "d" },    { "days", "d" },    { "d", "d" },
    { "rps", "s" }, { "qps", "s" },    { "tps", "s" },     { "hz", "s" },
    { "rpm", "m" }, { "qpm", "m" },    { "rph", "h" },     { "rpd", "d" },
    { NULL, NULL },
};

/* word: what follows a number of len bytes that is no known unit. */
static void
rate_guess(const char *text, size_t len, struct value_note *note)
{
    static const char *const before[] = { "r", "req", "requests", "calls", "per", "/" };
    const char *word = text + len;
    size_t n;

    word += strspn(word, " ");
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        size_t skip = strlen(before[i]);

        if (strncasecmp(word, before[i], skip) == 0 && strchr(" /", word[skip]))
            word += skip + strspn(word + skip, " ");
    }
    if (*word == '/')
        word++;
    word += strspn(word, " ");
    n = strcspn(word, " ");
    if (len > 20 || word[n + strspn(word + n, " ")])
        return;
    for (const struct unit_guess *g = rate_guesses; g->word; g++) {
        if (n == 0 || (strlen(g->word) == n && strncasecmp(g->word, word, n) == 0)) {
            snprintf(note->meant, sizeof note->meant, "%.*s/%s", (int)len, text, g->unit);
            return;
        }
    }
}

int
rate_parse(const char *text, double *ret_events, int64_t *ret_per_ms,
           struct value_note *note)
{
    uint64_t whole, nano;
    bool exact;
    size_t len = number_read(text, &whole, &nano, &exact);
    const struct unit *u = NULL;

    *note = (struct value_note){ 0 };
    if (text[0] == '-')
        return note_fail(note, "cannot be negative");
    if (len == 0)
        return note_fail(note, "must be a rate like \"100/s\" (units: /s /m /h /d)");
    if (text[len] == '/')
        u = unit_find(rate_units, text + len + 1, strlen(text + len + 1));
    if (!u) {
        rate_guess(text, len, note);
        return note_fail(note, text[len + strspn(text + len, " /")] == '\0'
                                   ? "needs a unit (/s /m /h /d)"
                                   : "has an unknown unit (known: /s /m /h /d)");
    }
    if (whole > RATE_MAX || (whole == RATE_MAX && nano > 0))
        return note_fail(note, "is too large; the most is 1000000000/s");
    *ret_events = (double)whole + (double)nano / 1e9;
    *ret_per_ms = (int64_t)u->scale;
    return 0;
}

void
rate_print(double events, int64_t per_ms, char out[VALUE_TEXT_MAX])
{
    char number[VALUE_TEXT_MAX];
    const struct unit *u = rate_units;

    while (u[1].name && (int64_t)u->scale != per_ms)
        u++;
    number_print(events, number);
    snprintf(out, VALUE_TEXT_MAX, "%.40s/%s", number, u->name);
}

int
uint_parse(const char *text, uint64_t max, uint64_t *ret_n)
{
    uint64_t n = 0;

    if (text[0] == '\0' || text[strspn(text, "0123456789")] || strlen(text) > 19)
        return ERR_SYNTAX;
    for (; *text; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    if (n > max)
        return ERR_SYNTAX;
    *ret_n = n;
    return 0;
}
