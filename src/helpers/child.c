/*
 * Owns what a program gets from us. Must never let it have a descriptor that is not its own, nor a
 * variable that is ours alone.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems */
#include "helpers/child.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/protect.h"
#include "system/signals.h"

#define STATUS_NOT_RUN 127 /* as a shell says that it could not become a program */

extern char **environ;

/* Variables that we set, and nobody else for the program. */
enum { PEER_NAME, PEER_KEY, REMOTE_ADDR, REMOTE_PORT, LOCAL_ADDR, LOCAL_PORT, VARIABLES };

#define VARIABLE_SIZE 320

static void split_address(const struct endpoint *peer, char *host, const char *host_name,
                          char *port, const char *port_name)
{
    char numeric[NI_MAXHOST] = "", service[NI_MAXSERV] = "";

    if (peer->len <= sizeof(peer->address))
        (void)getnameinfo((const struct sockaddr *)&peer->address, peer->len, numeric,
                          sizeof(numeric), service, sizeof(service),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(host, VARIABLE_SIZE, "%s=%.*s", host_name, 255, numeric);
    (void)snprintf(port, VARIABLE_SIZE, "%s=%s", port_name, service);
}

static void describe_visitor(char values[static VARIABLES][VARIABLE_SIZE], struct visitor *visitor)
{
    char key[KEY_HEX_SIZE];

    visitor->name[NAME_SIZE - 1] = '\0';
    hex_encode(key, visitor->key, KEY_SIZE);
    (void)snprintf(values[PEER_NAME], VARIABLE_SIZE, "KITH_PEER_NAME=%s", visitor->name);
    (void)snprintf(values[PEER_KEY], VARIABLE_SIZE, "KITH_PEER_KEY=%s", key);
    split_address(&visitor->from, values[REMOTE_ADDR], "KITH_REMOTE_ADDR", values[REMOTE_PORT],
                  "KITH_REMOTE_PORT");
    split_address(&visitor->here, values[LOCAL_ADDR], "KITH_LOCAL_ADDR", values[LOCAL_PORT],
                  "KITH_LOCAL_PORT");
}

/* Whether a variable is for us alone: ours, or a supervisor's word to one process. */
static bool is_ours(const char *variable)
{
    static const char *const prefixes[] = {"KITH_",       "NOTIFY_SOCKET=",  "LISTEN_PID=",
                                           "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID="};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

/* Our environment without what was ours alone, and with the visitor's. False with errno. */
static bool set_environment(struct visitor *visitor)
{
    static char values[VARIABLES][VARIABLE_SIZE];
    size_t count = 0, used = 0;
    char **list;

    while (environ[count] != NULL)
        count++;
    list = calloc(count + VARIABLES + 1, sizeof(char *));
    if (list == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(environ[i]))
            list[used++] = environ[i];
    }
    describe_visitor(values, visitor);
    for (size_t i = 0; i < VARIABLES; i++)
        list[used++] = values[i];
    environ = list;
    return true;
}

/* In the child, which has all signals blocked: become the program, or say why not. */
static _Noreturn void become(const struct child_plan *plan)
{
    struct program_end end = {.status = STATUS_NOT_RUN};
    ssize_t n;

    signals_reset();
    (void)setsid(); /* no terminal of ours is its own */
    protect_give_back();
    if (dup2(plan->in, STDIN_FILENO) >= 0 && dup2(plan->out, STDOUT_FILENO) >= 0) {
        protect_close_all_but(&plan->line, 1);
        signals_unblock();
        if (set_environment(plan->visitor))
            (void)execvp(plan->argv[0], plan->argv);
    }
    end.problem = errno;
    n = write(plan->line, &end, sizeof(end));
    (void)n;
    _exit(STATUS_NOT_RUN);
}

/* No signal is handled by a child of ours, which would be noted for us, nor lost by it. */
pid_t child_fork(const struct child_plan *plan)
{
    sigset_t all, before;
    pid_t process;
    int saved;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    process = fork();
    if (process == 0)
        become(plan);
    saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return process;
}
