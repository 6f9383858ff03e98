/*
 * Confinement: once a process is set up, it can do only what it still needs, by whatever means
 * the system has. What it does not have is said at -v; nothing fails for it.
 */
#ifndef KITH_SANDBOX_H
#define KITH_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_role {
    SANDBOX_KEEPER, /* answers what comes by a line that is open, and opens files, in threads */
    SANDBOX_SCRIBE, /* answers as well, and writes files */
    SANDBOX_LOOKUP, /* answers as well, and asks name servers in children of its own */
    SANDBOX_FILER,  /* names and removes files in one folder */
    SANDBOX_PIPE,   /* reads and writes what is open */
    SANDBOX_LISTEN, /* and accepts calls, and asks helpers */
    SANDBOX_DAEMON  /* and connects, and starts threads */
};

/* What a process still needs beyond what is open. */
struct sandbox_needs {
    bool reads;                 /* files, by their names, as any program would find them */
    bool writes;                /* them as well, and makes and removes them, and folders */
    const char *const *removes; /* files that are removed at the end; NULL after the last */
    const int *folder;          /* open, and its files are named and removed; or NULL */
    const int *file;            /* open, and others are given rights to it; with folder alone */
    bool talks;                 /* at a terminal, where somebody may type too early */
    bool binds;                 /* local addresses to connect from */
    bool connects_locally;      /* to a UNIX socket */
    bool has_programs;          /* by another process, with a pair of sockets for each */
    bool calls_by_programs;     /* likewise, with pairs of sockets of streams, too */
    bool connects;              /* by TCP: */
    const uint16_t *ports;      /* only to these; port_count of them, or 0 for any */
    size_t port_count;
};

/* Confine this process for good. Before any thread. */
void sandbox_enter(enum sandbox_role role, const struct sandbox_needs *needs);

#endif
