/*
 * Owns what is said of a command line that is wrong. Must never take one for right.
 */
#include "command/misuse.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/spelling.h"
#include "base/text.h"
#include "command/option_table.h"
#include "net/address.h"

#define VERSION_HINT "see: kith --version"

enum kith_error misuse_log(const char *command, const char *which, const char *why,
                           const char *hint)
{
    char help[64];

    (void)snprintf(help, sizeof(help), "see: kith %s --help", command);
    return log_failure(LOG_ERROR, command, which, ERR_USAGE, why, hint != NULL ? hint : help);
}

#define WHY_SIZE 48

/* An option that getopt does not take, which has no value after its name: why. */
static const char *why_not(char out[static WHY_SIZE], const struct option_spec *spec,
                           unsigned command_bit)
{
    if ((spec->commands & command_bit) == 0)
        return "not an option of this command";
    if (spec->value == NULL)
        return "takes no value";
    (void)snprintf(out, WHY_SIZE, "needs a value: %s", spec->value);
    return out;
}

/* What to do with one that is another command's: a key's own file is no option; or NULL. */
static const char *hint_instead(const struct option_spec *spec, const struct command_form *form)
{
    if (spec->letter != 'i' || (spec->commands & form->bit) != 0)
        return NULL;
    return form->bit == FOR_KEYGEN ? "kith keygen FILE" : "kith pubkey FILE";
}

/* How many options of a command begin with a word, and one of them. */
static size_t count_begun(const char *word, size_t len, unsigned bit,
                          const struct option_spec **one)
{
    const struct option_spec *specs;
    size_t count, begun = 0;

    specs = option_table(&count);
    for (size_t i = 0; i < count && len > 0; i++) {
        if ((specs[i].commands & bit) == 0 || strncmp(specs[i].name, word, len) != 0)
            continue;
        *one = &specs[i];
        begun++;
    }
    return begun;
}

/* The option of a command whose name is nearest to one that is none; or NULL. */
static const char *nearest_option(const char *name, unsigned bit)
{
    struct spelling spelling = spelling_of(name);
    const struct option_spec *specs;
    size_t count;

    specs = option_table(&count);
    for (size_t i = 0; i < count; i++)
        if ((specs[i].commands & bit) != 0)
            spelling_try(&spelling, specs[i].name);
    return spelling.nearest;
}

enum kith_error misuse_log_name(const struct command_form *form, const char *word)
{
    size_t len = strcspn(word, "="), begun;
    char name[SPELLING_MAX + 1], shown[SPELLING_MAX + 3], hint[64];
    const struct option_spec *meant;
    const char *nearest;
    char why[WHY_SIZE];

    (void)snprintf(name, sizeof(name), "%.*s", (int)len, word);
    (void)snprintf(shown, sizeof(shown), "--%s", name);
    meant = option_named((struct text){shown, strlen(shown)}, form->bit);
    if (meant == NULL)
        meant = option_named((struct text){shown, strlen(shown)}, ~0U);
    if (meant != NULL)
        return misuse_log(form->name, shown, why_not(why, meant, form->bit),
                          hint_instead(meant, form));
    begun = count_begun(word, len, form->bit, &meant);
    if (begun > 1)
        return misuse_log(form->name, shown, "the beginning of several options", NULL);
    if (begun == 1)
        return misuse_log(form->name, shown, why_not(why, meant, form->bit), NULL);
    if (strcmp(name, "version") == 0)
        return misuse_log(form->name, shown, "not an option of this command", VERSION_HINT);
    nearest = nearest_option(name, form->bit);
    if (nearest == NULL)
        return misuse_log(form->name, shown, "no such option", NULL);
    (void)snprintf(hint, sizeof(hint), "did you mean: --%.32s", nearest);
    return misuse_log(form->name, shown, "no such option", hint);
}

enum kith_error misuse_log_word(const struct command_form *form, char **argv)
{
    char letter[3] = {'-', (char)optopt, '\0'};
    const struct option_spec *other = option_find(optopt, form->bit);
    char why[WHY_SIZE];

    if (optopt == 0 || option_is_word(optopt))
        return misuse_log_name(form, argv[optind - 1] + 2);
    if (other == NULL)
        other = option_find(optopt, ~0U);
    if (other != NULL)
        return misuse_log(form->name, letter, why_not(why, other, form->bit),
                          hint_instead(other, form));
    return misuse_log(form->name, letter, "no such option", optopt == 'V' ? VERSION_HINT : NULL);
}

/* The way that is meant: the one whose option is there. */
static const struct usage *find_usage(const struct options *options)
{
    const struct usage *usages = options->usages;

    for (size_t i = 0; i < USAGES_MAX && usages[i].arguments != NULL; i++) {
        const char *word = usages[i].option;
        const struct option_spec *spec =
            word == NULL ? NULL
                         : option_named((struct text){word, strcspn(word, " ")}, options->command);

        if (spec != NULL && (options->given & option_bit(spec)) != 0)
            return &usages[i];
    }
    return usages;
}

/* The usage line of that, with this after it. */
static void show_usage(char out[static MISUSE_HINT_SIZE], const struct options *options,
                       const char *more)
{
    const struct usage *usage = find_usage(options);

    (void)snprintf(out, MISUSE_HINT_SIZE, "usage: kith %s [options] %s%s%s%s", options->what,
                   usage->option != NULL ? usage->option : "", usage->option != NULL ? " " : "",
                   usage->arguments, more);
}

const char *misuse_guess_place(char hint[static MISUSE_HINT_SIZE], const struct options *options,
                               const char *text)
{
    bool are_swapped = options->command == FOR_FORWARD && options->argument_count == 2 &&
                       text == options->arguments[0] && text_is_number(options->arguments[1]);

    if (options->command == FOR_SERVE && strchr(text, '=') != NULL)
        return "PORT comes first: kith serve PORT NAME=TARGET";
    if (options->command == FOR_MEET && text_is_number(text))
        return "to wait there: kith meet --listen PORT; to call: kith meet HOST:PORT";
    if (text[0] == '\0' || strpbrk(text, ":/0123456789") != NULL)
        return are_swapped ? "LOCAL comes first: kith forward LOCAL PEER" : NULL;
    if ((options->command & FOR_LISTENERS) != 0)
        return "to let only this peer call: -p NAME PORT";
    show_usage(hint, options, "");
    return hint;
}

bool misuse_has_far_end(const char *text)
{
    const char *host = text + strspn(text, "0123456789"), *port = strrchr(text, ':');

    if (host == text || host[0] != ':' || port - host < 2 || !text_is_number(port + 1))
        return false;
    return host[1] == '[' ? port[-1] == ']'
                          : memchr(host + 1, ':', (size_t)(port - host) - 1) == NULL;
}

/* What a habit from another program has led to, or NULL: nc -p PORT, ssh -L PORT:HOST:PORT. */
static const char *habit(const struct options *options)
{
    struct address address;

    if (options->named_count > 0 && text_is_number(options->named[0]))
        return "-p takes the peer that may call; give the port without -p";
    if (options->command == FOR_FORWARD && options->argument_count > 2 &&
        address_parse(&address, options->arguments[1], ADDRESS_HOST_PORT, NULL))
        return MISUSE_FAR_END;
    return NULL;
}

/* The name of the argument of this number is the word of this number. */
enum kith_error misuse_log_missing(const struct options *options, const struct command_form *form)
{
    const char *name = find_usage(options)->arguments;
    int place = form->bit == FOR_FORWARD ? options->argument_count % 2 : options->argument_count;
    const char *more = "", *after = NULL, *hint = habit(options);
    char why[64], usage[MISUSE_HINT_SIZE], last[64];

    if (form->bit == FOR_SERVE)
        more = ", or --exec CMD instead of TARGET";
    if (form->bit == FOR_FORWARD && options->accept == NULL)
        more = " [LOCAL PEER...]";
    if (options->argument_count > form->least) /* of several */
        after = options->arguments[options->argument_count - 1];
    for (int i = 0; i < place; i++)
        name += strcspn(name, " ") + 1;
    (void)snprintf(why, sizeof(why), "%s%.*s is missing", after != NULL ? "a LOCAL whose " : "",
                   (int)strcspn(name, " "), name);
    show_usage(usage, options, more);
    (void)snprintf(last, sizeof(last), "%s takes all that follows it: put it last",
                   OPTION_OF_PROGRAM(form->bit));
    if (options->program != NULL)
        return misuse_log(form->name, NULL, why, last);
    return misuse_log(form->name, after, why, hint != NULL ? hint : usage);
}

enum kith_error misuse_log_excess(const struct options *options, const struct command_form *form,
                                  const char *which)
{
    const char *hint = NULL;

    if (options->progress && strcmp(options->arguments[0], "json") == 0)
        return misuse_log(form->name, "json", "one argument too many", "one word: --progress=json");
    if (form->bit == FOR_SERVE)
        return misuse_log(form->name, which, "one target too many", NULL);
    if ((form->bit & (FOR_DIAL | FOR_CHECK)) != 0 && text_is_number(which))
        hint = "a port belongs to PEER: WHO@HOST:PORT";
    else if (form->bit == FOR_DIAL)
        hint = "what is sent is standard input: kith dial PEER < FILE";
    if (form->bit == FOR_LISTEN)
        hint = "to receive into a file: kith listen -o FILE PORT; to let only bob "
               "call: kith listen -p bob PORT";
    return misuse_log(form->name, which, "one argument too many", hint);
}
