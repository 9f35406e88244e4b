/* SPDX-License-Identifier: Apache-2.0 */
/* conf/print.h - the config as text: what is in force, or a commented file to start
 * from. Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_PRINT_H
#define OUTRIGGER_CONF_PRINT_H

#include <stddef.h>
#include <stdint.h>

struct conf_field;
struct conf_struct;
struct strbuf;

/* Adds obj with every default as plain JSON, which loads back to the same. Strings
 * without a value are left out. */
void conf_print(const struct conf_struct *root, const void *obj, struct strbuf *out);
/* The same for others to see: without what rows hide (enum conf_hide). It need not load. */
void
conf_print_shown(const struct conf_struct *root, const void *obj, struct strbuf *out);
/* Adds a file with every key, its default and its help as a comment. Keys without a
 * default have an example; those that are not required stand in a comment. It loads. */
void conf_print_template(const struct conf_struct *root, struct strbuf *out);

/* Adds s as a JSON string with its quotes. */
void conf_put_string(struct strbuf *out, const char *s);
/* Adds text, broken between words so that no line is longer than `width`; each line
 * starts with prefix and ends with \n. */
void
conf_put_wrapped(struct strbuf *out, const char *prefix, size_t width, const char *text);
/* True when the key has one natural value that stands for its object: "to": "app". Then
 * the row's example shows it best. */
int conf_is_short(const struct conf_field *f);

#endif
