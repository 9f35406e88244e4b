/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_check.h - the checks of the rows of "tls", which read the files. For tls_conf.c
 * only. */
#ifndef OUTRIGGER_NET_TLS_CHECK_H
#define OUTRIGGER_NET_TLS_CHECK_H

struct conf_place;

void tls_check_cert(void *obj, struct conf_place *place);
void tls_check_san(void *obj, struct conf_place *place);
void tls_check_server(void *obj, struct conf_place *place);
void tls_check_client(void *obj, struct conf_place *place);

#endif
