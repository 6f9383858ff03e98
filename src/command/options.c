/*
 * Owns the table of options. Must never act on one: commands do.
 */
#include "command/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "base/spelling.h"
#include "command/values.h"
#include "net/address.h"
#include "protocol/handshake.h"

#define FOR_PIPES (FOR_LISTEN | FOR_DIAL)
#define FOR_PROGRAMS (FOR_PIPES | FOR_SERVE)
#define FOR_CONNECTING (FOR_PIPES | FOR_CHECK | FOR_DAEMONS)
#define FOR_ALL (FOR_KEYGEN | FOR_PUBKEY | FOR_CONNECTING)

/* How an option's value is read, and into what. */
enum kind {
    FLAG,
    COUNT,
    TEXT,
    DURATION,
    DEADLINE, /* a time that is not 0 */
    SIZE,
    LIMIT,
    KEPT_COUNT,
    PING,
    READY_ON,
    ADDRESS, /* in numbers */
    SOURCES,
    NAMED,
    NAMESPACE,
    DESCRIPTOR,
    FORMAT,
    IPV4,
    IPV6,
    PROGRAM
};

struct spec {
    char letter; /* or 0 */
    const char *name;
    const char *value; /* what it takes, or NULL */
    const char *help;
    unsigned commands;
    enum kind kind;
    size_t offset; /* of the field in struct options that it sets */
};

#define FIELD(name) offsetof(struct options, name)

static const struct spec specs[] = {
    {'f', "force", NULL, "replace existing files", FOR_KEYGEN, FLAG, FIELD(force)},
    {'n', "name", "NAME", "the name after the public key", FOR_KEYGEN, TEXT, FIELD(name)},
    {'i', "identity", "FILE", "our private key (~/.config/kith/identity)", FOR_CONNECTING, TEXT,
     FIELD(identity)},
    {0, "passphrase-file", "FILE", "where the passphrase of an encrypted key is",
     FOR_CONNECTING | FOR_PUBKEY, TEXT, FIELD(passphrase_file)},
    {'a', "peers", "FILE", "who is known, by name (~/.config/kith/peers)", FOR_CONNECTING, TEXT,
     FIELD(peers)},
    {'p', "peer", "WHO", "only these may call; again for more", FOR_LISTEN | FOR_SERVE, NAMED,
     FIELD(named)},
    {'n', "namespace", "TEXT", "the application, equal on both sides (kith)", FOR_CONNECTING,
     NAMESPACE, FIELD(namespace)},
    {0, "synchrony-bound", "T", "how far ahead a peer's clock may be (5s)", FOR_CONNECTING,
     DURATION, FIELD(synchrony_bound_ms)},
    {0, "max-handshake-age", "T", "how old a hello may be (10s)", FOR_CONNECTING, DURATION,
     FIELD(max_handshake_age_ms)},
    {'w', "handshake-timeout", "T", "deadline for connect and handshake (10s)", FOR_CONNECTING,
     DEADLINE, FIELD(handshake_timeout_ms)},
    {0, "max-message-size", "N", "bytes in one message, equal on both sides (64K)", FOR_CONNECTING,
     SIZE, FIELD(max_message_size)},
    {0, "idle-timeout", "T", "end what has not moved for so long (never)", FOR_CONNECTING, DURATION,
     FIELD(idle_timeout_ms)},
    {'4', "ipv4", NULL, "IPv4 only", FOR_CONNECTING, IPV4, FIELD(family)},
    {'6', "ipv6", NULL, "IPv6 only", FOR_CONNECTING, IPV6, FIELD(family)},
    {'s', "source", "ADDR", "our address, to call from or to listen on", FOR_CONNECTING, ADDRESS,
     FIELD(source)},
    {0, "ready-fd", "N", "write a line to descriptor N once up", FOR_CONNECTING, DESCRIPTOR,
     FIELD(ready_fd)},
    {0, "send-only", NULL, "send stdin, and refuse what the peer sends", FOR_PIPES, FLAG,
     FIELD(send_only)},
    {0, "recv-only", NULL, "do not read stdin", FOR_PIPES, FLAG, FIELD(recv_only)},
    {0, "progress", NULL, "show amount, rate and time on stderr", FOR_PIPES, FLAG, FIELD(progress)},
    {0, "retry", "T", "try again, with growing waits, for so long", FOR_DIAL, DURATION,
     FIELD(retry_ms)},
    {0, "max-connections", "N", "channels at once (what descriptors allow)", FOR_DAEMONS, LIMIT,
     FIELD(max_connections)},
    {0, "max-per-peer", "N", "channels of one peer at once (no own limit)", FOR_DAEMONS, LIMIT,
     FIELD(max_per_peer)},
    {0, "max-pending", "N", "handshakes at once (serve 512, forward 128)", FOR_DAEMONS, LIMIT,
     FIELD(max_pending)},
    {0, "drain-timeout", "T", "time for channels to finish at the end (30s)", FOR_DAEMONS, DURATION,
     FIELD(drain_timeout_ms)},
    {0, "spare", "N", "channels to have ready (1)", FOR_FORWARD, KEPT_COUNT, FIELD(spare)},
    {0, "keep", "N", "idle channels to keep for the next (8)", FOR_FORWARD, KEPT_COUNT,
     FIELD(keep)},
    {0, "keep-time", "T", "how long to keep one without use (60s)", FOR_FORWARD, DURATION,
     FIELD(keep_time_ms)},
    {0, "channel-age", "T", "no connection begins on an older channel (15m)", FOR_FORWARD, DURATION,
     FIELD(channel_age_ms)},
    {0, "ping", "T", "test idle ones so often, 1s to 30s (20s)", FOR_FORWARD, PING, FIELD(ping_ms)},
    {0, "plain", NULL, "a channel a connection, for the crate", FOR_FORWARD, FLAG, FIELD(plain)},
    {0, "ready-on", "WHAT", "--ready-fd waits for: listen or peer (peer)", FOR_FORWARD, READY_ON,
     FIELD(ready_on_listen)},
    {0, "exec", "CMD [ARG...]", "join this to the channel; it comes last", FOR_PROGRAMS, PROGRAM,
     FIELD(program)},
    {0, "proxy-protocol", NULL, "tell the target who calls, by PROXY v2", FOR_SERVE, FLAG,
     FIELD(proxy_protocol)},
    {0, "accept-proxy", "FROM", "take PROXY headers from ADDR/BITS,...", FOR_SERVE, SOURCES,
     FIELD(accept_proxy)},
    {'q', "quiet", NULL, "errors only", FOR_ALL, FLAG, FIELD(quiet)},
    {'v', "verbose", NULL, "say more; again for still more", FOR_ALL, COUNT, FIELD(verbosity)},
    {0, "log-format", "FORMAT", "what goes to stderr: text or json", FOR_ALL, FORMAT, FIELD(json)},
    {'h', "help", NULL, "show this help", FOR_ALL, FLAG, FIELD(help)},
};

#define VERSION_HINT "see: kith --version"

#define SPECS (sizeof(specs) / sizeof(specs[0]))
#define KEPT_MAX 1000
#define LONG_BASE 256 /* getopt_long returns this and the index of a spec without a letter */
#define ARGUMENT 1    /* and this for what is no option */

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
    [LIMIT] = "takes a number from 1 to 1000000",
    [KEPT_COUNT] = "takes a number from 0 to 1000",
    [READY_ON] = "takes listen or peer",
    [PING] = "takes a time from 1s to 30s",
    [ADDRESS] = "takes an address in numbers, as 2001:db8::1",
    [NAMED] = "can be given 256 times: use the peers file for more",
    [NAMESPACE] = "takes 1 to 1024 bytes",
    [DESCRIPTOR] = "takes the number of a descriptor that is open for writing",
    [FORMAT] = "takes text or json",
    [IPV4] = "-4 and -6 exclude each other",
    [IPV6] = "-4 and -6 exclude each other",
    [PROGRAM] = "takes no =: the program is the words after it",
};

/* What is wrong behind it is said in it, too. */
static bool take_format(bool *json, const char *value)
{
    if (!value_choice(value, "json", "text", json))
        return false;
    log_configure(LOG_NOTE, *json);
    return true;
}

/* Read a value into its field, if it is one of that kind. */
static bool read_value(struct options *options, const struct spec *spec, const char *value)
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
    case DURATION:
    case DEADLINE:
        return value_duration(value, spec->kind == DEADLINE ? 1 : 0, INT64_MAX, field);
    case SIZE:
        return value_size(value, MESSAGE_SIZE_MAX, field);
    case LIMIT:
        return value_number(value, 1, LIMIT_MAX, field);
    case KEPT_COUNT:
        return value_number(value, 0, KEPT_MAX, field);
    case PING:
        return value_duration(value, 1000, 30000, field);
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
        return add_named(options, value);
    case NAMESPACE:
        options->namespace = value;
        return value[0] != '\0' && strlen(value) <= NAMESPACE_GIVEN_MAX;
    case DESCRIPTOR:
        return value_descriptor(value, field);
    case FORMAT:
        return take_format(field, value);
    case IPV4:
        return set_family(field, AF_INET);
    case IPV6:
        return set_family(field, AF_INET6);
    }
    return true;
}

/* The last of several counts, as of any option. */
static enum kith_error read_sources(struct address_ranges *field, const char *value,
                                    struct problem *problem)
{
    address_ranges_free(field);
    return address_ranges_parse(field, value, problem);
}

static enum kith_error set_option(struct options *options, const struct spec *spec,
                                  const char *value, struct problem *problem)
{
    if (spec->kind == SOURCES)
        return read_sources(&options->accept_proxy, value, problem);
    if (read_value(options, spec, value))
        return OK;
    (void)problem_say(problem, "%s", wanted[spec->kind]);
    return ERR_USAGE;
}

/* getopt's tables for one command. */
struct tables {
    char letters[2 * SPECS + 3];
    struct option names[SPECS + 1];
};

static void make_tables(struct tables *tables, unsigned command_bit)
{
    size_t letters = 0, names = 0;

    memset(tables, 0, sizeof(*tables));
    tables->letters[letters++] =
        '-'; /* an argument is given to us, whatever POSIXLY_CORRECT says */
    tables->letters[letters++] = ':'; /* a missing value is told apart */
    for (size_t i = 0; i < SPECS; i++) {
        const struct spec *spec = &specs[i];

        if ((spec->commands & command_bit) == 0)
            continue;
        tables->names[names++] = (struct option){
            .name = spec->name,
            .has_arg = spec->value != NULL ? required_argument : no_argument,
            .val = LONG_BASE + (int)i,
        };
        if (spec->letter == 0)
            continue;
        tables->letters[letters++] = spec->letter;
        if (spec->value != NULL)
            tables->letters[letters++] = ':';
    }
}

/* Whether getopt means a word. A letter may be any byte: a number below 0, or some large one. */
static bool is_word(int found)
{
    return found >= LONG_BASE && found < LONG_BASE + (int)SPECS;
}

static const struct spec *find_spec(int found, unsigned command_bit)
{
    if (is_word(found))
        return &specs[found - LONG_BASE];
    for (size_t i = 0; i < SPECS; i++) {
        if (specs[i].letter == found && (specs[i].commands & command_bit) != 0)
            return &specs[i];
    }
    return NULL;
}

static enum kith_error log_misuse(const char *command, const char *which, const char *why,
                                  const char *hint)
{
    char help[64];

    (void)snprintf(help, sizeof(help), "see: kith %s --help", command);
    return log_failure(LOG_ERROR, command, which, ERR_USAGE, why, hint != NULL ? hint : help);
}

/* An option of ours that getopt does not take, which has no value after its name: why. */
static const char *why_not(const struct spec *spec, unsigned command_bit)
{
    if ((spec->commands & command_bit) == 0)
        return "not an option of this command";
    return spec->value == NULL ? "takes no value" : "needs a value";
}

/* A long option that getopt did not understand, without its dashes; it may have a value. */
static enum kith_error log_misuse_of_long(const struct command_form *form, const char *word)
{
    size_t len = strcspn(word, "="), begun = 0;
    char name[SPELLING_MAX + 1], shown[SPELLING_MAX + 3], hint[64];
    struct spelling spelling;

    (void)snprintf(name, sizeof(name), "%.*s", (int)len, word);
    (void)snprintf(shown, sizeof(shown), "--%s", name);
    spelling = spelling_of(name);
    for (size_t i = 0; i < SPECS; i++) {
        if (strcmp(specs[i].name, name) == 0)
            return log_misuse(form->name, shown, why_not(&specs[i], form->bit), NULL);
        if ((specs[i].commands & form->bit) == 0)
            continue;
        begun += len > 0 && strncmp(specs[i].name, word, len) == 0;
        spelling_try(&spelling, specs[i].name);
    }
    if (begun > 1)
        return log_misuse(form->name, shown, "the beginning of several options", NULL);
    if (begun == 1)
        return log_misuse(form->name, shown, word[len] == '=' ? "takes no value" : "needs a value",
                          NULL);
    if (strcmp(name, "version") == 0)
        return log_misuse(form->name, shown, "not an option of this command", VERSION_HINT);
    if (spelling.nearest == NULL)
        return log_misuse(form->name, shown, "no such option", NULL);
    (void)snprintf(hint, sizeof(hint), "did you mean: --%.32s", spelling.nearest);
    return log_misuse(form->name, shown, "no such option", hint);
}

/* What getopt did not understand: a letter, or the word it stands in. */
static enum kith_error log_misuse_of_word(const struct command_form *form, int found, char **argv)
{
    char letter[3] = {'-', (char)optopt, '\0'};

    if (optopt == 0 || is_word(optopt))
        return log_misuse_of_long(form, argv[optind - 1] + 2);
    if (found == ':')
        return log_misuse(form->name, letter, "needs a value", NULL);
    if (find_spec(optopt, ~0U) != NULL)
        return log_misuse(form->name, letter, "not an option of this command", NULL);
    return log_misuse(form->name, letter, "no such option", optopt == 'V' ? VERSION_HINT : NULL);
}

/*
 * Cut argv at --exec: what follows it is the program's, dashes and all, and no option of ours.
 * Returns the count of what is before.
 */
static int cut_program(struct options *options, unsigned command_bit, int argc, char **argv)
{
    for (int i = 1; (command_bit & FOR_PROGRAMS) != 0 && i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            break;
        if (strcmp(argv[i], "--exec") == 0) {
            options->program = argv + i + 1;
            return i;
        }
    }
    return argc;
}

/* The name of the argument of this number is the word of this number. */
static enum kith_error log_missing(const struct options *options, const struct command_form *form)
{
    const char *name = form->arguments;
    char why[64], usage[96];

    for (int i = 0; i < options->argument_count; i++)
        name += strcspn(name, " ") + 1;
    (void)snprintf(why, sizeof(why), "%.*s is missing", (int)strcspn(name, " "), name);
    (void)snprintf(usage, sizeof(usage), "usage: kith %s [options] %s%s", form->name,
                   form->arguments,
                   form->bit == FOR_SERVE ? ", or --exec CMD in the place of TARGET" : "");
    if (options->program != NULL)
        return log_misuse(form->name, NULL, why, "--exec takes all that follows it: put it last");
    return log_misuse(form->name, NULL, why, usage);
}

static enum kith_error log_excess(const struct options *options, const struct command_form *form,
                                  const char *which)
{
    const char *hint = NULL;

    if (options->program != NULL && form->bit == FOR_SERVE)
        return log_misuse(form->name, which,
                          "one argument too many: --exec stands in the place of TARGET", NULL);
    if (form->bit == FOR_DIAL)
        hint = "what is sent is standard input: kith dial PEER < FILE";
    if (form->bit == FOR_LISTEN)
        hint = "what arrives goes to standard output: kith listen PORT > FILE; to let only bob "
               "call: kith listen -p bob PORT";
    return log_misuse(form->name, which, "one argument too many", hint);
}

/* What no single option can know. */
static enum kith_error check_together(const struct options *options,
                                      const struct command_form *form)
{
    int replaced = options->program != NULL && form->bit == FOR_SERVE ? 1 : 0; /* the target */

    if (options->program != NULL && options->program[0] == NULL)
        return log_misuse(form->name, "--exec", "needs a program", NULL);
    if (options->argument_count < form->least - replaced)
        return log_missing(options, form);
    if (options->argument_count > form->most - replaced)
        return log_excess(options, form, options->arguments[form->most - replaced]);
    if (options->program != NULL && options->proxy_protocol)
        return log_misuse(form->name, "--proxy-protocol", "excludes --exec",
                          "a program has the caller's address in its environment");
    if (options->send_only && options->recv_only)
        return log_misuse(form->name, "--send-only", "excludes --recv-only", NULL);
    return OK;
}

enum kith_error options_parse(struct options *options, const struct command_form *form, int argc,
                              char **argv)
{
    struct tables tables;
    int found;

    *options = (struct options){
        .command = form->bit,
        .namespace = "kith",
        .synchrony_bound_ms = 5000,
        .max_handshake_age_ms = 10000,
        .handshake_timeout_ms = 10000,
        .idle_timeout_ms = NEVER_MS,
        .max_message_size = MESSAGE_SIZE_DEFAULT,
        .drain_timeout_ms = 30000,
        .family = AF_UNSPEC,
        .ready_fd = -1,
        .spare = 1,
        .keep = 8,
        .keep_time_ms = 60000,
        .channel_age_ms = 900000,
        .ping_ms = 20000,
    };
    argc = cut_program(options, form->bit, argc, argv);
    make_tables(&tables, form->bit);
    opterr = 0;
    options->arguments = argv; /* they move to its beginning, which getopt has left behind */
    while ((found = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        const struct spec *spec = found == '?' || found == ':' ? NULL : find_spec(found, form->bit);
        struct problem problem;
        enum kith_error error;
        char name[32];

        if (found == ARGUMENT) {
            argv[options->argument_count++] = optarg;
            continue;
        }
        if (spec == NULL)
            return log_misuse_of_word(form, found, argv);
        error = set_option(options, spec, optarg, &problem);
        (void)snprintf(name, sizeof(name), "--%s", spec->name);
        if (error == ERR_MEMORY)
            return log_failure(LOG_ERROR, form->name, name, error, NULL, NULL);
        if (error != OK)
            return log_misuse(form->name, name, problem.why, problem.hint);
    }
    while (optind < argc) /* what stands behind -- */
        argv[options->argument_count++] = argv[optind++];
    return options->help ? OK : check_together(options, form);
}

void options_print(unsigned command_bit)
{
    for (size_t i = 0; i < SPECS; i++) {
        const struct spec *spec = &specs[i];
        char left[48];

        if ((spec->commands & command_bit) == 0)
            continue;
        (void)snprintf(left, sizeof(left), "%c%c%c --%s %s", spec->letter != 0 ? '-' : ' ',
                       spec->letter != 0 ? spec->letter : ' ', spec->letter != 0 ? ',' : ' ',
                       spec->name, spec->value != NULL ? spec->value : "");
        (void)printf("  %-30s %s\n", left, spec->help);
    }
    if ((command_bit & FOR_CONNECTING) != 0)
        (void)printf(
            "\nT is a time: 500ms, 5s, 2m or 1h. N is a number; of bytes also 64K or 1M.\n");
}
