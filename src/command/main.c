/*
 * kith: an encrypted pipe and port forwarder between machines whose people know each other's
 * public keys. This file owns the choice of the command and the exit status, and must
 * never know what a command does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/spelling.h"
#include "command/command_line.h"
#include "command/commands.h"
#include "command/offer.h"
#include "command/option_table.h"
#include "net/inetd.h"
#include "system/memory.h"
#include "system/protect.h"
#include "system/signals.h"

struct command {
    struct command_form form;
    const char *summary;
    const char *usages[4]; /* its arguments as they are shown, where form.arguments is not enough */
    enum kith_error (*run)(const struct options *options);
};

static const struct command commands[] = {
    {{"keygen", "[FILE]", FOR_KEYGEN, 0, 1},
     "make an identity: FILE (private) and FILE.pub",
     {"[FILE]", "--namespace FILE"},
     command_keygen},
    {{"pubkey", "[FILE]", FOR_PUBKEY, 0, 1},
     "print the public key of a key file",
     {NULL},
     command_pubkey},
    {{"meet", "HOST:PORT", FOR_MEET, 1, 1},
     "exchange keys with somebody you can speak to",
     {"HOST:PORT", "--listen [HOST:]PORT"},
     command_meet},
    {{"import", "FILE [NAME]", FOR_IMPORT, 1, 2},
     "add the keys of a file to the peers file",
     {"FILE [NAME]", "FILE NAME@HOST:PORT"},
     command_import},
    {{"listen", "[HOST:]PORT", FOR_LISTEN, 1, 1},
     "wait for one known peer: stdin and stdout",
     {"[HOST:]PORT", "--inetd -o FILE | --inetd --exec CMD [ARG...]"},
     command_listen},
    {{"dial", "PEER", FOR_DIAL, 1, 1}, "call a known peer: stdin and stdout", {NULL}, command_dial},
    {{"serve", "[HOST:]PORT TARGET", FOR_SERVE, 2, 1 + OFFER_MAX},
     "join each known caller to TARGET or a program",
     {"[HOST:]PORT [NAME=]TARGET...", "[HOST:]PORT --exec CMD [ARG...]",
      "--call PEER [NAME=]TARGET...", "--inetd [NAME=]TARGET..."},
     command_serve},
    {{"forward", "LOCAL PEER", FOR_FORWARD, 2, 2 * FORWARDS_MAX},
     "listen at LOCAL, carry each connection to PEER",
     {"LOCAL PEER [LOCAL PEER...] [--run CMD [ARG...]]",
      "--accept [HOST:]PORT LOCAL WHO[:NAME]..."},
     command_forward},
    {{"check", "PEER", FOR_CHECK, 1, 1},
     "is this peer there, and is it the one?",
     {NULL},
     command_check},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

#define USAGES (sizeof(commands[0].usages) / sizeof(commands[0].usages[0]))

/* What the words in capitals mean, and in the arguments or options of which commands they are. */
static const struct {
    unsigned commands;
    const char *meaning;
} words[] = {
    {FOR_DIAL | FOR_CHECK | FOR_DAEMONS,
     "PEER is WHO@HOST:PORT, or a name from the peers file whose line has addr."},
    {FOR_DIAL | FOR_CHECK | FOR_FORWARD,
     "PEER:NAME asks for the target that a serve has by that name; so does WHO:NAME."},
    {FOR_PIPES | FOR_CHECK | FOR_DAEMONS,
     "WHO is a name, a public key in 64 hex digits, or a file with one (./x, x.pub).\n"
     "A line of the peers file: [addr=\"HOST:PORT\"] KEY NAME"},
    {FOR_FORWARD, "LOCAL is PORT (loopback; 0: any), HOST:PORT, [v6]:PORT, or a path with a /."},
    {FOR_SERVE, "TARGET is PORT (loopback), HOST:PORT, [v6]:PORT, a path with a /, or\n"
                "'exec:COMMAND LINE'; with NAME= in front, callers ask for it as PEER:NAME."},
};

/* What each is for, as it is typed. */
static const struct {
    unsigned command;
    const char *typed;
} examples[] = {
    {FOR_KEYGEN, "kith keygen -n alice"},
    {FOR_PUBKEY, "kith pubkey ./deploy.pem                 # - is standard input"},
    {FOR_PUBKEY, "kith pubkey agent:                       # a key that an ssh-agent has"},
    {FOR_MEET, "kith meet --listen 9000                  # there: kith meet bob.example:9000"},
    {FOR_IMPORT, "kith import ~/.ssh/authorized_keys"},
    {FOR_IMPORT, "curl -fsS https://codehost.example/bob.keys | kith import - bob"},
    {FOR_LISTEN, "kith listen --recv-only -o photo.jpg 9000 && echo whole"},
    {FOR_LISTEN, "kith listen --recv-only 9000 --exec zfs recv tank/data"},
    {FOR_DIAL, "kith dial bob < photo.jpg && echo arrived"},
    {FOR_DIAL, "ssh -o ProxyCommand='kith dial %h' nas"},
    {FOR_SERVE, "kith serve 9000 127.0.0.1:5432           # there: kith forward 5432 nas"},
    {FOR_SERVE, "kith serve 9000 db=127.0.0.1:5432 ssh=22 log='exec:tail -f /var/log/syslog'"},
    {FOR_FORWARD, "kith forward 5432 nas:db                 # then: psql -h 127.0.0.1"},
    {FOR_FORWARD, "kith forward 0 nas:db --run sh -c 'echo at $KITH_FORWARD_1'"},
    {FOR_CHECK, "kith check --retry 30s nas:db && echo up"},
};

static void print_examples(unsigned command_bit)
{
    (void)printf("\nFor example:\n");
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        if (examples[i].command == command_bit)
            (void)printf("    %s\n", examples[i].typed);
    }
}

static void print_words(unsigned command_bits)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((words[i].commands & command_bits) != 0)
            (void)printf("%s\n", words[i].meaning);
    }
}

/* One line, or where the arguments are too wide for that, the summary below them. */
static void print_synopsis(const struct command *command)
{
    const struct command_form *form = &command->form;

    if (command->usages[0] == NULL)
        (void)printf("  kith %-7s %-18s %s\n", form->name, form->arguments, command->summary);
    for (size_t i = 0; i < USAGES && command->usages[i] != NULL; i++)
        (void)printf("  kith %-7s %s\n", form->name, command->usages[i]);
    if (command->usages[0] != NULL)
        (void)printf("%34s%s\n", "", command->summary);
}

static void print_help(void)
{
    (void)printf("kith: an encrypted pipe and port forwarder between holders of known keys\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        print_synopsis(&commands[i]);
    (void)printf("  kith help    [COMMAND]          this, or what there is to know of a command\n"
                 "  kith version                    which version this is\n\n");
    print_words(~0U);
    (void)printf("The manual: kith(1), kith-peers(5), kith-protocol(7)\n");
}

static void print_command_help(const struct command *command)
{
    const struct command_form *form = &command->form;
    const char *first = command->usages[0] != NULL ? command->usages[0] : form->arguments;

    (void)printf("usage: kith %s [options] %s\n", form->name, first);
    for (size_t i = 1; i < USAGES && command->usages[i] != NULL; i++)
        (void)printf("       kith %s [options] %s\n", form->name, command->usages[i]);
    (void)printf("%s\n\n", command->summary);
    option_table_print(form->bit);
    print_words(form->bit);
    print_examples(form->bit);
}

/* What was printed has to arrive as well, and so has our last word. */
static enum exit_status finish(enum exit_status status)
{
    if (fflush(stdout) != 0 && status == EXIT_WHOLE)
        status = error_exit_status(
            log_failure(LOG_ERROR, "stdout", NULL, ERR_STDOUT, strerror(errno), NULL));
    log_finish();
    return status;
}

static enum log_level level_of(const struct options *options)
{
    if (options->quiet)
        return LOG_ERROR;
    if (options->verbosity == 0)
        return LOG_NOTE;
    return options->verbosity == 1 ? LOG_MORE : LOG_DEBUG;
}

/* Whether the channel is on the standard descriptors, however that is written. */
static bool has_inetd(unsigned bit, int argc, char **argv)
{
    for (int i = 1; (bit & FOR_LISTENERS) != 0 && i < argc; i++) {
        if (strcmp(argv[i], "--") == 0 || strcmp(argv[i], "--exec") == 0)
            return false;
        if (strncmp(argv[i], "--in", strlen("--in")) == 0)
            return true;
    }
    return false;
}

static enum exit_status run_command(const struct command *command, int argc, char **argv)
{
    static struct options options; /* to the end of all threads */
    static int status = -1;        /* of a program that ours stands for */
    enum kith_error error;

    if (has_inetd(command->form.bit, argc, argv) && !inetd_spare())
        return EXIT_LOCAL;
    if (!memory_has_stack(argv)) { /* else a key that is read, or a lookup, ends in SIGSEGV */
        (void)log_failure(LOG_ERROR, "stack", NULL, ERR_SMALL_STACK, NULL, NULL);
        return EXIT_LOCAL;
    }
    error = command_line_parse(&options, &command->form, argc, argv);
    if (error != OK)
        return error_exit_status(error);
    if (options.help) {
        print_command_help(command);
        return EXIT_WHOLE;
    }
    log_configure(level_of(&options), options.json);
    if (options.program == NULL && options.via == NULL &&
        command->form.bit != FOR_SERVE) /* whose targets may be some */
        protect_for_good();
    options.status = &status;
    error = command->run(&options);
    return error == OK && status >= 0 ? (enum exit_status)status : error_exit_status(error);
}

/* What other programs call ours, and so who comes from them. */
static const struct {
    const char *word, *ours;
} other_words[] = {
    {"send", "dial PEER < FILE"},
    {"put", "dial PEER < FILE"},
    {"receive", "listen --recv-only -o FILE PORT"},
    {"recv", "listen --recv-only -o FILE PORT"},
    {"get", "listen --recv-only -o FILE PORT"},
    {"connect", "dial PEER"},
    {"call", "dial PEER"},
    {"ping", "check PEER"},
    {"pair", "meet HOST:PORT"},
    {"exchange", "meet HOST:PORT"},
    {"genkey", "keygen"},
    {"add", "import FILE [NAME]"},
    {"trust", "import FILE [NAME]"},
    {"tunnel", "forward LOCAL PEER"},
};

/* The command that is meant by a word which is none, or NULL. */
static const char *guess(const char *name)
{
    struct spelling spelling = spelling_of(name);

    for (size_t i = 0; i < sizeof(other_words) / sizeof(other_words[0]); i++) {
        if (strcmp(name, other_words[i].word) == 0)
            return other_words[i].ours;
    }
    if (strchr(name, '@') != NULL)
        return "dial PEER";
    for (size_t i = 0; i < COMMANDS; i++)
        spelling_try(&spelling, commands[i].form.name);
    spelling_try(&spelling, "help");
    spelling_try(&spelling, "version");
    return spelling.nearest;
}

/* The first word that is a command, after options that stand before it; or NULL. */
static const char *command_after(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        for (size_t j = 0; j < COMMANDS; j++) {
            if (strcmp(argv[i], commands[j].form.name) == 0)
                return argv[i];
        }
    }
    return NULL;
}

static void log_unknown(const char *name, int argc, char **argv)
{
    const char *meant = name[0] == '-' ? command_after(argc, argv) : guess(name);
    char hint[128] = "see: kith --help";

    if (name[0] == '\0') {
        (void)log_failure(LOG_ERROR, "usage", NULL, ERR_USAGE, "a command is missing", hint);
        return;
    }
    if (meant == NULL && name[0] == '-')
        (void)snprintf(hint, sizeof(hint), "a command comes first: kith COMMAND %.32s", name);
    else if (meant != NULL && name[0] == '-')
        (void)snprintf(hint, sizeof(hint), "options come after the command: kith %s %.32s", meant,
                       name);
    else if (meant != NULL)
        (void)snprintf(hint, sizeof(hint), "did you mean: kith %s", meant);
    (void)log_failure(LOG_ERROR, name, NULL, ERR_USAGE, "no such command", hint);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].form.name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* The first word says what is to be done. */
static enum exit_status do_as_told(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = is_one_of(name, "--help", "-h", "help");
    bool is_version = is_one_of(name, "--version", "-V", "version");
    bool on_all = help && (argc < 3 || is_one_of(argv[2], "help", "version", "--help"));
    const struct command *command = find_command(help && argc > 2 ? argv[2] : name);

    if (argc > (help ? 3 : 2) && (help || is_version)) {
        (void)log_failure(LOG_ERROR, name, argv[help ? 3 : 2], ERR_USAGE, "one argument too many",
                          help ? "kith help COMMAND is of one" : NULL);
        return EXIT_USAGE;
    }
    if (on_all) {
        print_help();
    } else if (help && command != NULL) {
        print_command_help(command);
    } else if (is_version) {
        (void)printf("kith %s\n", KITH_VERSION);
    } else if (command != NULL) {
        return run_command(command, argc - 1, argv + 1);
    } else {
        log_unknown(help ? argv[2] : name, argc, argv);
        return EXIT_USAGE;
    }
    return EXIT_WHOLE;
}

int main(int argc, char **argv)
{
    if (!protect_standard_descriptors()) {
        (void)log_failure(LOG_ERROR, "descriptors", NULL, ERR_SYSTEM, NULL,
                          "0 to 2 have to be open");
        return EXIT_LOCAL;
    }
    protect_process();
    signals_prepare();
    return (int)finish(do_as_told(argc, argv));
}
