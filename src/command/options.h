/*
 * What a command line says. The table of options is in command/option_table.h.
 */
#ifndef KITH_OPTIONS_H
#define KITH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address_range.h"

#define PEERS_NAMED_MAX 256 /* uses of --peer */
#define FORWARDS_MAX 64     /* LOCALs of forward, each with its PEER */
#define LIMIT_MAX 1000000
#define MESSAGE_SIZE_DEFAULT (64u << 10)
#define MESSAGE_SIZE_MAX (16u << 20)

/* The commands, a bit each; an option belongs to a set of them. */
enum command_bit {
    FOR_KEYGEN = 1 << 0,
    FOR_PUBKEY = 1 << 1,
    FOR_LISTEN = 1 << 2,
    FOR_DIAL = 1 << 3,
    FOR_CHECK = 1 << 4,
    FOR_SERVE = 1 << 5,
    FOR_FORWARD = 1 << 6,
    FOR_MEET = 1 << 7,
    FOR_IMPORT = 1 << 8
};
#define FOR_DAEMONS (FOR_SERVE | FOR_FORWARD)
#define FOR_PIPES (FOR_LISTEN | FOR_DIAL)
#define FOR_CALLS (FOR_DIAL | FOR_CHECK | FOR_DAEMONS)
#define FOR_LISTENERS (FOR_LISTEN | FOR_SERVE)
#define FOR_PROGRAMS (FOR_PIPES | FOR_SERVE) /* that have --exec */
#define FOR_CONNECTING (FOR_PIPES | FOR_CHECK | FOR_DAEMONS)
#define FOR_NETWORK (FOR_CONNECTING | FOR_MEET)
#define FOR_ALL (FOR_KEYGEN | FOR_PUBKEY | FOR_IMPORT | FOR_NETWORK)

/* The option that a command has for a program. */
#define OPTION_OF_PROGRAM(bit) ((bit) == FOR_FORWARD ? "--run" : "--exec")

#define USAGES_MAX 4 /* ways to call a command */

/* One of them. */
struct usage {
    const char *option;    /* that it is called with, and its value; or NULL */
    const char *arguments; /* the names of those that have to be there, a word each */
    const char *shown;     /* all of them, in help; NULL if these are all */
};

/* What the command line of a command is like. */
struct command_form {
    const char *name;
    unsigned bit;
    int least; /* arguments */
    int most;
};

struct options {
    unsigned command;           /* its bit */
    const char *what;           /* its name, in logs */
    const struct usage *usages; /* and the ways to call it */
    const char *identity;       /* -i, or NULL */
    const char *passphrase_file;
    const char *peers;                  /* -a, or NULL */
    const char *named[PEERS_NAMED_MAX]; /* -p */
    size_t named_count;
    const char *namespace;      /* -n, or NULL */
    const char *namespace_file; /* the same as a secret, or NULL */
    int64_t synchrony_bound_ms;
    int64_t max_handshake_age_ms;
    int64_t handshake_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t retry_ms;
    size_t max_message_size;
    int family;
    const char *source;
    const char *via; /* what calls: the command that is the way there, or NULL */
    int ready_fd;    /* -1 for none */
    int verbosity;
    bool quiet;
    bool json;
    bool send_only;
    bool recv_only;
    bool progress;
    bool progress_json;
    size_t rate;            /* 0 for none */
    size_t max_connections; /* daemons; 0: as many as there are descriptors for */
    size_t max_per_peer;
    size_t max_pending;
    int64_t drain_timeout_ms;
    const char *call;   /* serve: whom, in the place of a port; or NULL */
    const char *accept; /* forward: where WHO calls, or NULL */
    uint64_t given;     /* a bit for each option of the table that is there */
    size_t spare;       /* kept channels */
    size_t keep;
    int64_t keep_time_ms;
    int64_t channel_age_ms;
    int64_t ping_ms;
    bool plain;
    bool ready_on_listen;               /* or once the peer is there */
    bool proxy_protocol;                /* serve */
    struct address_ranges accept_proxy; /* the sources of PROXY headers */
    char **program;                     /* what stands after --exec or --run, or NULL */
    int *status;        /* how the program of --run has ended is put there, once it has */
    bool force;         /* keygen, and output */
    const char *output; /* -o, or NULL */
    const char *name;   /* keygen, meet: our own */
    bool listen;        /* meet: rather than call */
    bool print;         /* meet, import: the line to stdout, not into the peers file */
    bool inetd;         /* listen, serve: the channel is standard input and output */
    bool help;
    char **arguments; /* what is no option */
    int argument_count;
    const char *place; /* the first of them, unless an option stands for it: listen, serve, meet */
    char **targets;    /* serve: those after the place */
    int target_count;
};

#endif
