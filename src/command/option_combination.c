/*
 * Owns which options go with each other, and what is said of those that do not. Must never let one
 * pass that would have no effect.
 */
#include "command/option_combination.h"

#include <stdio.h>
#include <string.h>

#include "command/misuse.h"
#include "command/option_table.h"
#include "helpers/via.h"

#define THERE_KEPT "the side that calls decides how many channels there are: kith serve --call"
#define VIA_CONNECTS "the command has the connection"
#define INETD_LISTENS_NOT "it listens nowhere"

enum relation { EXCLUDES, IS_FOR, NEEDS };

static const char *const verbs[] = {
    [EXCLUDES] = "excludes",
    [IS_FOR] = "is for", /* one of the others has to be given, too */
    [NEEDS] = "needs",   /* likewise */
};

/* Of several that are broken the first is said. */
static const struct rule {
    unsigned commands;
    const char *name; /* with its dashes */
    enum relation relation;
    const char *others; /* in words, of which those with dashes are the options that are meant */
    const char *hint;   /* or NULL */
} rules[] = {
    {FOR_SERVE, "--proxy-protocol", EXCLUDES, "--exec",
     "a program has the caller's address in its environment"},
    {FOR_ALL, "--namespace-file", EXCLUDES, "--namespace", NULL},
    {FOR_KEYGEN, "--namespace", EXCLUDES, "--name", "its file has no name"},
    {FOR_PIPES, "--send-only", EXCLUDES, "--recv-only", NULL},
    {FOR_PIPES, "--rate", EXCLUDES, "--recv-only",
     "it is for what is sent: give it to the side that sends"},
    {FOR_CALLS, "--via", EXCLUDES, "--source", VIA_CONNECTS},
    {FOR_CALLS, "--via", EXCLUDES, "-4 and -6", VIA_CONNECTS},
    {FOR_LISTENERS, "--inetd", EXCLUDES, "--ready-fd", INETD_LISTENS_NOT},
    {FOR_LISTENERS, "--inetd", EXCLUDES, "--source", INETD_LISTENS_NOT},
    {FOR_LISTENERS, "--inetd", EXCLUDES, "-4 and -6", INETD_LISTENS_NOT},
    {FOR_LISTEN, "--inetd", NEEDS, "-o FILE or --exec CMD",
     "standard input and output are the channel"},
    {FOR_PIPES, "--force", IS_FOR, "the FILE of -o", NULL},
    {FOR_PIPES, "-o", EXCLUDES, "--send-only", "nothing arrives then"},
    {FOR_PIPES, "-o", EXCLUDES, "--exec", "what arrives goes to the program"},
    {FOR_SERVE, "--spare", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--keep", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--keep-time", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--channel-age", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--ready-on", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--via", IS_FOR, "--call", NULL},
    {FOR_SERVE, "--peer", EXCLUDES, "--call", "nobody else may use these channels"},
    {FOR_SERVE, "--inetd", EXCLUDES, "--call", "the channel is there already"},
    {FOR_SERVE, "--max-pending", EXCLUDES, "--call", "nobody calls here"},
    {FOR_SERVE, "--accept-proxy", EXCLUDES, "--call", "nobody calls here"},
    {FOR_FORWARD, "--accept-proxy", IS_FOR, "--accept", NULL},
    {FOR_FORWARD, "--spare", EXCLUDES, "--accept", THERE_KEPT},
    {FOR_FORWARD, "--keep", EXCLUDES, "--accept", THERE_KEPT},
    {FOR_FORWARD, "--keep-time", EXCLUDES, "--accept", THERE_KEPT},
    {FOR_FORWARD, "--channel-age", EXCLUDES, "--accept", THERE_KEPT},
    {FOR_FORWARD, "--via", EXCLUDES, "--accept", "nobody is called"},
    {FOR_FORWARD, "--plain", EXCLUDES, "--accept", "the side that calls keeps its channels"},
    {FOR_FORWARD, "--run", EXCLUDES, "--accept",
     "peers call when they can; --ready-fd tells once they have"},
};

/* Whether any option that stands in these words is there. */
static bool is_given(const struct options *options, const char *words)
{
    const struct option_spec *spec;
    size_t len;

    for (; *words != '\0'; words += len + (words[len] == ' ')) {
        len = strcspn(words, " ");
        spec = option_named((struct text){words, len}, options->command);
        if (spec != NULL && (options->given & option_bit(spec)) != 0)
            return true;
    }
    return false;
}

static bool is_broken(const struct rule *rule, const struct options *options)
{
    return (rule->commands & options->command) != 0 && is_given(options, rule->name) &&
           is_given(options, rule->others) == (rule->relation == EXCLUDES);
}

/* What is wrong with a value for what else there is. */
static enum kith_error check_values(const struct options *options, const struct command_form *form)
{
    if (form->bit == FOR_KEYGEN && options->namespace_file != NULL && options->argument_count > 0)
        return misuse_log(form->name, options->arguments[0], "one argument too many",
                          "--namespace FILE makes a secret and no identity; kith keygen FILE makes "
                          "one");
    if (options->via != NULL && !via_is_command(options->via))
        return misuse_log(form->name, "--via", "takes a command with %h, %p and %% only",
                          "%h is the host that is called, %p its port, and %% a %");
    if (options->output != NULL && strcmp(options->output, "-") == 0)
        return misuse_log(form->name, "-o -", "names no file",
                          "without -o it is standard output; a file of that name is ./-");
    if (options->call != NULL && options->spare == 0)
        return misuse_log(form->name, "--spare 0", "leaves no channel to be used", NULL);
    return OK;
}

enum kith_error combination_check(const struct options *options, const struct command_form *form)
{
    char why[48];

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!is_broken(&rules[i], options))
            continue;
        (void)snprintf(why, sizeof(why), "%s %s", verbs[rules[i].relation], rules[i].others);
        return misuse_log(form->name, rules[i].name, why, rules[i].hint);
    }
    return check_values(options, form);
}
