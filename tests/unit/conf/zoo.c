/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/conf/zoo.c - the rows of the small format. */
#include "zoo.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "conf/snapshot.h"

static const char *const moods[] = { "calm", "wild", NULL };
static const char *const foods[] = { "hay", "meat", NULL };

static int
animal_valid(const char *text, const char **ret_why)
{
    *ret_why = "it must be written in small letters";
    return strspn(text, "abcdefghijklmnopqrstuvwxyz") == strlen(text) ? 0 : ERR_SYNTAX;
}

static const struct conf_field cage_fields[] = {
    { .key = "animal",
      .type = CONF_STRING,
      .at = offsetof(struct cage, animal),
      .required = true,
      .valid = animal_valid,
      .code = "E0299",
      .example = "\"lion\"",
      .help = "Who lives there." },
    { .key = "count",
      .type = CONF_UINT,
      .at = offsetof(struct cage, count),
      .def = "1",
      .min = 1,
      .max = 10,
      .example = "2",
      .help = "How many." },
    { .key = NULL },
};

static const struct conf_struct cage_struct = {
    .name = "cage",
    .size = sizeof(struct cage),
    .fields = cage_fields,
    .short_key = "animal",
};

static const struct conf_field gate_fields[] = {
    { .key = "openFor",
      .type = CONF_DURATION,
      .at = offsetof(struct zoo_gate, open_ms),
      .def = "120s",
      .min = 10,
      .max = 3600000,
      .example = "\"1m\"",
      .help = "How long the gate stays open." },
    { .key = "width",
      .type = CONF_SIZE,
      .at = offsetof(struct zoo_gate, width),
      .def = "1KiB",
      .min = 1,
      .example = "\"1KiB\"",
      .help = "No upper bound." },
    { .key = "height",
      .type = CONF_SIZE,
      .at = offsetof(struct zoo_gate, height),
      .def = "4KiB",
      .max = 1 << 20,
      .example = "\"4KiB\"",
      .help = "At least width." },
    { .key = NULL },
};

static void
gate_check(void *obj, struct conf_place *place)
{
    const struct zoo_gate *gate = obj;

    conf_check_at_least(place, CONF_SIZE, "height", (int64_t)gate->height, "width",
                        (int64_t)gate->width);
}

static const struct conf_struct gate_struct = {
    .name = "gate",
    .size = sizeof(struct zoo_gate),
    .fields = gate_fields,
    .check = gate_check,
};

static const struct conf_field word_fields[] = {
    { .key = "word",
      .type = CONF_STRING,
      .at = offsetof(struct word, word),
      .required = true,
      .example = "\"hi\"",
      .help = "A word." },
    { .key = NULL },
};

static const struct conf_struct word_struct = {
    .name = "word",
    .size = sizeof(struct word),
    .fields = word_fields,
    .short_key = "word",
};

static const struct conf_field lamp_fields[] = {
    { .key = "color",
      .type = CONF_STRING,
      .at = offsetof(struct lamp, color),
      .example = "\"red\"",
      .help = "What it looks like." },
    { .key = "warmth",
      .type = CONF_INT,
      .at = offsetof(struct lamp, warmth),
      .def = "-5",
      .example = "-9000000000",
      .help = "Any number." },
    { .key = "lit",
      .type = CONF_MAYBE,
      .at = offsetof(struct lamp, lit),
      .example = "true",
      .help = "Nobody may know." },
    { .key = "words",
      .type = CONF_LIST,
      .at = offsetof(struct lamp, words),
      .max = 2,
      .one_ok = true,
      .sub = &word_struct,
      .example = "\"hi\"",
      .help = "What is written on it." },
    { .key = NULL },
};

static void
lamp_check(void *obj, struct conf_place *place)
{
    const struct lamp *lamp = obj;

    if (strcmp(lamp->name, "sun") == 0)
        conf_problem(place, NULL, "E0295", "the sun is no lamp");
    for (size_t i = 0; i < lamp->words.n; i++) {
        const struct word *w = (const struct word *)lamp->words.items + i;

        if (w->word && strcmp(w->word, "off") == 0)
            conf_problem_item(place, "words", i, NULL, "E0294", "a confusing word");
    }
}

static const struct conf_struct lamp_struct = {
    .name = "lamp",
    .size = sizeof(struct lamp),
    .fields = lamp_fields,
    .short_key = "color",
    .key_at = offsetof(struct lamp, name),
    .check = lamp_check,
};

static const struct conf_field train_fields[] = {
    { .key = "wagons",
      .type = CONF_UINT,
      .at = offsetof(struct train, wagons),
      .min = 1,
      .max = 10,
      .required = true,
      .example = "3",
      .help = "How long it is." },
    { .key = "whistle",
      .type = CONF_STRING,
      .at = offsetof(struct train, whistle),
      .example = "\"tuut\"",
      .help = "What it says." },
    { .key = "stops",
      .type = CONF_LIST,
      .at = offsetof(struct train, stops),
      .max = 3,
      .sub = &word_struct,
      .example = "[\"lions\"]",
      .help = "Where it stops." },
    { .key = NULL },
};

static void
train_check(void *obj, struct conf_place *place)
{
    const struct train *train = obj;

    if (train->wagons == 7)
        conf_problem(place, "wagons", "E0293", "an unlucky train");
}

static const struct conf_struct train_struct = {
    .name = "train",
    .size = sizeof(struct train),
    .fields = train_fields,
    .check = train_check,
};

static const struct conf_field boat_fields[] = {
    { .key = "seats",
      .type = CONF_UINT,
      .at = offsetof(struct boat, seats),
      .def = "4",
      .min = 1,
      .max = 8,
      .example = "6",
      .help = "How many may come." },
    { .key = "trips",
      .type = CONF_RATE,
      .at = offsetof(struct boat, trips),
      .def = "10/h",
      .min = 1,
      .max = 100 * CONF_PER_S,
      .example = "\"6/h\"",
      .help = "How often it goes." },
    { .key = NULL },
};

static const struct conf_struct boat_struct = {
    .name = "boat",
    .size = sizeof(struct boat),
    .fields = boat_fields,
};

static const struct conf_field swing_fields[] = {
    { .key = NULL },
};

static const struct conf_struct swing_struct = {
    .name = "swing",
    .size = sizeof(struct swing),
    .fields = swing_fields,
};

static const struct conf_variant rides[] = {
    { "train", &train_struct, "Goes around. It is slow.", NULL },
    { "boat", &boat_struct, "Goes over the lake.", NULL },
    { "swing", &swing_struct, "Goes up and down.", NULL },
    { .tag = NULL },
};

static const struct conf_field ride_fields[] = {
    { .key = "type",
      .type = CONF_ENUM,
      .at = offsetof(struct ride, type),
      .variants = rides,
      .required = true,
      .example = "\"boat\"",
      .help = "What it is." },
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct ride, name),
      .example = "\"Molly\"",
      .help = "What it is called." },
    { .key = "off",
      .type = CONF_BOOL,
      .at = offsetof(struct ride, off),
      .def = "false",
      .example = "true",
      .help = "It does not go today." },
    { .key = NULL },
};

static void
ride_check(void *obj, struct conf_place *place)
{
    struct ride *ride = obj;

    if (ride->name && strcmp(ride->name, "Titanic") == 0)
        conf_problem(place, "name", "E0292", "no");
}

const struct conf_struct ride_struct = {
    .name = "ride",
    .size = sizeof(struct ride),
    .fields = ride_fields,
    .short_key = "type",
    .tag_key = "type",
    .value_at = offsetof(struct ride, kind),
    .off_key = "off",
    .check = ride_check,
};

static const struct conf_field zoo_fields[] = {
    { .key = "version",
      .type = CONF_UINT,
      .at = offsetof(struct zoo, version),
      .min = 1,
      .max = 1,
      .required = true,
      .example = "1",
      .help = "Always 1." },
    { .key = "closed",
      .type = CONF_BOOL,
      .at = offsetof(struct zoo, closed),
      .def = "false",
      .example = "true",
      .help = "Nobody may come in." },
    { .key = "mood",
      .type = CONF_ENUM,
      .at = offsetof(struct zoo, mood),
      .def = "calm",
      .words = moods,
      .example = "\"wild\"",
      .help = "How they feel." },
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct zoo, name),
      .def = "zoo",
      .example = "\"zoo\"",
      .help = "Has a default." },
    { .key = "motto",
      .type = CONF_STRING,
      .at = offsetof(struct zoo, motto),
      .example = "\"be kind\"",
      .help = "Has none." },
    { .key = "food",
      .type = CONF_STRING,
      .at = offsetof(struct zoo, food),
      .def = "hay",
      .words = foods,
      .example = "\"meat\"",
      .help = "One of few words." },
    { .key = "gate",
      .type = CONF_OBJECT,
      .at = offsetof(struct zoo, gate),
      .sub = &gate_struct,
      .example = "{ \"openFor\": \"1m\" }",
      .help = "Where to come in." },
    { .key = "star",
      .type = CONF_OBJECT,
      .at = offsetof(struct zoo, star),
      .sub = &cage_struct,
      .example = "\"lion\"",
      .help = "The most famous one." },
    { .key = "cages",
      .type = CONF_LIST,
      .at = offsetof(struct zoo, cages),
      .max = 5,
      .sub = &cage_struct,
      .example = "[\"lion\"]",
      .help = "All others." },
    { .key = "price",
      .type = CONF_NUMBER,
      .at = offsetof(struct zoo, price),
      .def = "2.5",
      .min = 1,
      .max = 100,
      .example = "2.5",
      .help = "What a ticket costs." },
    { .key = "tax",
      .type = CONF_PERCENT,
      .at = offsetof(struct zoo, tax),
      .def = "19%",
      .max = 100,
      .example = "\"19%\"",
      .help = "What the state takes." },
    { .key = "signs",
      .type = CONF_MAP,
      .at = offsetof(struct zoo, signs),
      .max = 3,
      .example = "{ \"lion\": \"do not feed\" }",
      .help = "What is written where." },
    { .key = "guests",
      .type = CONF_LIST,
      .at = offsetof(struct zoo, guests),
      .min = 1,
      .max = 3,
      .one_ok = true,
      .sub = &cage_struct,
      .example = "\"ape\"",
      .help = "One or some." },
    { .key = "lamps",
      .type = CONF_DICT,
      .at = offsetof(struct zoo, lamps),
      .max = 3,
      .sub = &lamp_struct,
      .example = "{ \"gate\": \"red\" }",
      .help = "By their names." },
    { .key = "rides",
      .type = CONF_LIST,
      .at = offsetof(struct zoo, rides),
      .max = 5,
      .sub = &ride_struct,
      .example = "[\"swing\", { \"type\": \"train\", \"wagons\": 3 }]",
      .help = "What children like." },
    { .key = "moreRides",
      .type = CONF_LIST,
      .at = offsetof(struct zoo, more_rides),
      .max = 5,
      .sub = &ride_struct,
      .see = "rides",
      .example = "[\"swing\"]",
      .help = "What others like." },
    { .key = "visitors",
      .type = CONF_RATE,
      .at = offsetof(struct zoo, visitors),
      .def = "100/s",
      .min = 1,
      .max = 1000 * CONF_PER_S,
      .example = "\"100/s\"",
      .help = "How many may come in." },
    { .key = NULL },
};

static void
zoo_check(void *obj, struct conf_place *place)
{
    const struct zoo *zoo = obj;
    const struct cage *cages = zoo->cages.items;

    conf_check_unique(place, "cages", &zoo->cages, sizeof *cages,
                      offsetof(struct cage, animal), "animal", NULL);
    for (size_t i = 0; i < zoo->cages.n; i++) {
        if (cages[i].animal && strcmp(cages[i].animal, "dragon") == 0)
            conf_problem_item(place, "cages", i, NULL, "E0298", "no dragons here");
        if (cages[i].animal && strcmp(cages[i].animal, "mouse") == 0)
            conf_warning_item(place, "cages", i, "animal", "W0397", "small");
    }
    if (zoo->motto && strcmp(zoo->motto, "none") == 0)
        conf_problem(place, "motto", "E0297", "a real one");
    if (zoo->closed)
        conf_warning(place, "closed", "W0398", "nobody will come");
    if (zoo->gate.width == 77)
        conf_problem(place, "gate.width", "E0296", "an unlucky width");
}

const struct conf_struct zoo_struct = {
    .name = "zoo",
    .size = sizeof(struct zoo),
    .fields = zoo_fields,
    .check = zoo_check,
};

const char *
zoo_problems(const char *text)
{
    static char out[64 * 1024];
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    strbuf_init(&problems, sizeof out - 1);
    if (conf_load_text(&zoo_struct, "z", text, strlen(text), &problems, &s) == 0)
        conf_drop(s);
    snprintf(out, sizeof out, "%s", problems.s ? problems.s : "");
    strbuf_done(&problems);
    return out;
}
