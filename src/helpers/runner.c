/*
 * Owns the program of --run. Must never leave it running when we are gone, nor signal by a number
 * that was reaped, which may be another's by then.
 */
#define _DEFAULT_SOURCE /* for environ's declaration on some systems */
#include "helpers/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "helpers/program.h"
#include "system/protect.h"
#include "system/signals.h"

#define GRACE_MS 2000  /* between SIGTERM and SIGKILL, when we are gone */
#define BEGIN 0        /* the word that is no signal */
#define HAS_BEGUN (-1) /* a status that is none */
#define STATUS_NOT_FOUND 127
#define STATUS_NOT_RUN 126
#define VARIABLE "KITH_FORWARD_"

extern char **environ;

/* What the runner keeps. */
struct running {
    const struct runner_plan *plan;
    int line;       /* -1 once who has asked is gone */
    pid_t process;  /* -1 before it has begun, and once it was reaped */
    int64_t due_ms; /* when it is killed */
};

static void say(int line, int problem, int status)
{
    const struct program_end word = {.problem = problem, .status = status};
    ssize_t n = send(line, &word, sizeof(word), MSG_NOSIGNAL);

    (void)n;
}

/* What is of another run, or a supervisor's word to us. False if there is nothing of it. */
static bool forget_one(void)
{
    static const char *const ours[] = {
        VARIABLE, "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
    char name[64];

    for (char **variable = environ; *variable != NULL; variable++) {
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
            if (strncmp(*variable, ours[i], strlen(ours[i])) != 0)
                continue;
            (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
            if (unsetenv(name) == 0 && getenv(name) == NULL)
                return true;
        }
    }
    return false;
}

static bool set_environment(const struct runner_plan *plan)
{
    char name[sizeof(VARIABLE) + 24];

    while (forget_one())
        continue;
    for (size_t i = 0; i < plan->count; i++) {
        (void)snprintf(name, sizeof(name), VARIABLE "%zu", i + 1);
        if (setenv(name, plan->places[i], 1) != 0)
            return false;
    }
    return true;
}

/* Where the system can, it takes our part when the runner is killed as well. */
static void end_with_runner(pid_t runner)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
#endif
    if (getppid() != runner)
        _exit(STATUS_NOT_RUN);
}

/* In the child, which has all signals blocked: become the program, or say why not. */
static _Noreturn void become(const struct running *running, pid_t runner)
{
    char *const *argv = running->plan->argv;
    int problem;

    end_with_runner(runner);
    protect_give_back();
    signals_give_back();
    if (set_environment(running->plan))
        (void)execvp(argv[0], argv);
    problem = errno;
    say(running->line, problem, HAS_BEGUN);
    _exit(problem == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

/*
 * The standard descriptors are the program's from here on: who writes to it, or reads what it
 * writes, is to see their end when it closes them. Nothing is opened after that.
 */
static void start(struct running *running)
{
    pid_t runner = getpid();
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    running->process = fork();
    if (running->process == 0)
        become(running, runner);
    if (running->process < 0) {
        say(running->line, errno, HAS_BEGUN);
        say(running->line, 0, STATUS_NOT_RUN);
    } else {
        say(running->line, 0, HAS_BEGUN);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)close(fd);
}

/* Who has asked is gone: so is the program soon, which is not what was asked for without him. */
static void leave(struct running *running)
{
    (void)close(running->line);
    running->line = -1;
    if (running->process > 0)
        (void)kill(running->process, SIGTERM);
    running->due_ms = clock_deadline_ms(GRACE_MS);
}

static void heed(struct running *running)
{
    uint8_t word;
    ssize_t n = recv(running->line, &word, sizeof(word), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        leave(running);
    else if (n > 0 && word == BEGIN)
        start(running);
    else if (n > 0 && running->process > 0)
        (void)kill(running->process, word);
}

static void notice_end(struct running *running)
{
    int status;

    if (running->process <= 0 || waitpid(running->process, &status, WNOHANG) != running->process)
        return;
    running->process = -1;
    if (running->line >= 0)
        say(running->line, 0,
            WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
}

/* In the forked process: as long as there is who has asked, or the program. */
static void live(int line, const void *context)
{
    struct running running = {.plan = context, .line = line, .process = -1, .due_ms = NEVER_MS};
    int signal_fd;

    signals_ignore(); /* what a terminal sends is for the program, too */
    protect_close_all_but(&line, 1);
    signal_fd = signals_start();
    if (signal_fd < 0 || fcntl(line, F_SETFD, FD_CLOEXEC) != 0)
        return;
    while (running.line >= 0 || running.process > 0) {
        struct pollfd fds[] = {{.fd = running.line, .events = POLLIN},
                               {.fd = signal_fd, .events = POLLIN}};

        if (clock_now_ms() >= running.due_ms) {
            (void)kill(running.process, SIGKILL);
            running.due_ms = NEVER_MS;
        }
        (void)poll(fds, 2, clock_poll_timeout(running.due_ms));
        while (signals_next() != 0)
            continue;
        notice_end(&running);
        if (running.line >= 0 && fds[0].revents != 0)
            heed(&running);
    }
}

enum kith_error runner_start(struct helper *runner, const struct runner_plan *plan)
{
    if (helper_start(runner, live, plan))
        return OK;
    return log_failure(LOG_ERROR, "runner", NULL, errno == EAGAIN ? ERR_PROCESS : ERR_SYSTEM, NULL,
                       NULL);
}

static bool tell(const struct helper *runner, int word)
{
    uint8_t byte = (uint8_t)word;

    return send(runner->line, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           (ssize_t)sizeof(byte);
}

bool runner_begin(const struct helper *runner)
{
    return tell(runner, BEGIN);
}

void runner_pass_on(const struct helper *runner, int number)
{
    (void)tell(runner, number);
}

enum runner_word runner_hear(const struct helper *runner, int *what)
{
    struct program_end word;
    ssize_t n = recv(runner->line, &word, sizeof(word), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return RUNNER_SILENT;
    if (n != (ssize_t)sizeof(word))
        return RUNNER_IS_GONE;
    *what = word.problem != 0 ? word.problem : word.status;
    if (word.problem != 0)
        return RUNNER_COULD_NOT;
    return word.status == HAS_BEGUN ? RUNNER_HAS_BEGUN : RUNNER_HAS_ENDED;
}
