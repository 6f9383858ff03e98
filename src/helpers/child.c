/*
 * Owns what a program gets from us. Must never let it have a descriptor that is not its own, nor a
 * variable that is ours alone.
 */
#include "helpers/child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/environment.h"
#include "net/endpoint.h"
#include "system/protect.h"
#include "system/signals.h"

/* Variables that we set, and nobody else for the program. */
enum { PEER_NAME, PEER_KEY, REMOTE_ADDR, REMOTE_PORT, LOCAL_ADDR, LOCAL_PORT, TARGET, VARIABLES };

#define VARIABLE_SIZE 320

static void split_address(const struct endpoint *peer, char *host, const char *host_name,
                          char *port, const char *port_name)
{
    struct address parts;

    (void)endpoint_split(&parts, (const struct sockaddr *)&peer->address, peer->len);
    (void)snprintf(host, VARIABLE_SIZE, "%s=%s", host_name, parts.host);
    (void)snprintf(port, VARIABLE_SIZE, "%s=%s", port_name, parts.port);
}

static void describe_visitor(char values[static VARIABLES][VARIABLE_SIZE], struct visitor *visitor)
{
    char key[KEY_HEX_SIZE];

    visitor->name[NAME_SIZE - 1] = '\0';
    hex_encode(key, visitor->key, KEY_SIZE);
    visitor->target[TARGET_NAME_SIZE - 1] = '\0';
    (void)snprintf(values[TARGET], VARIABLE_SIZE, "KITH_TARGET=%s", visitor->target);
    (void)snprintf(values[PEER_NAME], VARIABLE_SIZE, "KITH_PEER_NAME=%s", visitor->name);
    (void)snprintf(values[PEER_KEY], VARIABLE_SIZE, "KITH_PEER_KEY=%s", key);
    split_address(&visitor->from, values[REMOTE_ADDR], "KITH_REMOTE_ADDR", values[REMOTE_PORT],
                  "KITH_REMOTE_PORT");
    split_address(&visitor->here, values[LOCAL_ADDR], "KITH_LOCAL_ADDR", values[LOCAL_PORT],
                  "KITH_LOCAL_PORT");
}

static bool is_our_variable(const char *variable)
{
    return strncmp(variable, "KITH_", strlen("KITH_")) == 0;
}

static bool is_nobodys(const char *variable)
{
    (void)variable;
    return false;
}

/* Our environment without what was ours alone, and with the visitor's. False with errno. */
static bool set_environment(struct visitor *visitor)
{
    static char values[VARIABLES][VARIABLE_SIZE];
    char *added[VARIABLES];

    if (visitor == NULL) /* what our user has us run on the way is as what he runs himself */
        return environment_replace(is_nobodys, NULL, 0);
    describe_visitor(values, visitor);
    for (size_t i = 0; i < VARIABLES; i++)
        added[i] = values[i];
    return environment_replace(is_our_variable, added, VARIABLES);
}

/* In the child, which has all signals blocked: become the program, or say why not. */
static _Noreturn void become(const struct child_plan *plan, pid_t launcher)
{
    struct program_end end = {.status = PROGRAM_NOT_FOUND};
    ssize_t n;

    if (!signals_end_with(launcher))
        _exit(PROGRAM_NOT_FOUND); /* its input would end, as if that were the end of the stream */
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
    _exit(PROGRAM_NOT_FOUND);
}

/* No signal is handled by a child of ours, which would be noted for us, nor lost by it. */
pid_t child_fork(const struct child_plan *plan)
{
    pid_t process, launcher = getpid();
    sigset_t before;

    signals_hold(&before);
    process = fork();
    if (process == 0)
        become(plan, launcher);
    signals_let_go(&before);
    return process;
}
