/*
 * kith: an encrypted pipe and port forwarder between machines whose people know each other's
 * public keys. This file owns the choice of the command and the exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "log.h"
#include "options.h"
#include "protect.h"
#include "signals.h"
#include "spelling.h"

struct command {
    const char *name;
    const char *arguments;
    const char *summary;
    unsigned bit;
    int least; /* arguments */
    int most;
    enum kith_error (*run)(const struct options *options);
};

static const struct command commands[] = {
    {"keygen", "[FILE]", "make an identity: FILE (private) and FILE.pub", FOR_KEYGEN, 0, 1,
     command_keygen},
    {"pubkey", "[FILE]", "print the public key of a private or public key file", FOR_PUBKEY, 0, 1,
     command_pubkey},
    {"listen", "[HOST:]PORT", "wait for one known peer; stdin and stdout through the channel",
     FOR_LISTEN, 1, 1, command_listen},
    {"dial", "PEER", "call a known peer; stdin and stdout through the channel", FOR_DIAL, 1, 1,
     command_dial},
    {"serve", "[HOST:]PORT TARGET",
     "each known peer that calls is joined to TARGET, or to a program", FOR_SERVE, 2, 2,
     command_serve},
    {"forward", "LOCAL PEER", "each local connection to LOCAL is carried to PEER", FOR_FORWARD, 2,
     2, command_forward},
    {"check", "PEER", "is this peer there, and is it the one? Its handshake and nothing else",
     FOR_CHECK, 1, 1, command_check},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    (void)printf("kith: an encrypted pipe and port forwarder between peers who know each other's "
                 "keys\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)printf("  kith %-7s %-22s %s\n", commands[i].name, commands[i].arguments,
                     commands[i].summary);
    (void)printf("\n  kith COMMAND --help, kith --version\n\n"
                 "PEER is WHO@HOST:PORT, or a name from the peers file whose line has addr.\n"
                 "WHO is a name, a public key in 64 hex digits, or a file with one (./x, x.pub).\n"
                 "TARGET and LOCAL are PORT (loopback), HOST:PORT, [v6]:PORT, or a path with a /.\n"
                 "The manual: kith(1), kith-peers(5), kith-protocol(7)\n");
}

static void print_command_help(const struct command *command)
{
    (void)printf("usage: kith %s [options] %s\n%s\n\n", command->name, command->arguments,
                 command->summary);
    options_print(command->bit);
}

/* What was printed has to arrive as well, and so has our last word. */
static enum exit_status finish(enum exit_status status)
{
    if (fflush(stdout) != 0 && status == EXIT_WHOLE) {
        log_event(LOG_ERROR, "stdout", NULL, error_text(ERR_STDOUT), NULL);
        status = EXIT_LOCAL;
    }
    log_finish();
    return status;
}

static enum log_level level_of(const struct options *options)
{
    if (options->quiet)
        return LOG_ERROR;
    if (options->verbosity == 0)
        return LOG_NOTE;
    return options->verbosity == 1 ? LOG_SUMMARY : LOG_DEBUG;
}

static enum exit_status run(const struct command *command, int argc, char **argv)
{
    struct options options;
    enum kith_error error;

    error = options_parse(&options, command->name, command->bit, command->least, command->most,
                          argc, argv);
    if (error != OK)
        return error_exit_status(error);
    if (options.help) {
        print_command_help(command);
        return EXIT_WHOLE;
    }
    log_configure(level_of(&options), options.json);
    if (options.program == NULL)
        protect_for_good();
    return error_exit_status(command->run(&options));
}

/* The command that is spelt nearly like this, or NULL. */
static const char *guess(const char *name)
{
    const char *nearest = NULL;
    size_t far = strlen(name) < 4 ? 2 : 3; /* and all of it is no guess any more */

    for (size_t i = 0; i < COMMANDS; i++) {
        size_t distance = spelling_distance(name, commands[i].name);

        if (distance < far) {
            far = distance;
            nearest = commands[i].name;
        }
    }
    return nearest;
}

/* The first word that is a command, behind options that stand before it; or NULL. */
static const char *command_behind(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        for (size_t j = 0; j < COMMANDS; j++) {
            if (strcmp(argv[i], commands[j].name) == 0)
                return argv[i];
        }
    }
    return NULL;
}

static void complain(const char *name, int argc, char **argv)
{
    const char *meant = name[0] == '-' ? command_behind(argc, argv) : guess(name);
    char hint[128] = "see: kith --help";

    if (name[0] == '\0') {
        log_event(LOG_ERROR, "usage", NULL, "a command is missing", hint);
        return;
    }
    if (meant != NULL && name[0] == '-')
        (void)snprintf(hint, sizeof(hint), "options come behind the command: kith %s %.32s", meant,
                       name);
    else if (meant != NULL)
        (void)snprintf(hint, sizeof(hint), "did you mean: kith %s", meant);
    log_event(LOG_ERROR, name, NULL, "no such command", hint);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!protect_standard_descriptors()) {
        log_event(LOG_ERROR, "descriptors", NULL, strerror(errno), "0 to 2 have to be open");
        return EXIT_LOCAL;
    }
    protect_process();
    signals_prepare();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return (int)finish(EXIT_WHOLE);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        (void)printf("kith %s\n", KITH_VERSION);
        return (int)finish(EXIT_WHOLE);
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return (int)finish(run(&commands[i], argc - 1, argv + 1));
    }
    complain(name, argc, argv);
    return (int)finish(EXIT_USAGE);
}
