/*
 * Owns which commands there are, and which is meant by a word. Must never know what one does.
 */
#include "command/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/spelling.h"
#include "command/offer.h"

static const struct command commands[] = {
    {{"keygen", FOR_KEYGEN, 0, 1},
     "make an identity: FILE (private) and FILE.pub",
     {{NULL, "[FILE]", "[FILE]"}, {"--namespace FILE", "", ""}},
     command_keygen},
    {{"pubkey", FOR_PUBKEY, 0, 1},
     "print the public key of a key file",
     {{NULL, "[FILE]", NULL}},
     command_pubkey},
    {{"meet", FOR_MEET, 1, 1},
     "exchange keys with somebody you can speak to",
     {{NULL, "HOST:PORT", "HOST:PORT"}, {"--listen", "[HOST:]PORT", "[HOST:]PORT"}},
     command_meet},
    {{"import", FOR_IMPORT, 1, 2},
     "add the keys of a file to the peers file",
     {{NULL, "FILE [NAME]", "FILE [NAME]"}, {NULL, "FILE [NAME]", "FILE NAME@HOST:PORT"}},
     command_import},
    {{"listen", FOR_LISTEN, 1, 1},
     "wait for one known peer: stdin and stdout",
     {{NULL, "[HOST:]PORT", "[HOST:]PORT [--exec CMD [ARG...]]"},
      {"--inetd", "", "-o FILE | --inetd --exec CMD [ARG...]"}},
     command_listen},
    {{"dial", FOR_DIAL, 1, 1},
     "call a known peer: stdin and stdout",
     {{NULL, "PEER", "PEER [--exec CMD [ARG...]]"}},
     command_dial},
    {{"serve", FOR_SERVE, 2, 1 + OFFER_MAX},
     "join each known caller to TARGET or a program",
     {{NULL, "[HOST:]PORT TARGET", "[HOST:]PORT [NAME=]TARGET..."},
      {NULL, "[HOST:]PORT TARGET", "[HOST:]PORT --exec CMD [ARG...]"},
      {"--call PEER", "TARGET", "[NAME=]TARGET..."},
      {"--inetd", "TARGET", "[NAME=]TARGET..."}},
     command_serve},
    {{"forward", FOR_FORWARD, 2, 2 * FORWARDS_MAX},
     "listen at LOCAL, carry each connection to PEER",
     {{NULL, "LOCAL PEER", "LOCAL PEER [LOCAL PEER...] [--run CMD [ARG...]]"},
      {"--accept [HOST:]PORT", "LOCAL WHO", "LOCAL WHO[:NAME]..."}},
     command_forward},
    {{"check", FOR_CHECK, 1, 1},
     "is this peer there, and is it the one?",
     {{NULL, "PEER", NULL}},
     command_check},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_table(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].form.name) == 0)
            return &commands[i];
    }
    return NULL;
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
        if (command_named(argv[i]) != NULL)
            return argv[i];
    }
    return NULL;
}

void command_log_unknown(const char *name, int argc, char **argv)
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
