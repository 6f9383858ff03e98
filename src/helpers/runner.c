/*
 * Owns the program of --run. Must never leave it running when we are gone, nor signal by a number
 * that was reaped, which may be another's by then.
 */
#include "helpers/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "helpers/environment.h"
#include "helpers/program.h"
#include "net/socket.h"
#include "system/protect.h"
#include "system/signals.h"

#define BEGIN 0           /* the word that is no signal */
#define HAS_BEGUN (-1)    /* a status that is none */
#define HAS_TAKEN (-2)    /* another: its last word */
#define TAKES_MS 2000     /* within which a runner takes a word, on a busy machine too */
#define STATUS_SIGNAL 128 /* and its number: how it was ended, as a shell has it */
#define VARIABLE "KITH_FORWARD_"
#define NUMBER_SIZE 24 /* after it, and a sign */
#define SOCKET_FOLDER_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* What is passed on. Those that end it first: no number of others holds them up. */
static const int passed_on[RUNNER_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* What the runner keeps. */
struct running {
    const struct runner_plan *plan;
    int line;       /* -1 once who has asked is gone */
    pid_t process;  /* -1 before it has begun, and once it was reaped */
    int64_t due_ms; /* when it is killed */
};

/* For a word that is lost who has asked would wait for ever: the end of the line tells of that. */
static void say_outcome(int line, int problem, int status)
{
    const struct program_end word = {.problem = problem, .status = status};
    ssize_t n;

    do
        n = send(line, &word, sizeof(word), MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        (void)shutdown(line, SHUT_RDWR);
}

/* What says where a forward is, of another run. Of the same beginning may be what is not ours. */
static bool is_our_variable(const char *variable)
{
    size_t digits;

    if (strncmp(variable, VARIABLE, strlen(VARIABLE)) != 0)
        return false;
    variable += strlen(VARIABLE);
    digits = strspn(variable, "0123456789");
    return digits > 0 && (variable[digits] == '=' || variable[digits] == '\0');
}

/*
 * The folder that a place is told from, with a slash after it: the program may go to another. It
 * is empty where the place says it itself, and where both are too long for a socket's address.
 */
static void find_folder(char out[static SOCKET_FOLDER_SIZE], const char *place)
{
    bool known =
        place[0] != '/' && strchr(place, '/') != NULL && getcwd(out, SOCKET_FOLDER_SIZE) != NULL;
    size_t len = known && out[0] == '/' ? strlen(out) : 0;

    if (len + 1 + strlen(place) >= SOCKET_FOLDER_SIZE)
        len = 0;
    else if (len > 1)
        out[len++] = '/';
    out[len] = '\0';
}

/* NAME=VALUE for the forward, or NULL. */
static char *describe_forward(size_t number, const char *place)
{
    char folder[SOCKET_FOLDER_SIZE];
    size_t size = sizeof(VARIABLE) + NUMBER_SIZE + sizeof(folder) + strlen(place);
    char *variable = malloc(size);

    find_folder(folder, place);
    if (folder[0] != '\0' && strncmp(place, "./", 2) == 0)
        place += 2;
    if (variable != NULL)
        (void)snprintf(variable, size, VARIABLE "%zu=%s%s", number, folder, place);
    return variable;
}

/* Our environment, and where each forward is. False with errno. */
static bool set_environment(const struct runner_plan *plan)
{
    char **added = calloc(plan->count, sizeof(char *));
    bool set = added != NULL;

    for (size_t i = 0; set && i < plan->count; i++) {
        added[i] = describe_forward(i + 1, plan->places[i]);
        set = added[i] != NULL;
    }
    if (set)
        set = environment_replace(is_our_variable, added, plan->count);
    free(added);
    return set;
}

/* In the child, which has all signals blocked: become the program, or say why not. */
static _Noreturn void become(const struct running *running, pid_t runner)
{
    char *const *argv = running->plan->argv;
    int problem;

    if (!signals_end_with(runner))
        _exit(PROGRAM_NOT_STARTED);
    protect_give_back();
    signals_give_back();
    if (set_environment(running->plan))
        (void)execvp(argv[0], argv);
    problem = errno;
    say_outcome(running->line, problem, HAS_BEGUN);
    _exit(problem == ENOENT ? PROGRAM_NOT_FOUND : PROGRAM_NOT_STARTED);
}

/*
 * The standard descriptors are the program's from here on: who writes to it, or reads what it
 * writes, is to see their end when it closes them. Nothing is opened after that.
 */
static void start(struct running *running)
{
    pid_t runner = getpid();
    sigset_t before;

    signals_hold(&before);
    running->process = fork();
    if (running->process == 0)
        become(running, runner);
    if (running->process < 0) {
        say_outcome(running->line, errno, HAS_BEGUN);
        say_outcome(running->line, 0, PROGRAM_NOT_STARTED);
    } else {
        say_outcome(running->line, 0, HAS_BEGUN);
    }
    signals_let_go(&before);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)close(fd);
}

/* Who has asked is gone: so is the program soon, which is not what was asked for without him. */
static void leave_program(struct running *running)
{
    (void)close(running->line);
    running->line = -1;
    if (running->process > 0)
        (void)kill(running->process, SIGTERM);
    running->due_ms = clock_deadline_ms(PROGRAM_GRACE_MS);
}

static void heed(struct running *running)
{
    uint8_t word;
    ssize_t n = recv(running->line, &word, sizeof(word), MSG_DONTWAIT);

    if (n < 0 && (descriptor_would_wait(errno) || errno == EINTR))
        return;
    if (n <= 0 || (word == BEGIN && socket_is_deserted(running->line))) {
        leave_program(running);
        return;
    }
    if (word == BEGIN)
        start(running);
    else if (running->process > 0)
        (void)kill(running->process, word);
    say_outcome(running->line, 0, HAS_TAKEN);
}

static void notice_end(struct running *running)
{
    int status;

    if (running->process <= 0 || waitpid(running->process, &status, WNOHANG) != running->process)
        return;
    running->process = -1;
    if (running->line >= 0)
        say_outcome(running->line, 0,
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
    if (signal_fd < 0 || !descriptor_set_cloexec(line))
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

enum kith_error runner_start(struct runner *runner, const struct runner_plan *plan)
{
    *runner = RUNNER_NONE;
    if (!helper_start(&runner->helper, live, plan))
        return helper_log_failure("runner", NULL);
    protect_started();
    return OK;
}

static bool ends_it(int number)
{
    return number == SIGTERM || number == SIGINT;
}

/* One word at a time is under way: so the line is never full, and one not taken is known of. */
static bool tell_word(struct runner *runner, int word)
{
    uint8_t byte = (uint8_t)word;

    if (send(runner->helper.line, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) !=
        (ssize_t)sizeof(byte))
        return false;
    runner->told = word;
    return true;
}

static void tell_next(struct runner *runner)
{
    for (size_t i = 0; i < RUNNER_SIGNALS && runner->told < 0; i++) {
        if (runner->owed[i] && tell_word(runner, passed_on[i]))
            runner->owed[i] = false;
    }
}

/* Its last word is taken; the next one has its own time for that. */
static void note_taken(struct runner *runner)
{
    runner->told = -1;
    tell_next(runner);
    if (ends_it(runner->told)) {
        runner->due_ms = clock_deadline_ms(TAKES_MS);
    } else {
        runner->due_ms = NEVER_MS;
        runner->ends = 0;
    }
}

bool runner_begin(struct runner *runner)
{
    return tell_word(runner, BEGIN);
}

void runner_pass_on(struct runner *runner, int number)
{
    for (size_t i = 0; i < RUNNER_SIGNALS; i++)
        runner->owed[i] = runner->owed[i] || passed_on[i] == number;
    if (ends_it(number) && runner->ends++ == 0)
        runner->due_ms = clock_deadline_ms(TAKES_MS);
    if (runner->told < 0)
        tell_next(runner);
}

unsigned runner_leaves_us(const struct runner *runner)
{
    if (clock_now_ms() < runner->due_ms)
        return 0;
    log_event(LOG_ERROR, "runner", NULL, "it passes no signals on to the program, so kith ends",
              NULL);
    return runner->ends;
}

enum runner_word runner_hear(struct runner *runner, int *what)
{
    struct program_end word;
    ssize_t n = recv(runner->helper.line, &word, sizeof(word), MSG_DONTWAIT);

    if (n < 0 && (descriptor_would_wait(errno) || errno == EINTR))
        return RUNNER_SILENT;
    if (n != (ssize_t)sizeof(word))
        return RUNNER_IS_GONE;
    if (word.problem == 0 && word.status == HAS_TAKEN) {
        note_taken(runner);
        return RUNNER_SILENT;
    }
    *what = word.problem != 0 ? word.problem : word.status;
    if (word.problem != 0)
        return RUNNER_COULD_NOT;
    return word.status == HAS_BEGUN ? RUNNER_HAS_BEGUN : RUNNER_HAS_ENDED;
}
