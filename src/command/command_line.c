/*
 * Owns the reading of a command line. Must never act on it: commands do.
 */
#include "command/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "command/misuse.h"
#include "command/option_combination.h"
#include "command/option_table.h"
#include "command/option_values.h"
#include "net/address.h"
#include "protocol/handshake.h"
#include "stream/pace.h"

#define KEPT_MAX 1000
#define ARGUMENT 1 /* what getopt_long returns for what is no option */

static bool set_family(int *family, int wanted)
{
    bool fits = *family == AF_UNSPEC || *family == wanted;

    *family = wanted;
    return fits;
}

static bool add_named(struct options *options, const char *value)
{
    if (options->named_count == PEERS_NAMED_MAX)
        return false;
    options->named[options->named_count++] = value;
    return true;
}

/* What is said of a value that is not one of its kind. */
static const char *const wanted[] = {
    [TEXT] = "takes a text that is not empty",
    [DURATION] = "takes a time: 500ms, 5s, 2m or 1h",
    [DEADLINE] = "takes a time, and not 0: 500ms, 5s, 2m or 1h",
    [SIZE] = "takes a size from 1 to 16M: 4096, 64K or 1M",
    [RATE] = "takes bytes a second from 1 to 2G: 500000, 500K or 10M",
    [LIMIT] = "takes a number from 1 to 1000000",
    [KEPT_COUNT] = "takes a number from 0 to 1000",
    [READY_ON] = "takes listen or peer",
    [PING] = "takes a time from 1s to 30s",
    [AGE] = "takes a time from 1s on",
    [ADDRESS] = "takes an address in numbers, as 2001:db8::1",
    [NAMED] = "takes a text that is not empty, 256 times at most: the peers file has more",
    [NAMESPACE] = "takes 1 to 1024 bytes",
    [DESCRIPTOR] = "takes the number of a descriptor that is open for writing",
    [FORMAT] = "takes text or json",
    [PROGRESS] = "takes nothing, or =json",
    [IPV4] = "-4 and -6 exclude each other",
    [IPV6] = "-4 and -6 exclude each other",
    [PROGRAM] = "takes no =: the program is the words after it",
};

/* What is wrong after it is said in it, too. */
static bool take_format(bool *json, const char *value)
{
    if (!value_choice(value, "json", "text", json))
        return false;
    log_configure(LOG_NOTE, *json);
    return true;
}

/* Without a value it is for people. */
static bool take_progress(struct options *options, const char *value)
{
    options->progress = true;
    options->progress_json = value != NULL;
    return value == NULL || strcmp(value, "json") == 0;
}

/* A time, a number or a size, in the limits of its kind; no value of another. */
static bool read_quantity(enum option_kind kind, const char *value, void *field)
{
    switch (kind) {
    case DURATION:
    case DEADLINE:
        return value_duration(value, kind == DEADLINE ? 1 : 0, INT64_MAX, field);
    case PING:
        return value_duration(value, 1000, 30000, field);
    case AGE:
        return value_duration(value, 1000, INT64_MAX, field);
    case SIZE:
        return value_size(value, MESSAGE_SIZE_MAX, field);
    case RATE:
        return value_size(value, PACE_MAX, field);
    case LIMIT:
        return value_number(value, 1, LIMIT_MAX, field);
    case KEPT_COUNT:
        return value_number(value, 0, KEPT_MAX, field);
    default:
        return false;
    }
}

/* Read a value into its field, if it is one of that kind. */
static bool read_value(struct options *options, const struct option_spec *spec, const char *value)
{
    void *field = (char *)options + spec->offset;
    struct ip ip;

    switch (spec->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case COUNT:
        ++*(int *)field;
        return true;
    case TEXT:
        *(const char **)field = value;
        return value[0] != '\0';
    case READY_ON:
        return value_choice(value, "listen", "peer", field);
    case ADDRESS:
        *(const char **)field = value;
        return ip_parse_zoned(&ip, (struct text){value, strlen(value)});
    case SOURCES: /* for read_sources */
        return true;
    case PROGRAM: /* cut_program has taken it; here it has a value of its own, as in --exec=CMD */
        return false;
    case NAMED:
        return value[0] != '\0' && add_named(options, value);
    case NAMESPACE:
        options->namespace = value;
        return value[0] != '\0' && strlen(value) <= NAMESPACE_GIVEN_MAX;
    case DESCRIPTOR:
        return value_descriptor(value, field);
    case FORMAT:
        return take_format(field, value);
    case PROGRESS:
        return take_progress(options, value);
    case IPV4:
        return set_family(field, AF_INET);
    case IPV6:
        return set_family(field, AF_INET6);
    default:
        return read_quantity(spec->kind, value, field);
    }
}

/* The last of several counts, as of any option. */
static enum kith_error read_sources(struct address_ranges *field, const char *value,
                                    struct problem *problem)
{
    address_ranges_free(field);
    return address_ranges_parse(field, value, problem);
}

/* Whether what was given is not one of its kind, rather than one too many or out of place. */
static bool is_misread(enum option_kind kind)
{
    return kind != TEXT && kind != NAMESPACE && kind != NAMED && kind != IPV4 && kind != IPV6 &&
           kind != PROGRAM;
}

static enum kith_error set_option(struct options *options, const struct option_spec *spec,
                                  const char *value, struct problem *problem)
{
    if (spec->kind == SOURCES)
        return read_sources(&options->accept_proxy, value, problem);
    if (read_value(options, spec, value))
        return OK;
    if (is_misread(spec->kind))
        (void)problem_say(problem, "%s, not \"%.*s\"", wanted[spec->kind], PROBLEM_SHOWN_MAX,
                          value);
    else
        (void)problem_say(problem, "%s", wanted[spec->kind]);
    return ERR_USAGE;
}

/* Where our options end: at "--", or where a program begins; argc if there is neither. */
static int find_end(unsigned command_bit, int argc, char **argv)
{
    bool takes_program = (command_bit & (FOR_PROGRAMS | FOR_FORWARD)) != 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0 ||
            (takes_program && strcmp(argv[i], OPTION_OF_PROGRAM(command_bit)) == 0))
            return i;
    }
    return argc;
}

/*
 * Cut argv at --exec or --run: what follows it is the program's, dashes and all, and no option of
 * ours. Returns the count of what is before.
 */
static int cut_program(struct options *options, unsigned command_bit, int argc, char **argv)
{
    int end = find_end(command_bit, argc, argv);

    if (end == argc || strcmp(argv[end], "--") == 0)
        return argc;
    options->program = argv + end + 1;
    options->given |=
        option_bit(option_named((struct text){argv[end], strlen(argv[end])}, command_bit));
    return end;
}

bool command_line_has_inetd(unsigned command_bit, int argc, char **argv)
{
    int end = find_end(command_bit, argc, argv);

    for (int i = 1; (command_bit & FOR_LISTENERS) != 0 && i < end; i++) {
        if (strncmp(argv[i], "--in", strlen("--in")) == 0) /* no other option begins like that */
            return true;
    }
    return false;
}

/* Which argument is what, once there are as many as there have to be. */
static void split_arguments(struct options *options, bool has_place)
{
    options->place = has_place ? options->arguments[0] : NULL;
    options->targets = options->arguments + (has_place ? 1 : 0);
    options->target_count = options->argument_count - (has_place ? 1 : 0);
}

/* What no single option can know. */
static enum kith_error check_together(struct options *options, const struct command_form *form)
{
    int replaced = 0; /* arguments in whose place there is an option */
    bool has_place = options->call == NULL && !options->inetd;
    bool is_odd = form->bit == FOR_FORWARD && options->argument_count % 2 != 0;

    if (options->program != NULL && options->program[0] == NULL)
        return misuse_log(form->name, OPTION_OF_PROGRAM(form->bit), "needs a program", NULL);
    if (options->program != NULL && form->bit == FOR_SERVE)
        replaced++; /* the target */
    if (!has_place)
        replaced++; /* the port */
    if (options->argument_count < form->least - replaced || is_odd)
        return misuse_log_missing(options, form);
    if (options->argument_count > form->most - replaced)
        return misuse_log_excess(options, form, options->arguments[form->most - replaced]);
    split_arguments(options, has_place);
    return combination_check(options, form);
}

/* Those of --max-pending depend on the command, and stand there. */
static struct options defaults(const struct command *command)
{
    const struct command_form *form = &command->form;

    return (struct options){
        .command = form->bit,
        .what = form->name,
        .usages = command->usages,
        .synchrony_bound_ms = 5000,
        .max_handshake_age_ms = 10000,
        .handshake_timeout_ms = 10000,
        .idle_timeout_ms = NEVER_MS,
        .max_message_size = MESSAGE_SIZE_DEFAULT,
        .drain_timeout_ms = 30000,
        .family = AF_UNSPEC,
        .ready_fd = -1,
        .spare = form->bit == FOR_SERVE ? 2 : 1,
        .keep = 8,
        .keep_time_ms = 60000,
        .channel_age_ms = 900000,
        .ping_ms = 20000,
    };
}

/*
 * The word that getopt has just taken for an option of ours by its beginning, if it is the whole
 * name of another command's, without its dashes; or NULL.
 */
static const char *whole_name_elsewhere(const struct command_form *form, char **argv)
{
    const char *word = argv[optind - 1] == optarg ? argv[optind - 2] : argv[optind - 1];
    struct text name = {word, strcspn(word, "=")};

    if (option_named(name, form->bit) != NULL || option_named(name, ~0U) == NULL)
        return NULL;
    return word + strlen("--");
}

enum kith_error command_line_parse(struct options *options, const struct command *command, int argc,
                                   char **argv)
{
    const struct command_form *form = &command->form;
    struct getopt_tables tables;
    const char *elsewhere;
    int found;

    *options = defaults(command);
    argc = cut_program(options, form->bit, argc, argv);
    option_table_for_getopt(&tables, form->bit);
    opterr = 0;
    options->arguments = argv; /* they move to its beginning, which getopt has left behind */
    while ((found = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        const struct option_spec *spec =
            found == '?' || found == ':' ? NULL : option_find(found, form->bit);
        struct problem problem;
        enum kith_error error;
        char name[32];

        if (found == ARGUMENT) {
            argv[options->argument_count++] = optarg;
            continue;
        }
        if (spec == NULL)
            return misuse_log_word(form, argv);
        if (option_is_word(found) && (elsewhere = whole_name_elsewhere(form, argv)) != NULL)
            return misuse_log_name(form, elsewhere);
        error = set_option(options, spec, optarg, &problem);
        options->given |= option_bit(spec);
        (void)snprintf(name, sizeof(name), "--%s", spec->name);
        if (error == ERR_MEMORY)
            return log_failure(LOG_ERROR, form->name, name, error, NULL, NULL);
        if (error != OK)
            return misuse_log(form->name, name, problem.why, problem.hint);
    }
    while (optind < argc) /* what stands after -- */
        argv[options->argument_count++] = argv[optind++];
    return options->help ? OK : check_together(options, form);
}

size_t command_line_starts(const struct options *options)
{
    size_t for_programs = options->program != NULL || options->command == FOR_SERVE ? 1 : 0;
    size_t for_via = options->via != NULL ? 1 : 0;

    return for_programs + for_via;
}
