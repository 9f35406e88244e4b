/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_conf.h - what the config file says about the calls that take a route.
 * Immutable after loading; owned by the config snapshot. The rules are those of gRFC A28 and
 * A63; proxy/matcher.h applies them. */
#ifndef OUTRIGGER_PROXY_MATCH_CONF_H
#define OUTRIGGER_PROXY_MATCH_CONF_H

#include "conf/field.h"

struct match_text {
    const char *text;
};

/* Exactly one of the three is not NULL when on. */
struct path_match_conf {
    const char *exact, *prefix, *regex;
    bool on;
};

struct range_conf {
    int64_t from, to; /* from <= value < to */
    bool on;
};

/* One header; exactly one of the eight kinds is given. */
struct header_match_conf {
    const char *name; /* lower case */
    const char *exact, *prefix, *suffix, *contains, *regex;
    struct conf_list one_of; /* of struct match_text; empty: not given */
    struct range_conf range;
    uint32_t present; /* enum conf_maybe */
    bool invert, ignore_case, missing_is_empty;
};

/* A name in the client's certificate; exactly one of the three. */
struct san_match_conf {
    const char *exact, *prefix, *suffix;
};

struct match_conf {
    struct conf_list hosts; /* of struct match_text; empty: any */
    const char *service;    /* NULL: any */
    const char *method;     /* NULL: any */
    struct path_match_conf path;
    struct conf_list headers; /* of struct header_match_conf; all must match */
    struct conf_list san;     /* of struct san_match_conf; one must match; empty: any */
    bool refused; /* while loading: a value was bad, so what is here may mean more */
};

extern const struct conf_struct match_conf_struct;

/* match_check.c, for the rows: sentences about what could never match. */
int match_service_valid(const char *text, const char **ret_why);
int match_method_valid(const char *text, const char **ret_why);
int match_host_valid(const char *text, const char **ret_why);
int match_path_valid(const char *text, const char **ret_why);
int match_path_prefix_valid(const char *text, const char **ret_why);
int match_value_valid(const char *text, const char **ret_why);
int match_part_valid(const char *text, const char **ret_why);
void match_path_check(void *obj, struct conf_place *place);
void match_range_check(void *obj, struct conf_place *place);
void match_header_check(void *obj, struct conf_place *place);
void match_san_check(void *obj, struct conf_place *place);
void match_check(void *obj, struct conf_place *place);

#endif
