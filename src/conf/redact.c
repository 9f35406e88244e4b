/* SPDX-License-Identifier: Apache-2.0 */
/* conf/redact.c - one pass over the text; only strings are looked at. */
#include "conf/redact.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/print.h"

enum { KEY_MAX = 256, URL_MAX = 64 * 1024 };

bool
conf_key_is_secret(const char *key)
{
    static const char *const within[] = { "password",      "passwd",  "secret",
                                          "authorization", "cookie",  "api-key",
                                          "apikey",        "api_key", "credential",
                                          "passphrase" };
    static const char *const behind[] = { "token", "-key", "-auth" };
    char low[KEY_MAX];
    size_t n = 0;

    for (; key[n] && n + 1 < sizeof(low); n++)
        low[n] = (char)tolower((unsigned char)key[n]);
    low[n] = '\0';
    if (n >= 4 && strcmp(low + n - 4, "file") == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(within); i++) {
        if (strstr(low, within[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
        size_t k = strlen(behind[i]);

        if (n >= k && strcmp(low + n - k, behind[i]) == 0)
            return true;
    }
    return strcmp(low, "sha256") == 0;
}

const char *
conf_header_shown(const char *name, const char *value, bool told)
{
    bool variable =
        strncmp(value, "%{", 2) == 0 && strcspn(value, "}") + 1 == strlen(value);
    bool shown = variable || (told && !conf_key_is_secret(name));

    return shown ? value : CONF_REDACTED;
}

void
conf_redact_url(const char *url, struct strbuf *out)
{
    const char *host = strstr(url, "://"), *at;
    size_t from, keep = strcspn(url, "?#");
    struct strbuf shown;

    if (url[strspn(url, " \t\r\n")] == '{') {
        conf_put_string(out, CONF_REDACTED);
        return;
    }
    if (host && (size_t)(host - url) > keep) /* of a URL inside the query */
        host = NULL;
    from = host ? (size_t)(host + 3 - url) : 0;
    at = host ? memrchr(host + 3, '@', strcspn(host + 3, "/?#")) : NULL;
    strbuf_init(&shown, URL_MAX);
    strbuf_add(&shown, url, at ? from : keep);
    if (at)
        strbuf_printf(&shown, CONF_REDACTED "@%.*s", (int)(url + keep - (at + 1)),
                      at + 1);
    if (url[keep])
        strbuf_printf(&shown, "%c" CONF_REDACTED, url[keep]);
    conf_put_string(out, shown.s ? shown.s : "");
    strbuf_done(&shown);
}

/* Behind the string that begins at s. */
static const char *
string_end(const char *s)
{
    for (s++; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
    }
    return *s ? s + 1 : s;
}

static bool
is_key(const char *behind)
{
    while (*behind == ' ' || *behind == '\n' || *behind == '\t' || *behind == '\r')
        behind++;
    return *behind == ':';
}

static bool
key_hides(const char *s, const char *end)
{
    char key[KEY_MAX];
    size_t n = (size_t)(end - s) - 2; /* without its quotes */

    n = n < sizeof(key) ? n : sizeof(key) - 1;
    memcpy(key, s + 1, n);
    key[n] = '\0';
    return conf_key_is_secret(key);
}

void
conf_redact(const char *json, struct strbuf *out)
{
    size_t depth = 0, hidden_at = 0; /* depth of the value that is hidden; 0: none */
    bool hide = false;               /* the next value */
    const char *s = json;

    while (*s) {
        const char *end = *s == '"' ? string_end(s) : s + 1;

        if (*s == '"' && is_key(end)) {
            hide = key_hides(s, end);
            strbuf_add(out, s, (size_t)(end - s));
        } else if (*s == '"') {
            if (hide || hidden_at)
                strbuf_puts(out, "\"" CONF_REDACTED "\"");
            else
                strbuf_add(out, s, (size_t)(end - s));
            hide = false;
        } else {
            if (*s == '{' || *s == '[') {
                depth++;
                if (hide && !hidden_at)
                    hidden_at = depth;
            } else if (*s == '}' || *s == ']') {
                if (depth == hidden_at)
                    hidden_at = 0;
                depth -= depth > 0;
            }
            if (!strchr(" :\n\t\r", *s))
                hide = false;
            strbuf_add(out, s, 1);
        }
        s = end;
    }
}

/* --- a line of a file ------------------------------------------------------------------- */

static bool
is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* Behind the string that begins with a quote at i; its end when it is not closed. */
static size_t
quoted_end(const char *line, size_t n, size_t i)
{
    char quote = line[i++];

    while (i < n && line[i] != quote)
        i += line[i] == '\\' && quote == '"' && i + 1 < n ? 2 : 1;
    return i < n ? i + 1 : n;
}

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Behind the quoted text or word at i; i when there is neither. */
static size_t
token_end(const char *line, size_t n, size_t i)
{
    if (is_quote(line[i]))
        return quoted_end(line, n, i);
    while (i < n && is_word(line[i]))
        i++;
    return i;
}

static size_t
skip_spaces(const char *line, size_t n, size_t i)
{
    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i;
}

static bool
token_hides(const char *line, size_t from, size_t end)
{
    char key[KEY_MAX];
    size_t n = 0;

    for (size_t i = from; i < end && n + 1 < sizeof(key); i++) {
        if (!is_quote(line[i]))
            key[n++] = line[i];
    }
    key[n] = '\0';
    return conf_key_is_secret(key);
}

static void
hide_range(bool *hide, size_t from, size_t end)
{
    for (; from < end; from++)
        hide[from] = true;
}

/* The value at i: a quoted text, all texts between brackets, or else the rest of the line. Returns what is behind it. */
static size_t
hide_value(const char *line, size_t n, size_t i, bool *hide)
{
    size_t depth = 0, end;

    if (i < n && !is_quote(line[i]) && line[i] != '{' && line[i] != '[') {
        hide_range(hide, i, n);
        return n;
    }
    do {
        end = i < n ? token_end(line, n, i) : n;
        depth += i < n && (line[i] == '{' || line[i] == '[');
        depth -= i < n && depth > 0 && (line[i] == '}' || line[i] == ']');
        if (end > i) {
            size_t behind = skip_spaces(line, n, end);

            bool closed = end > i + 1 && line[end - 1] == line[i];

            if (behind >= n || line[behind] != ':') /* else it is a key */
                hide_range(hide, i + is_quote(line[i]),
                           end - (is_quote(line[i]) && closed));
        }
        i = end > i ? end : i + 1;
    } while (depth > 0 && i < n);
    return i;
}

/* What conf_redact_url leaves out, of each URL: it may stand in a value whose key has no secret's name. */
static void
hide_urls(const char *line, size_t n, bool *hide)
{
    for (size_t i = 0; i + 3 <= n; i++) {
        size_t from = i + 3, end = from, at, query;

        if (memcmp(line + i, "://", 3) != 0)
            continue;
        while (end < n && !is_quote(line[end]) && !isspace((unsigned char)line[end]))
            end++;
        for (query = from; query < end && !strchr("/?#", line[query]);)
            query++;
        for (at = query; at > from && line[at - 1] != '@';)
            at--;
        if (at > from)
            hide_range(hide, from, at - 1);
        while (query < end && line[query] != '?' && line[query] != '#')
            query++;
        if (query < end)
            hide_range(hide, query + 1, end);
        i = end - 1;
    }
}

void
conf_mask_line(const char *line, size_t n, bool *hide)
{
    hide_urls(line, n, hide);
    for (size_t i = 0; i < n;) {
        size_t end = token_end(line, n, i), behind = skip_spaces(line, n, end);

        if (end == i) {
            i++;
            continue;
        }
        if (behind < n && line[behind] == ':' && token_hides(line, i, end))
            i = hide_value(line, n, skip_spaces(line, n, behind + 1), hide);
        else
            i = end;
    }
}

void
conf_put_masked(const char *text, struct strbuf *out)
{
    size_t n = strlen(text);
    bool *hide = xcalloc(n + 1, sizeof(*hide));

    conf_mask_line(text, n, hide);
    for (size_t i = 0; i < n; i++)
        strbuf_add(out, hide[i] ? "*" : text + i, 1);
    xfree(hide);
}
