/* SPDX-License-Identifier: Apache-2.0 */
/* conf/json.c - jansson behind names of our own. */
#include "conf/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "conf/jsonc.h"
#include "conf/scan.h"

/* jansson takes values that are not const, also where it only reads. */
static json_t *
own(const struct json_t *v)
{
    return (json_t *)(uintptr_t)v;
}

/* Nothing ends the text but n. */
static bool
text_is_blank(const char *text, size_t n)
{
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) && text[n - 1] != '\0')
        n--;
    return n == 0;
}

struct json_t *
jtree_read(const char *text, size_t n, struct jtree_fault *fault)
{
    json_error_t e;
    json_t *tree = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);

    if (tree)
        return tree;
    *fault = (struct jtree_fault){ 0 };
    if (e.line > 0) {
        fault->line = (size_t)e.line;
        fault->column = e.column > 0 ? (size_t)e.column : 1;
    }
    if (text_is_blank(text, n))
        snprintf(fault->why, sizeof(fault->why), "there is nothing in it");
    else
        snprintf(fault->why, sizeof(fault->why), "this is not JSON: %.160s", e.text);
    return NULL;
}

struct json_t *
jtree_read_relaxed(char *text, size_t n, struct jtree_fault *fault)
{
    size_t at = 0;
    int err = jsonc_blank(text, n, &at);

    if (err == ERR_OK)
        return jtree_read(text, n, fault);
    *fault = (struct jtree_fault){ 0 };
    scan_line_column(text, n, at, &fault->line, &fault->column);
    if (err == ERR_LIMIT)
        snprintf(fault->why, sizeof(fault->why),
                 "this is nested too deeply; the most is %d levels", JSONC_DEPTH_MAX);
    else
        snprintf(fault->why, sizeof(fault->why),
                 "the comment that starts here is never closed by */");
    return NULL;
}

void
jtree_free(struct json_t *root)
{
    json_decref(root);
}

const struct json_t *
jtree_get(const struct json_t *v, const char *key)
{
    const json_t *found = json_object_get(v, key);

    return json_is_null(found) ? NULL : found;
}

bool
jtree_is_object(const struct json_t *v)
{
    return json_is_object(v);
}

bool
jtree_is_list(const struct json_t *v)
{
    return json_is_array(v);
}

size_t
jtree_count(const struct json_t *v)
{
    return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

const struct json_t *
jtree_item(const struct json_t *list, size_t i)
{
    return json_array_get(list, i);
}

const char *
jtree_string(const struct json_t *v)
{
    return json_string_value(v);
}

const char *
jtree_get_string(const struct json_t *v, const char *key, const char *other)
{
    const char *s = json_string_value(json_object_get(v, key));

    return s ? s : other;
}

bool
jtree_int(const struct json_t *v, int64_t *ret)
{
    if (!json_is_integer(v))
        return false;
    *ret = json_integer_value(v);
    return true;
}

bool
jtree_number(const struct json_t *v, double *ret)
{
    if (!json_is_number(v))
        return false;
    *ret = json_number_value(v);
    return true;
}

bool
jtree_bool(const struct json_t *v, bool other)
{
    return json_is_boolean(v) ? json_is_true(v) : other;
}

void *
jtree_first(const struct json_t *object)
{
    return json_object_iter(own(object));
}

void *
jtree_next(const struct json_t *object, void *at)
{
    return json_object_iter_next(own(object), at);
}

const char *
jtree_key(void *at)
{
    return json_object_iter_key(at);
}

const struct json_t *
jtree_value(void *at)
{
    return json_object_iter_value(at);
}
