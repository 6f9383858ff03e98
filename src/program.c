/*
 * Owns the programs of --exec. Must never leave one behind, nor let it have a descriptor that is
 * not its own.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems */
#include "program.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net_socket.h"

#define GRACE_MS 2000 /* between SIGTERM and SIGKILL */

extern char **environ;

/* Variables that we set, and nobody else for the program. */
enum { PEER_NAME, PEER_KEY, REMOTE_ADDR, REMOTE_PORT, LOCAL_ADDR, LOCAL_PORT, VARIABLES };

#define VARIABLE_SIZE 320

struct environment {
    char values[VARIABLES][VARIABLE_SIZE];
    char **list;
};

static void split_address(const struct net_peer *peer, char *host, const char *host_name,
                          char *port, const char *port_name)
{
    char numeric[NI_MAXHOST] = "", service[NI_MAXSERV] = "";

    (void)getnameinfo((const struct sockaddr *)&peer->address, peer->len, numeric, sizeof(numeric),
                      service, sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(host, VARIABLE_SIZE, "%s=%.*s", host_name, 255, numeric);
    (void)snprintf(port, VARIABLE_SIZE, "%s=%s", port_name, service);
}

/* Our environment without what was ours alone, and with the peer's. */
static bool make_environment(struct environment *environment, const struct connection *connection)
{
    struct net_peer local;
    char key[KEY_HEX_SIZE];
    size_t count = 0, used = 0;

    hex_encode(key, connection->key, KEY_SIZE);
    net_local_address(connection->fd, &local);
    (void)snprintf(environment->values[PEER_NAME], VARIABLE_SIZE, "KITH_PEER_NAME=%s",
                   connection->name);
    (void)snprintf(environment->values[PEER_KEY], VARIABLE_SIZE, "KITH_PEER_KEY=%s", key);
    split_address(&connection->from, environment->values[REMOTE_ADDR], "KITH_REMOTE_ADDR",
                  environment->values[REMOTE_PORT], "KITH_REMOTE_PORT");
    split_address(&local, environment->values[LOCAL_ADDR], "KITH_LOCAL_ADDR",
                  environment->values[LOCAL_PORT], "KITH_LOCAL_PORT");
    while (environ[count] != NULL)
        count++;
    environment->list = calloc(count + VARIABLES + 1, sizeof(char *));
    if (environment->list == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "KITH_", 5) != 0 && strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0)
            environment->list[used++] = environ[i];
    }
    for (size_t i = 0; i < VARIABLES; i++)
        environment->list[used++] = environment->values[i];
    return true;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A pipe of which our end is non-blocking. ours: 0 to read, 1 to write. */
static bool make_pipe(int *ours_fd, int *other_fd, int ours)
{
    int ends[2];

    if (!net_pipe(ends))
        return false;
    *ours_fd = ends[ours];
    *other_fd = ends[1 - ours];
    return net_set_nonblocking(*ours_fd);
}

/* Start it with these ends of its pipes. Returns an errno, or 0. */
static int spawn(struct program *program, int its_in, int its_out, char *const argv[],
                 char *const environment[])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    int result;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&usual);
    (void)posix_spawn_file_actions_adddup2(&actions, its_in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, its_out, STDOUT_FILENO);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
    result = posix_spawnp(&program->process, argv[0], &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        program->process = 0;
    return result;
}

enum kith_error program_start(struct program *program, struct registry *registry,
                              struct connection *connection, char *const argv[])
{
    struct environment environment = {.list = NULL};
    int its_in = -1, its_out = -1, result = 0;

    *program = (struct program){.in = -1, .out = -1, .end_fd = -1, .end_report_fd = -1};
    if (!make_pipe(&program->in, &its_in, 1) || !make_pipe(&program->out, &its_out, 0) ||
        !make_pipe(&program->end_fd, &program->end_report_fd, 0) ||
        !make_environment(&environment, connection))
        result = errno;
    /* Under the lock, so that who reaps it finds it there, however soon it ends. */
    (void)pthread_mutex_lock(&registry->lock);
    if (result == 0)
        result = spawn(program, its_in, its_out, argv, environment.list);
    connection->program = program->process;
    connection->program_pipe = program->end_report_fd;
    (void)pthread_mutex_unlock(&registry->lock);
    close_one(&its_in);
    close_one(&its_out);
    free(environment.list);
    errno = result;
    return result == 0 ? OK : ERR_PROGRAM;
}

enum kith_error program_result(void *context)
{
    struct program *program = context;

    if (read(program->end_fd, &program->status, sizeof(program->status)) !=
        (ssize_t)sizeof(program->status))
        return ERR_PROGRAM;
    program->process = 0;
    return WIFEXITED(program->status) && WEXITSTATUS(program->status) == 0 ? OK : ERR_PROGRAM;
}

/* Wait until its end is reported. */
static bool await_end(const struct program *program, int timeout_ms)
{
    struct pollfd wait = {.fd = program->end_fd, .events = POLLIN};

    return poll(&wait, 1, timeout_ms) > 0;
}

void program_stop(struct program *program, struct registry *registry, struct connection *connection)
{
    pid_t group = connection->program;

    close_one(&program->in);
    close_one(&program->out);
    if (program->process > 0 && !await_end(program, 0)) {
        (void)kill(-group, SIGTERM);
        if (!await_end(program, GRACE_MS))
            (void)kill(-group, SIGKILL);
        while (!await_end(program, -1))
            continue;
    }
    /* What it has started and left behind in its group. */
    if (group > 0)
        (void)kill(-group, SIGKILL);
    (void)pthread_mutex_lock(&registry->lock);
    connection->program = 0;
    connection->program_pipe = -1;
    (void)pthread_mutex_unlock(&registry->lock);
    close_one(&program->end_fd);
    close_one(&program->end_report_fd);
}

void program_abandon(struct connection *connection, void *unused)
{
    (void)unused;
    if (connection->program > 0)
        (void)kill(-connection->program, SIGKILL);
}

/* What who reaps looks for, and says. */
struct ended {
    pid_t process;
    int status;
};

static void tell(struct connection *connection, void *context)
{
    const struct ended *ended = context;
    ssize_t n;

    if (connection->program != ended->process || connection->program_pipe < 0)
        return;
    n = write(connection->program_pipe, &ended->status, sizeof(ended->status));
    (void)n; /* an empty pipe takes this much */
}

void program_ended(struct registry *registry, pid_t process, int status)
{
    struct ended ended = {process, status};

    registry_each(registry, tell, &ended);
}
