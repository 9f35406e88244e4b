/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/regex.c - the only file that knows PCRE2. */
#include "proxy/regex.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum {
    PATTERN_MAX = 1024,
    /* How often a match may try again: `.*` over the longest text needs one step per byte,
     * and 20,000 steps take about a third of a millisecond. */
    STEPS_MAX = 20000,
    DEPTH_MAX = 20000,   /* of tries within tries, for the interpreter */
    HEAP_MAX_KIB = 2048, /* the interpreter needs some 200 bytes per step */
    JIT_STACK_MIN = 32 * 1024,
    JIT_STACK_MAX = 256 * 1024,
};

struct regex {
    pcre2_code *code;
};

/* What a match works in. */
struct workplace {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static _Thread_local struct workplace *workplace_current;
static pthread_key_t workplace_key; /* only for its destructor */
static pthread_once_t workplace_once = PTHREAD_ONCE_INIT;

static void
workplace_free(void *arg)
{
    struct workplace *w = arg;

    pcre2_match_data_free(w->data);
    pcre2_match_context_free(w->context);
    pcre2_jit_stack_free(w->stack);
    xfree(w);
}

static void
workplace_init(void)
{
    pthread_key_create(&workplace_key, workplace_free);
}

static struct workplace *
workplace_get(void)
{
    struct workplace *w = workplace_current;

    if (w)
        return w;
    pthread_once(&workplace_once, workplace_init);
    w = xcalloc(1, sizeof *w);
    w->data = pcre2_match_data_create(1, NULL);
    w->context = pcre2_match_context_create(NULL);
    w->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (!w->data || !w->context) {
        workplace_free(w);
        return NULL;
    }
    pcre2_set_match_limit(w->context, STEPS_MAX);
    pcre2_set_depth_limit(w->context, DEPTH_MAX);
    pcre2_set_heap_limit(w->context, HEAP_MAX_KIB);
    pcre2_jit_stack_assign(w->context, NULL, w->stack);
    workplace_current = w;
    pthread_setspecific(workplace_key, w);
    return w;
}

/* Bytes, not characters: header values are no UTF-8. */
static pcre2_code *
regex_compile(const char *pattern, int *ret_error, size_t *ret_at)
{
    return pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                         PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_UTF |
                             PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOTALL,
                         ret_error, ret_at, NULL);
}

int
regex_check(const char *pattern, struct strbuf *why)
{
    pcre2_code *code;
    PCRE2_UCHAR text[160];
    size_t at = 0;
    int error = 0;

    if (strlen(pattern) > PATTERN_MAX) {
        strbuf_printf(why, "it has more than %d characters", PATTERN_MAX);
        return ERR_SYNTAX;
    }
    code = regex_compile(pattern, &error, &at);
    if (code) {
        pcre2_code_free(code);
        return ERR_OK;
    }
    if (pcre2_get_error_message(error, text, sizeof text) < 0)
        snprintf((char *)text, sizeof text, "it cannot be compiled");
    strbuf_printf(why, "%s, at character %zu", (const char *)text, at + 1);
    if (at < strlen(pattern))
        strbuf_printf(why, " (\"%.16s\")", pattern + at);
    return ERR_SYNTAX;
}

struct regex *
regex_new(const char *pattern)
{
    struct regex *r;
    size_t at = 0;
    int error = 0;
    pcre2_code *code = regex_compile(pattern, &error, &at);

    if (!code)
        return NULL;
    /* Without it (not built in, or memory may not be executed) the interpreter works. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    r = xcalloc(1, sizeof *r);
    r->code = code;
    return r;
}

void
regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    xfree(r);
}

enum regex_result
regex_match(const struct regex *r, struct slice text)
{
    struct workplace *w;
    int rc;

    if (text.n > REGEX_TEXT_MAX)
        return REGEX_GAVE_UP;
    w = workplace_get();
    if (!w)
        return REGEX_GAVE_UP;
    rc = pcre2_match(r->code, text.p ? text.p : (PCRE2_SPTR) "", text.n, 0, 0, w->data,
                     w->context);
    if (rc >= 0)
        return REGEX_YES;
    return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_GAVE_UP;
}

const char *
regex_library_version(void)
{
    static char text[32];

    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) > (int)sizeof text ||
        pcre2_config(PCRE2_CONFIG_VERSION, text) < 0)
        return "?";
    text[strcspn(text, " ")] = '\0';
    return text;
}
