/*
 * Owns what is said of options that make no sense together. Must never let one pass that would have
 * no effect.
 */
#include "command/combination.h"

#include <stdio.h>
#include <string.h>

#include "command/misuse.h"
#include "command/option_table.h"

#define THERE_KEPT "how many channels there are is for who calls to say: kith serve --call"

/* An option of a daemon that wants another one, or excludes it. */
static const struct rule {
    unsigned command;
    const char *name;
    const char *wants;    /* or NULL */
    const char *excludes; /* or NULL */
    const char *hint;
} rules[] = {
    {FOR_SERVE, "spare", "call", NULL, NULL},
    {FOR_SERVE, "keep", "call", NULL, NULL},
    {FOR_SERVE, "keep-time", "call", NULL, NULL},
    {FOR_SERVE, "channel-age", "call", NULL, NULL},
    {FOR_SERVE, "ready-on", "call", NULL, NULL},
    {FOR_SERVE, "via", "call", NULL, NULL},
    {FOR_SERVE, "peer", NULL, "call", "nobody else may use these channels"},
    {FOR_SERVE, "inetd", NULL, "call", "the channel is there already"},
    {FOR_SERVE, "max-pending", NULL, "call", "nobody calls here"},
    {FOR_SERVE, "accept-proxy", NULL, "call", "nobody calls here"},
    {FOR_FORWARD, "accept-proxy", "accept", NULL, NULL},
    {FOR_FORWARD, "spare", NULL, "accept", THERE_KEPT},
    {FOR_FORWARD, "keep", NULL, "accept", THERE_KEPT},
    {FOR_FORWARD, "keep-time", NULL, "accept", THERE_KEPT},
    {FOR_FORWARD, "channel-age", NULL, "accept", THERE_KEPT},
    {FOR_FORWARD, "via", NULL, "accept", "nobody is called"},
    {FOR_FORWARD, "plain", NULL, "accept", "who calls keeps its channels"},
};

static bool is_given(const struct options *options, const char *name)
{
    const struct option_spec *specs;
    size_t count;

    specs = option_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(specs[i].name, name) == 0 && (options->given & option_bit(&specs[i])) != 0)
            return true;
    }
    return false;
}

static enum kith_error refuse(const struct command_form *form, const struct rule *rule)
{
    char name[32], why[48];
    const char *other = rule->wants != NULL ? rule->wants : rule->excludes;

    (void)snprintf(name, sizeof(name), "--%s", rule->name);
    (void)snprintf(why, sizeof(why), "%s --%s", rule->wants != NULL ? "is for" : "excludes", other);
    return misuse_log(form->name, name, why, rule->hint);
}

enum kith_error combination_check(const struct options *options, const struct command_form *form)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];

        if (rule->command != form->bit || !is_given(options, rule->name))
            continue;
        if ((rule->wants != NULL && !is_given(options, rule->wants)) ||
            (rule->excludes != NULL && is_given(options, rule->excludes)))
            return refuse(form, rule);
    }
    if (options->call != NULL && options->spare == 0)
        return misuse_log(form->name, "--spare 0", "leaves no channel to be used", NULL);
    if (options->accept != NULL && options->program != NULL)
        return misuse_log(form->name, "--run", "excludes --accept",
                          "who calls comes when it can; --ready-fd tells once it has");
    return OK;
}
