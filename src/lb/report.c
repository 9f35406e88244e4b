/* SPDX-License-Identifier: Apache-2.0 */
/* lb/report.c - from grpc/orca.h to struct lb_report. */
#include "lb/report.h"

#include "base/err.h"
#include "grpc/orca.h"
#include "lb/lb_conf.h"

_Static_assert(sizeof(struct metric_name_conf) == sizeof(const char *),
               "a list of names is an array of strings");

static struct orca_names
report_names(const struct balance_conf *conf)
{
    return (struct orca_names){ .v = conf->metric_names.items,
                                .n = conf->metric_names.n };
}

static int
report_take(int err, const struct orca_load *load, struct lb_report *ret)
{
    if (err == ERR_OK)
        *ret = (struct lb_report){ .qps = load->qps,
                                   .eps = load->eps,
                                   .utilization = load->utilization };
    return err;
}

int
report_read_trailers(const struct balance_conf *conf, struct slice bin, struct slice text,
                     struct lb_report *ret)
{
    struct orca_names names = report_names(conf);
    struct orca_load load;
    int err = ERR_SYNTAX;

    if (bin.n)
        err = orca_read_base64(bin, &names, &load);
    if (err != ERR_OK && text.n)
        err = orca_read_text(text, &names, &load);
    return report_take(err, &load, ret);
}

int
report_read_message(const struct balance_conf *conf, struct slice message,
                    struct lb_report *ret)
{
    struct orca_names names = report_names(conf);
    struct orca_load load;

    return report_take(orca_read_message(message, &names, &load), &load, ret);
}
