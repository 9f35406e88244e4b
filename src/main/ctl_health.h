/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health.h - "outriggerctl health": asks any gRPC server for its health (grpc.health.v1 Check) with the flags and the exit codes of grpc_health_probe, for probes that run a
 * command: 0 SERVING, 1 wrong use (also: a file of TLS that cannot be read), 2 no connection, 3 no answer, 4 the answer is not SERVING. */
#ifndef OUTRIGGER_MAIN_CTL_HEALTH_H
#define OUTRIGGER_MAIN_CTL_HEALTH_H

/* argv[0] is the command. Returns the exit code. */
int ctl_health(int argc, char **argv);

#endif
