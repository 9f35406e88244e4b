/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_load.h - the demo's load: about 100 real calls a second through the proxy,
 * from a thread of its own, and a line a second on stdout about how they ended.  Main
 * thread. */
#ifndef OUTRIGGER_MAIN_DEMO_LOAD_H
#define OUTRIGGER_MAIN_DEMO_LOAD_H

#include "net/addr.h"

enum { DEMO_LOAD_RATE = 100 }; /* calls a second */

struct demo_load;

struct demo_load *demo_load_start(const struct addr *proxy);
void demo_load_stop(struct demo_load *l); /* NULL is fine */

#endif
