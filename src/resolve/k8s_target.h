/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_target.h - "k8s:///service.namespace:port" and "https://10.96.0.1:443". Pure;
 * any thread. */
#ifndef OUTRIGGER_RESOLVE_K8S_TARGET_H
#define OUTRIGGER_RESOLVE_K8S_TARGET_H

#include <stdint.h>

#include "base/compat.h"
#include "net/addr.h"

enum { K8S_LABEL_MAX = 63, K8S_PORT_NAME_MAX = 15 };

struct k8s_target {
    char service[K8S_LABEL_MAX + 1];
    char namespace[K8S_LABEL_MAX + 1]; /* "": the default one */
    uint16_t port;                     /* 0: by name */
    char port_name[K8S_PORT_NAME_MAX + 1];
};

struct k8s_server {
    struct addr addr;
    char name[ADDR_TEXT_MAX];      /* whom its certificate must be for: the IP address */
    char authority[ADDR_TEXT_MAX]; /* "10.96.0.1:443" */
};

/* All three: ERR_OK, or ERR_SYNTAX with a plain sentence. */
int k8s_target_parse(const char *target, struct k8s_target *ret,
                     const char **ret_why) MUST_CHECK;
int k8s_server_parse(const char *url, struct k8s_server *ret,
                     const char **ret_why) MUST_CHECK;
/* RFC 1123: small letters, digits and '-', at most 63 of them. */
int k8s_label_valid(const char *text, const char **ret_why);

#endif
