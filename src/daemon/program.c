/*
 * Owns the programs of --exec. Must never leave one behind, nor let it have a descriptor that is
 * not its own; nor use the number of a process that was reaped, since it may be another's by then.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems, and syscall */
#include "daemon/program.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "base/descriptor.h"
#include "net/socket.h"
#include "system/protect.h"
#include "system/signals.h"

#define GRACE_MS 2000      /* between SIGTERM and SIGKILL */
#define STATUS_NOT_RUN 127 /* as a shell says that it could not become a program */

extern char **environ;

/* Variables that we set, and nobody else for the program. */
enum { PEER_NAME, PEER_KEY, REMOTE_ADDR, REMOTE_PORT, LOCAL_ADDR, LOCAL_PORT, VARIABLES };

#define VARIABLE_SIZE 320

struct environment {
    char values[VARIABLES][VARIABLE_SIZE];
    char **list;
};

static void split_address(const struct endpoint *peer, char *host, const char *host_name,
                          char *port, const char *port_name)
{
    char numeric[NI_MAXHOST] = "", service[NI_MAXSERV] = "";

    (void)getnameinfo((const struct sockaddr *)&peer->address, peer->len, numeric, sizeof(numeric),
                      service, sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(host, VARIABLE_SIZE, "%s=%.*s", host_name, 255, numeric);
    (void)snprintf(port, VARIABLE_SIZE, "%s=%s", port_name, service);
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

/* Our environment without what was ours alone, and with the peer's. */
static bool make_environment(struct environment *environment, const struct connection *connection)
{
    struct endpoint local;
    char key[KEY_HEX_SIZE];
    size_t count = 0, used = 0;

    hex_encode(key, connection->key, KEY_SIZE);
    endpoint_set_own(&local, connection->fd);
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
        if (!is_ours(environ[i]))
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

    if (!descriptor_pipe(ends))
        return false;
    *ours_fd = ends[ours];
    *other_fd = ends[1 - ours];
    return descriptor_set_nonblocking(*ours_fd);
}

/* What the child needs to become the program. */
struct child {
    char *const *argv;
    char **environment;
    int in; /* its ends of the pipes */
    int out;
    int report;
};

/*
 * In the child, which has all signals blocked: become the program, or say why not. Other threads
 * may have held any lock, so nothing is called that takes one.
 */
static _Noreturn void become(const struct child *child)
{
    int problem;
    ssize_t n;

    signals_reset();
    (void)setsid(); /* no terminal of ours is its own */
    protect_give_back();
    (void)dup2(child->in, STDIN_FILENO);
    (void)dup2(child->out, STDOUT_FILENO);
    protect_close_all_but(&child->report, 1);
    signals_unblock();
    environ = child->environment;
    (void)execvp(child->argv[0], child->argv);
    problem = errno;
    n = write(child->report, &problem, sizeof(problem));
    (void)n;
    _exit(STATUS_NOT_RUN);
}

/* The process as a descriptor that is ready once it has ended; -1 where the system has none. */
static int open_process(pid_t process)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    (void)process;
    return -1;
#endif
}

/*
 * Fork it: under the lock, so that who looks at our children knows whose this is however soon it
 * ends, and without waiting for the program to be loaded, which can take long. No signal is handled
 * by a child of ours: it would be noted for us. Returns an errno, or 0.
 */
static int give_birth(struct program *program, struct connections *connections,
                      struct connection *connection, const struct child *child)
{
    sigset_t all, before;
    int result = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_mutex_lock(&connections->lock);
    program->process = fork();
    if (program->process == 0)
        become(child);
    if (program->process > 0) {
        connection->program = program->process;
        program->process_fd = open_process(program->process);
        connection->program_pipe = program->process_fd >= 0 ? -1 : child->report;
    } else {
        result = errno;
        program->process = 0;
    }
    (void)pthread_mutex_unlock(&connections->lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

/* Make the pipes and the process, and keep our ends only. Returns an errno, or 0. */
static int begin(struct program *program, struct connections *connections,
                 struct connection *connection, struct child *child)
{
    int result = 0;

    if (!make_pipe(&program->in, &child->in, 1) || !make_pipe(&program->out, &child->out, 0) ||
        !make_pipe(&program->report_fd, &child->report, 0))
        result = errno;
    if (result == 0)
        result = give_birth(program, connections, connection, child);
    program->end_fd = program->process_fd;
    if (program->process_fd < 0) {
        program->end_fd = program->report_fd;
        program->report_end = child->report;
        child->report = -1;
    }
    close_one(&child->in);
    close_one(&child->out);
    close_one(&child->report);
    return result;
}

enum kith_error program_start(struct program *program, struct connections *connections,
                              struct connection *connection, char *const argv[])
{
    /* The ends that are not ours take descriptors for a moment: of one program at a time. */
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    struct environment environment = {.list = NULL};
    struct child child = {.argv = argv, .in = -1, .out = -1, .report = -1};
    int result = ENOMEM;

    *program = (struct program){
        .in = -1, .out = -1, .process_fd = -1, .report_fd = -1, .report_end = -1, .end_fd = -1};
    if (make_environment(&environment, connection)) {
        child.environment = environment.list;
        (void)pthread_mutex_lock(&turn);
        result = begin(program, connections, connection, &child);
        (void)pthread_mutex_unlock(&turn);
    }
    free(environment.list);
    errno = result;
    return result == 0 ? OK : ERR_PROGRAM;
}

/* Hear what it, or who found it ended, has reported: an errno if it never was the program. */
static void hear(struct program *program)
{
    int problem = 0;

    while (read(program->report_fd, &problem, sizeof(problem)) == (ssize_t)sizeof(problem)) {
        if (problem != 0)
            program->problem = problem;
    }
}

enum kith_error program_result(void *context)
{
    struct program *program = context;
    siginfo_t end = {0};

    program->has_ended = true;
    hear(program);
    if (program->problem != 0 ||
        waitid(P_PID, (id_t)program->process, &end, WEXITED | WNOHANG | WNOWAIT) != 0)
        return ERR_PROGRAM;
    return end.si_code == CLD_EXITED && end.si_status == 0 ? OK : ERR_PROGRAM;
}

/* Wait until it has ended, or for so long: whether it has. */
static bool await_end(struct program *program, int timeout_ms)
{
    struct pollfd wait = {.fd = program->end_fd, .events = POLLIN};

    if (!program->has_ended && poll(&wait, 1, timeout_ms) > 0)
        program->has_ended = true;
    return program->has_ended;
}

/*
 * The whole group, which is the process alone as long as it has not made it its own. False if it is
 * not ours to signal: it has become another user's, as sudo does.
 */
static bool send_signal(pid_t process, int number)
{
    return kill(-process, number) == 0 || kill(process, number) == 0 || errno != EPERM;
}

/*
 * End all of it that is left. Its input is closed last: what reads it would take that for the end
 * of the stream, and act on a part of it as if it were the whole. Who is not ours to signal gets to
 * know by nothing else, and would be waited for without end.
 */
static void end_group(struct program *program)
{
    if (!await_end(program, 0)) {
        (void)send_signal(program->process, SIGTERM);
        close_one(&program->out);
        (void)await_end(program, GRACE_MS);
    }
    if (!send_signal(program->process, SIGKILL))
        close_one(&program->in);
    while (!await_end(program, -1))
        continue;
    hear(program);
}

/*
 * Let the number go. Who looks at our children does not see behind one that has ended and is not
 * reaped, so there may be others.
 */
static void reap(struct program *program, struct connections *connections,
                 struct connection *connection)
{
    (void)pthread_mutex_lock(&connections->lock);
    connection->program = 0;
    connection->program_pipe = -1;
    (void)waitpid(program->process, NULL, WNOHANG);
    (void)pthread_mutex_unlock(&connections->lock);
    program->process = 0;
    signals_note(SIGCHLD);
}

void program_stop(struct program *program, struct connections *connections,
                  struct connection *connection)
{
    if (program->process > 0) {
        end_group(program);
        reap(program, connections, connection);
    }
    close_one(&program->in);
    close_one(&program->out);
    close_one(&program->process_fd);
    close_one(&program->report_fd);
    close_one(&program->report_end);
    program->end_fd = -1;
}

void program_abandon(struct connection *connection, void *unused)
{
    (void)unused;
    if (connection->program > 0)
        (void)send_signal(connection->program, SIGKILL);
}

/* A visit: report the end of a program that is no descriptor by itself. */
static void look_at(struct connection *connection, void *unused)
{
    const int ended = 0;
    siginfo_t end = {0};
    ssize_t n;

    (void)unused;
    if (connection->program_pipe < 0 ||
        waitid(P_PID, (id_t)connection->program, &end, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        end.si_pid == 0)
        return;
    n = write(connection->program_pipe, &ended, sizeof(ended));
    (void)n; /* a pipe as empty as this takes it */
    connection->program_pipe = -1;
}

static bool is_program(const struct connections *connections, pid_t process)
{
    const struct connection *connection = connections->first;

    while (connection != NULL && connection->program != process)
        connection = connection->next;
    return connection != NULL;
}

void program_look(struct connections *connections)
{
    connections_each(connections, look_at, NULL);
}

pid_t program_reap_other(struct connections *connections)
{
    siginfo_t end = {0};

    (void)pthread_mutex_lock(&connections->lock);
    if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid == 0 ||
        is_program(connections, end.si_pid) || waitpid(end.si_pid, NULL, WNOHANG) != end.si_pid)
        end.si_pid = 0;
    (void)pthread_mutex_unlock(&connections->lock);
    return end.si_pid;
}
