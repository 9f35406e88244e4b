/* SPDX-License-Identifier: Apache-2.0 */
/* main/manpage.h - outrigger.json(5), the manual of the config file, from the rows. Pure;
 * any thread. */
#ifndef OUTRIGGER_MAIN_MANPAGE_H
#define OUTRIGGER_MAIN_MANPAGE_H

struct strbuf;

/* Adds the whole page in mdoc. man/outrigger.json.5 in the source tree is this text. */
void manpage_print(struct strbuf *out);

#endif
