/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_text.h - what outriggerctl says of itself, made from the rows of its commands.
 * Pure; any thread. */
#ifndef OUTRIGGER_MAIN_CTL_TEXT_H
#define OUTRIGGER_MAIN_CTL_TEXT_H

struct ctl_command;
struct strbuf;

/* outriggerctl --help */
void ctl_text_help(struct strbuf *out);
/* outriggerctl COMMAND --help */
void ctl_text_command(const struct ctl_command *c, struct strbuf *out);
/* outriggerctl(1), in roff; man/outriggerctl.1 is compared with it. */
void ctl_text_man(struct strbuf *out);

#endif
