/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_routes.h - checks of routes that need the pools too. Loading thread only. */
#ifndef OUTRIGGER_MAIN_CONFIG_ROUTES_H
#define OUTRIGGER_MAIN_CONFIG_ROUTES_H

struct conf_place;
struct config;

/* Each route, and each filter that calls a service, must name pools that are there (E0201), each pool should have a route (W0302), and the labels of a subset should be labels that an endpoint
 * of the pool can have (W0331). place: the root. */
void config_check_routes(const struct config *c, struct conf_place *place);

#endif
