/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_conf.h - what the config file says about asking Kubernetes: the object "k8s" of
 * a pool. In a pod nothing of it is needed. Immutable after loading; owned by the config
 * snapshot. */
#ifndef OUTRIGGER_RESOLVE_K8S_CONF_H
#define OUTRIGGER_RESOLVE_K8S_CONF_H

#include "conf/field.h"

#define K8S_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct k8s_conf {
    const char *api_server; /* "https://10.96.0.1:443"; NULL: from the environment */
    const char *token_file, *ca_file;
    const char *namespace; /* NULL: the pod's own */
};

extern const struct conf_struct k8s_conf_struct; /* named "k8s" */

#endif
