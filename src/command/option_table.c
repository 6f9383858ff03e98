/*
 * Owns the table of options, and what getopt and --help make of it. Must never act on one: commands
 * do.
 */
#include "command/option_table.h"

#include <stdio.h>
#include <string.h>

#include "command/options.h"

#define FOR_KEEPING FOR_DAEMONS /* of serve, only with --call */

#define FIELD(name) offsetof(struct options, name)

static const struct option_spec specs[] = {
    {'f', "force", NULL, "replace existing files", FOR_KEYGEN, FLAG, FIELD(force)},
    {'n', "name", "NAME", "the name after the public key (the user's name)", FOR_KEYGEN, TEXT,
     FIELD(name)},
    {0, "namespace", "FILE", "make a secret namespace in its place", FOR_KEYGEN, TEXT,
     FIELD(namespace_file)},
    {'n', "name", "NAME", "our name there (that in the .pub file)", FOR_MEET, TEXT, FIELD(name)},
    {'l', "listen", NULL, "wait for the other side to call", FOR_MEET, FLAG, FIELD(listen)},
    {0, "print", NULL, "the line to stdout, not into the peers file", FOR_MEET | FOR_IMPORT, FLAG,
     FIELD(print)},
    {'i', "identity", "FILE", "our key, or agent: (~/.config/kith/identity)", FOR_NETWORK, TEXT,
     FIELD(identity)},
    {0, "passphrase-file", "FILE", "where the passphrase of an encrypted key is",
     FOR_NETWORK | FOR_PUBKEY, TEXT, FIELD(passphrase_file)},
    {'a', "peers", "FILE", "who is known, by name (~/.config/kith/peers)", FOR_NETWORK | FOR_IMPORT,
     TEXT, FIELD(peers)},
    {'p', "peer", "WHO", "only these may call; again for more", FOR_LISTEN | FOR_SERVE, NAMED,
     FIELD(named)},
    {'n', "namespace", "TEXT", "the application, equal on both sides (kith)", FOR_CONNECTING,
     NAMESPACE, FIELD(namespace)},
    {0, "namespace-file", "FILE", "the same, as a secret of both sides", FOR_CONNECTING, TEXT,
     FIELD(namespace_file)},
    {0, "synchrony-bound", "T", "how far ahead a peer's clock may be (5s)", FOR_NETWORK, DURATION,
     FIELD(synchrony_bound_ms)},
    {0, "max-handshake-age", "T", "how old a hello may be (10s)", FOR_NETWORK, DURATION,
     FIELD(max_handshake_age_ms)},
    {'w', "handshake-timeout", "T", "deadline for connect and handshake (10s)", FOR_NETWORK,
     DEADLINE, FIELD(handshake_timeout_ms)},
    {0, "max-message-size", "N", "bytes in one message, equal on both sides (64K)", FOR_CONNECTING,
     SIZE, FIELD(max_message_size)},
    {0, "idle-timeout", "T", "end what has not moved for so long (never)", FOR_CONNECTING, DEADLINE,
     FIELD(idle_timeout_ms)},
    {'4', "ipv4", NULL, "IPv4 only", FOR_NETWORK, IPV4, FIELD(family)},
    {'6', "ipv6", NULL, "IPv6 only", FOR_NETWORK, IPV6, FIELD(family)},
    {'s', "source", "ADDR", "our address, to call from or to listen on", FOR_NETWORK, ADDRESS,
     FIELD(source)},
    {0, "via", "CMD", "the way there: a command (%h, %p), by sh -c", FOR_CALLS, TEXT, FIELD(via)},
    {0, "inetd", NULL, "the channel is stdin and stdout; one alone", FOR_LISTENERS, FLAG,
     FIELD(inetd)},
    {0, "ready-fd", "N", "write a line to descriptor N once up", FOR_NETWORK, DESCRIPTOR,
     FIELD(ready_fd)},
    {0, "send-only", NULL, "send stdin, and refuse what the peer sends", FOR_PIPES, FLAG,
     FIELD(send_only)},
    {0, "recv-only", NULL, "do not read stdin", FOR_PIPES, FLAG, FIELD(recv_only)},
    {'o', "output", "FILE", "receive into FILE, whole or not at all", FOR_PIPES, TEXT,
     FIELD(output)},
    {'f', "force", NULL, "with -o: replace FILE if it exists", FOR_PIPES, FLAG, FIELD(force)},
    {0, "rate", "N", "send N bytes a second at most", FOR_PIPES, RATE, FIELD(rate)},
    {0, "progress", "[=json]", "show amount, rate and time on stderr", FOR_PIPES, PROGRESS,
     FIELD(progress)},
    {0, "retry", "T", "try again, with growing waits, for so long", FOR_DIAL | FOR_CHECK, DURATION,
     FIELD(retry_ms)},
    {0, "max-connections", "N", "channels at once (what descriptors allow)", FOR_DAEMONS, LIMIT,
     FIELD(max_connections)},
    {0, "max-per-peer", "N", "channels of one peer at once (no own limit)", FOR_DAEMONS, LIMIT,
     FIELD(max_per_peer)},
    {0, "max-pending", "N", "handshakes at once (serve 512, forward 128)", FOR_DAEMONS, LIMIT,
     FIELD(max_pending)},
    {0, "drain-timeout", "T", "time for channels to finish at the end (30s)", FOR_DAEMONS, DURATION,
     FIELD(drain_timeout_ms)},
    {0, "call", "PEER", "call this peer, and wait there to be used", FOR_SERVE, TEXT, FIELD(call)},
    {0, "accept", "ADDRESS", "wait at [HOST:]PORT for each WHO to call", FOR_FORWARD, TEXT,
     FIELD(accept)},
    {0, "spare", "N", "channels to have ready (1; serve --call: 2)", FOR_KEEPING, KEPT_COUNT,
     FIELD(spare)},
    {0, "keep", "N", "idle channels to keep for the next (8)", FOR_KEEPING, KEPT_COUNT,
     FIELD(keep)},
    {0, "keep-time", "T", "how long to keep one without use (60s)", FOR_KEEPING, DURATION,
     FIELD(keep_time_ms)},
    {0, "channel-age", "T", "no connection begins on an older channel (15m)", FOR_KEEPING, AGE,
     FIELD(channel_age_ms)},
    {0, "ping", "T", "test idle ones so often, 1s to 30s (20s)", FOR_FORWARD, PING, FIELD(ping_ms)},
    {0, "plain", NULL, "a channel a connection, for the crate", FOR_FORWARD, FLAG, FIELD(plain)},
    {0, "ready-on", "listen|peer", "what --ready-fd waits for (peer)", FOR_KEEPING, READY_ON,
     FIELD(ready_on_listen)},
    {0, "exec", "CMD [ARG...]", "join this to the channel; it comes last", FOR_PROGRAMS, PROGRAM,
     FIELD(program)},
    {0, "run", "CMD [ARG...]", "while it runs; KITH_FORWARD_1... tell it where", FOR_FORWARD,
     PROGRAM, FIELD(program)},
    {0, "proxy-protocol", NULL, "tell the target who calls, by PROXY v2", FOR_SERVE, FLAG,
     FIELD(proxy_protocol)},
    {0, "accept-proxy", "FROM", "take PROXY headers from ADDR/BITS,...", FOR_DAEMONS, SOURCES,
     FIELD(accept_proxy)},
    {'q', "quiet", NULL, "errors only", FOR_ALL, FLAG, FIELD(quiet)},
    {'v', "verbose", NULL, "say more; again for still more", FOR_ALL, COUNT, FIELD(verbosity)},
    {0, "log-format", "text|json", "how it is written to stderr (text)", FOR_ALL, FORMAT,
     FIELD(json)},
    {'h', "help", NULL, "show this help", FOR_ALL, FLAG, FIELD(help)},
};

#define SPECS (sizeof(specs) / sizeof(specs[0]))
#define LONG_BASE 256 /* getopt_long returns this and the index of a spec without a letter */

_Static_assert(SPECS <= OPTIONS_MAX, "there is room for each in getopt's tables");
_Static_assert(SPECS <= 64, "and in a set of those that are given");

const struct option_spec *option_table(size_t *count)
{
    *count = SPECS;
    return specs;
}

static bool value_is_optional(const struct option_spec *spec)
{
    return spec->value != NULL && spec->value[0] == '[';
}

static int takes_argument(const struct option_spec *spec)
{
    if (spec->value == NULL)
        return no_argument;
    return value_is_optional(spec) ? optional_argument : required_argument;
}

void option_table_for_getopt(struct getopt_tables *tables, unsigned command_bit)
{
    size_t letters = 0, names = 0;

    memset(tables, 0, sizeof(*tables));
    tables->letters[letters++] =
        '-'; /* an argument is given to us, whatever POSIXLY_CORRECT says */
    tables->letters[letters++] = ':'; /* a missing value is told apart */
    for (size_t i = 0; i < SPECS; i++) {
        const struct option_spec *spec = &specs[i];

        if ((spec->commands & command_bit) == 0)
            continue;
        tables->names[names++] = (struct option){
            .name = spec->name,
            .has_arg = takes_argument(spec),
            .val = LONG_BASE + (int)i,
        };
        if (spec->letter == 0)
            continue;
        tables->letters[letters++] = spec->letter;
        if (spec->value != NULL)
            tables->letters[letters++] = ':';
    }
}

/* A letter may be any byte: a number below 0, or some large one. */
bool option_is_word(int found)
{
    return found >= LONG_BASE && found < LONG_BASE + (int)SPECS;
}

const struct option_spec *option_find(int found, unsigned command_bit)
{
    if (option_is_word(found))
        return &specs[found - LONG_BASE];
    for (size_t i = 0; i < SPECS; i++) {
        if (specs[i].letter == found && (specs[i].commands & command_bit) != 0)
            return &specs[i];
    }
    return NULL;
}

static bool is_named(const struct option_spec *spec, struct text word)
{
    if (word.len == 2)
        return word.at[0] == '-' && word.at[1] == spec->letter;
    return word.len > 2 && memcmp(word.at, "--", 2) == 0 && strlen(spec->name) == word.len - 2 &&
           memcmp(word.at + 2, spec->name, word.len - 2) == 0;
}

const struct option_spec *option_named(struct text word, unsigned command_bit)
{
    for (size_t i = 0; i < SPECS; i++) {
        if ((specs[i].commands & command_bit) != 0 && is_named(&specs[i], word))
            return &specs[i];
    }
    return NULL;
}

uint64_t option_bit(const struct option_spec *spec)
{
    return (uint64_t)1 << (spec - specs);
}

/* Whether an option of the command takes this, or is of one of these kinds. */
static bool takes(unsigned command_bit, const char *value, enum option_kind a, enum option_kind b)
{
    for (size_t i = 0; i < SPECS; i++) {
        if ((specs[i].commands & command_bit) == 0 || specs[i].value == NULL)
            continue;
        if (strcmp(specs[i].value, value) == 0 && (specs[i].kind == a || specs[i].kind == b))
            return true;
    }
    return false;
}

/* What the letters mean that stand for values, as far as the command has such. */
static void print_values(unsigned command_bit)
{
    if (takes(command_bit, "T", DURATION, DEADLINE))
        (void)printf("\nT is a time: 500ms, 5s, 2m or 1h.");
    if (takes(command_bit, "N", SIZE, RATE))
        (void)printf(" N is a number; of bytes also 64K or 1M.");
    if ((command_bit & FOR_NETWORK) != 0)
        (void)printf("\n");
}

void option_table_print(unsigned command_bit)
{
    for (size_t i = 0; i < SPECS; i++) {
        const struct option_spec *spec = &specs[i];
        char left[48];

        if ((spec->commands & command_bit) == 0)
            continue;
        (void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s", spec->letter != 0 ? '-' : ' ',
                       spec->letter != 0 ? spec->letter : ' ', spec->letter != 0 ? ',' : ' ',
                       spec->name, value_is_optional(spec) ? "" : " ",
                       spec->value != NULL ? spec->value : "");
        (void)printf("  %-30s %s\n", left, spec->help);
    }
    print_values(command_bit);
}
