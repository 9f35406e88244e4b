/* SPDX-License-Identifier: Apache-2.0 */
/* conf/alias.h - words that users of other proxies type, and keys that belong to
 * another place of our file.
 * Only for hints in error messages: an alias never works as a key. Pure functions; any
 * thread. */
#ifndef OUTRIGGER_CONF_ALIAS_H
#define OUTRIGGER_CONF_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

struct conf_struct;
struct conf_variant;
struct strbuf;

/* Adds a hint for the unknown key `word` of an object of `type`, starting with "; ":
 * the right key here, the list here or elsewhere in which this is a kind, the path below or
 * elsewhere in the file where such a key lives, or the list of keys here. variant: whose keys stand there too; NULL: none. Returns the key
 * that was probably meant, or NULL. */
const char *alias_suggest(struct strbuf *out, const struct conf_struct *root,
                          const struct conf_struct *type,
                          const struct conf_struct *variant, const char *word);
/* What a key asks for that this version does not have, "retries", unless `type` has a key
 * of nearly this name, or the file has a kind of it; NULL: nothing is known of it. */
const char *alias_later(const struct conf_struct *root, const struct conf_struct *type,
                        const char *word);
/* The kind is called `word` here or in other proxies. */
bool alias_is_kind(const struct conf_variant *v, const char *word);
/* Adds what is probably meant by a value that is none of words[0..n), also in the words of
 * other proxies, or "; <what>: " and the list of words. what NULL: no list. */
void alias_suggest_word(struct strbuf *out, const char *value, const char *const *words,
                        size_t n, const char *what);

#endif
