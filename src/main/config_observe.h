/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_observe.h - the settings of what watches calls, which stand in several places of the file: log.access and tracing hold for all listeners, a filter of a
 * listener's list takes from there what it does not say itself, and a route's entry takes it from the listener's. Loading thread only. */
#ifndef OUTRIGGER_MAIN_CONFIG_OBSERVE_H
#define OUTRIGGER_MAIN_CONFIG_OBSERVE_H

struct conf_place;
struct config;

/* Fills in what is left out. A filter tracing without a collector is a problem (E0484). place: the root. */
void config_observe(struct config *c, struct conf_place *place);

#endif
