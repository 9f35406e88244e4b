/* SPDX-License-Identifier: Apache-2.0 */
/* naive_match.h - the rules of a match once more, written to be read and not to be fast: what
 * the matcher is compared with. Reads the config's structs and shares no code with it. */
#ifndef OUTRIGGER_TESTS_NAIVE_MATCH_H
#define OUTRIGGER_TESTS_NAIVE_MATCH_H

#include "matchrig.h"

bool naive_fits(const struct match_conf *m, const struct rig_call *c);

#endif
