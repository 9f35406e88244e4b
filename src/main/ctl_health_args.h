/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health_args.h - the command line of "outriggerctl health": that of grpc_health_probe, which Kubernetes manifests and scripts already have. A flag begins with one dash or two; its
 * value stands behind "=" or, but for a switch, as the next word. Pure; strings point into argv. */
#ifndef OUTRIGGER_MAIN_CTL_HEALTH_ARGS_H
#define OUTRIGGER_MAIN_CTL_HEALTH_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "main/ctl_args.h"

enum { HEALTH_HEADERS_MAX = 8, HEALTH_FIELD_MAX = 1024 };

#define HEALTH_DEFAULT_ADDRESS "127.0.0.1:9902"

struct strbuf;

struct health_header {
    char text[HEALTH_FIELD_MAX]; /* name, NUL, value, NUL; the name in lower case */
    const char *value;
};

struct health_args {
    const char *addr, *service, *user_agent;
    int64_t connect_timeout_ms, rpc_timeout_ms;
    bool tls, tls_no_verify, verbose, help, version;
    const char *ca_cert, *client_cert, *client_key, *server_name; /* NULL: not given */
    size_t header_count;
    struct health_header headers[HEALTH_HEADERS_MAX];
};

/* ERR_SYNTAX: why has a sentence without a line end. argv[0] is the command. */
int health_args_parse(struct health_args *a, int argc, char **argv,
                      struct strbuf *why) MUST_CHECK;
/* The flags, for help, manual and completions. */
extern const struct ctl_option health_options[];

#endif
