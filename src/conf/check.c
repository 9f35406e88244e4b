/* SPDX-License-Identifier: Apache-2.0 */
/* conf/check.c - checks that several rooms need. The reporting functions of the header
 * are in problem.c. */
#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/problem.h"
#include "conf/values.h"

void
conf_check_at_least(struct conf_place *place, enum conf_type type, const char *key,
                    int64_t value, const char *other, int64_t other_value)
{
    const struct conf_field row = { .type = type };
    char text[VALUE_TEXT_MAX], other_text[VALUE_TEXT_MAX];

    if (value >= other_value || !conf_place_clean(place))
        return;
    field_print_number(&row, value, text);
    field_print_number(&row, other_value, other_text);
    conf_problem(place, place_has_key(place, key) ? key : other, "E0210",
                 "%s is %s; it must be at least %s, which is %s", key, text, other,
                 other_text);
}

bool
conf_place_has(const struct conf_place *place, const char *key)
{
    return place_has_key(place, key);
}

uint64_t
conf_given(const struct conf_place *place, const struct conf_struct *type)
{
    uint64_t given = 0;

    for (unsigned i = 0; i < 64 && type->fields[i].key; i++)
        given |= (uint64_t)place_has_key(place, type->fields[i].key) << i;
    return given;
}

bool
conf_place_is_stdin(const struct conf_place *place)
{
    return strcmp(place->out->name, "<stdin>") == 0;
}

struct named {
    const char *name;
    size_t i;
};

static int
named_compare(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->i > y->i) - (x->i < y->i);
}

void
conf_check_unique(struct conf_place *place, const char *key, const struct conf_list *list,
                  size_t item_size, size_t at, const char *sub, const char *warn_code)
{
    struct named *all = xcalloc(list->n + 1, sizeof *all);
    size_t n = 0, first = 0;

    for (size_t i = 0; i < list->n; i++) {
        const char *name = *(const char **)((char *)list->items + i * item_size + at);

        if (name)
            all[n++] = (struct named){ .name = name, .i = i };
    }
    qsort(all, n, sizeof *all, named_compare);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(all[i].name, all[first].name) != 0)
            first = i;
        else if (warn_code)
            conf_warning_item(place, key, all[i].i, sub, warn_code,
                              "\"%s\" is in this list twice; %s[%zu] is the first",
                              all[i].name, key, all[first].i);
        else
            conf_problem_item(place, key, all[i].i, sub, "E0202",
                              "the name \"%s\" is used twice; %s[%zu] has it already",
                              all[i].name, key, all[first].i);
    }
    xfree(all);
}

int
conf_name_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why =
        "a name has 1 to 128 bytes, without control characters, quotes and backslashes";
    if (n == 0 || n > 128)
        return ERR_SYNTAX;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            return ERR_SYNTAX;
    }
    return 0;
}
