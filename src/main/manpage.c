/* SPDX-License-Identifier: Apache-2.0 */
/* main/manpage.c - the words around the list of keys. */
#include "main/manpage.h"

#include "base/strbuf.h"
#include "conf/explain.h"
#include "conf/man.h"
#include "main/config.h"

static const char head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made by outrigger --print-man; change the rows in src, not this file.\n"
    ".Dd November 22, 2026\n"
    ".Dt OUTRIGGER.JSON 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm outrigger.json\n"
    ".Nd configuration of outrigger\n"
    ".Sh DESCRIPTION\n"
    "The file holds one JSON object in UTF\\-8.\n"
    "Comments\n"
    ".Pf ( Li //\n"
    "to the end of the line, and\n"
    ".Li /* */ )\n"
    "and a comma before a closing bracket are allowed.\n"
    "The smallest file is\n"
    ".Bd -literal\n"
    "{ \\(dqversion\\(dq: 1,\n"
    "  \\(dqlisteners\\(dq: [{ \\(dqlisten\\(dq: \\(dq:8080\\(dq, "
    "\\(dqroutes\\(dq: [{ \\(dqto\\(dq: \\(dqapp\\(dq }] }],\n"
    "  \\(dqpools\\(dq: [{ \\(dqname\\(dq: \\(dqapp\\(dq, "
    "\\(dqendpoints\\(dq: [\\(dq127.0.0.1:50051\\(dq] }] }\n"
    ".Ed\n"
    ".Pp\n"
    "A key that is not known is an error.\n"
    "Keys that start with\n"
    ".Cm x\\-\n"
    "are for notes of the reader and allowed everywhere;\n"
    ".Cm $schema\n"
    "is allowed at the top.\n"
    ".Pp\n"
    ".Ic outrigger -t -c Ar file\n"
    "shows everything that is wrong with a file, with line and column, and\n"
    ".Ic outrigger --print-config\n"
    "writes a file with every key, its default and a comment.\n"
    ".Sh VALUES\n"
    ".Bl -tag -width Ds\n"
    ".It duration\n"
    "A string of numbers with units, large units first:\n"
    ".Li 250ms , 1.5s , 1m30s .\n"
    "Units are ns, us, ms, s, m, h and d; a unit is always needed.\n"
    ".It size\n"
    "A string of a number with a unit:\n"
    ".Li 64KiB , 4MiB\n"
    "or\n"
    ".Li 4Mi\n"
    "in steps of 1024,\n"
    ".Li 4MB\n"
    "in steps of 1000,\n"
    ".Li 512B .\n"
    ".It variables\n"
    ".Li ${NAME}\n"
    "in a string stands for an environment variable, which must be set;\n"
    ".Li ${NAME:\\-text}\n"
    "gives the text when it is unset or empty.\n"
    "They are put in after the file is read, so they cannot add keys.\n"
    "A number may come from a variable too:\n"
    ".Li \\(dqworkers\\(dq: \\(dq${WORKERS:\\-2}\\(dq .\n"
    ".Li $${\n"
    "stands for the two characters\n"
    ".Li ${ .\n"
    ".El\n"
    ".Sh KEYS\n"
    "Every key that is not required has a default; the default of an object is made of\n"
    "those of its keys.\n";

static const char tail[] = ".Sh SEE ALSO\n"
                           ".Xr outrigger 8\n";

void
manpage_print(struct strbuf *out)
{
    strbuf_puts(out, head);
    conf_print_man(&config_struct, out);
    strbuf_puts(out, ".Sh DIAGNOSTICS\n"
                     "Each kind of problem has a code;\n"
                     ".Ic outrigger --explain Ar code\n"
                     "shows an example.\n"
                     ".Bl -tag -width E0000 -compact\n");
    for (const struct explain_code *c = explain_codes; c->code; c++)
        strbuf_printf(out, ".It %s\n%s\n", c->code, c->title);
    strbuf_puts(out, ".El\n");
    strbuf_puts(out, tail);
}
