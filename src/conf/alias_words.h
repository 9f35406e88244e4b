/* SPDX-License-Identifier: Apache-2.0 */
/* conf/alias_words.h - the words of Envoy, HAProxy, nginx, Traefik, linkerd and gRPC, and
 * what they are called here. Words are compared without case, '_', '-' and spaces, so that
 * Envoy's connect_timeout, its JSON form connectTimeout and HAProxy's "timeout connect"
 * need one row each. Used by conf/alias.c and tests only. Const; any thread. */
#ifndef OUTRIGGER_CONF_ALIAS_WORDS_H
#define OUTRIGGER_CONF_ALIAS_WORDS_H

struct alias {
    const char *word;
    /* Name of the struct in which the row counts; NULL: in every one. */
    const char *level;
    /* Key or path below the object; a row whose path does not exist there is skipped.
     * NULL: there is no such key, and say is the rest of the sentence. */
    const char *path, *say;
};

/* Of several rows that fit, one with a level wins, then the first. Ends at word NULL. */
extern const struct alias alias_words[];

/* Words for what this version does not have. */
struct alias_later {
    const char *word, *what; /* what: "retries" */
};

extern const struct alias_later alias_laters[];

/* Values: only for keys whose list of words has `word`. */
struct alias_value {
    const char *value, *word;
};

extern const struct alias_value alias_values[];

#endif
