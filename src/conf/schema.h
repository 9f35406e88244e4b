/* SPDX-License-Identifier: Apache-2.0 */
/* conf/schema.h - JSON Schema (draft-07, the one that editors know best) from the rows.
 * Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_SCHEMA_H
#define OUTRIGGER_CONF_SCHEMA_H

struct conf_struct;
struct strbuf;

/* Adds the schema of a whole file. It accepts whatever the loader accepts; checks that
 * need several keys are the loader's alone. */
void conf_print_schema(const struct conf_struct *root, struct strbuf *out);

#endif
