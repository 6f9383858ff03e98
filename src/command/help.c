/*
 * Owns what help says. Must never say of an option what its table does not.
 */
#include "command/help.h"

#include <stdio.h>

#include "command/option_table.h"

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

/* Print the ways to call a command, each after what begins its line. */
static void print_usages(const struct command *command, const char *first, const char *next)
{
    const struct usage *usages = command->usages;

    for (size_t i = 0; i < USAGES_MAX && usages[i].arguments != NULL; i++)
        (void)printf("%s%s%s%s\n", i == 0 ? first : next,
                     usages[i].option != NULL ? usages[i].option : "",
                     usages[i].option != NULL && usages[i].shown[0] != '\0' ? " " : "",
                     usages[i].shown != NULL ? usages[i].shown : usages[i].arguments);
}

/* One line, or where the arguments are too wide for that, the summary below them. */
static void print_synopsis(const struct command *command)
{
    const struct usage *usage = &command->usages[0];
    char begin[24];

    (void)snprintf(begin, sizeof(begin), "  kith %-7s ", command->form.name);
    if (usage->shown == NULL) {
        (void)printf("%s%-18s %s\n", begin, usage->arguments, command->summary);
        return;
    }
    print_usages(command, begin, begin);
    (void)printf("%34s%s\n", "", command->summary);
}

void help_print(void)
{
    size_t count;
    const struct command *commands = command_table(&count);

    (void)printf("kith: an encrypted pipe and port forwarder between holders of known keys\n\n");
    for (size_t i = 0; i < count; i++)
        print_synopsis(&commands[i]);
    (void)printf("  kith help    [COMMAND]          this text, or all about a command\n"
                 "  kith version                    which version this is\n\n");
    print_words(~0U);
    (void)printf("\nFor example, the keys, once, and then a file from bob to alice:\n"
                 "    alice$ kith keygen; kith meet --listen 9000\n"
                 "    bob$   kith keygen; kith meet alice.example:9000\n"
                 "    alice$ kith listen -o FILE 9000\n"
                 "    bob$   kith dial alice < FILE\n\n"
                 "The manual: kith(1), kith-peers(5), kith-protocol(7)\n");
}

void help_print_command(const struct command *command)
{
    const struct command_form *form = &command->form;
    char first[40], next[40];

    (void)snprintf(first, sizeof(first), "usage: kith %s [options] ", form->name);
    (void)snprintf(next, sizeof(next), "       kith %s [options] ", form->name);
    print_usages(command, first, next);
    (void)printf("%s\n\n", command->summary);
    option_table_print(form->bit);
    print_words(form->bit);
    print_examples(form->bit);
}
