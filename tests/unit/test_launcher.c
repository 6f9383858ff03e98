/*
 * The launcher, asked as by a process that may be in somebody else's hands: it starts its program
 * and nothing else, and no more of them than it was told; a stream that breaks is no end for them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "helpers/launcher.h"
#include "helpers/program.h"
#include "helpers/question.h"
#include "system/protect.h"
#include "system/signals.h"
#include "tap.h"

#define LIMIT_MS 20000

static char shell[] = "/bin/sh", option[] = "-c";

/* A launcher that runs a script, so many times at once at most. */
static struct helper launcher_of(char *script, size_t most)
{
    char *words[] = {shell, option, script, NULL};
    char *const *const list[] = {words};
    const struct programs programs = {.list = list, .count = 1};
    struct helper launcher;

    if (launcher_start(&launcher, &programs, most) != OK)
        exit(1);
    return launcher;
}

static bool begin(struct program *program, const struct helper *launcher)
{
    static const struct order first;

    return program_start(program, launcher, &first, PROGRAM_READS | PROGRAM_WRITES,
                         clock_deadline_ms(LIMIT_MS));
}

static bool await(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, LIMIT_MS) == 1;
}

/* All that the program says. */
static const char *heard(const struct program *program)
{
    static char text[256];
    size_t len = 0;
    ssize_t n;

    do {
        n = await(program->out) ? read(program->out, text + len, sizeof(text) - 1 - len) : -1;
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    text[len] = '\0';
    return text;
}

static enum kith_error result(struct program *program)
{
    return await(program->line) ? program_result(program) : ERR_SYSTEM;
}

/* Its input ends in order, as stream/outlet does it. */
static void end_input(struct program *program)
{
    (void)close(program->in);
    program->in = -1;
    CHECK(send(program->line, "", 1, 0) == 1, "the end of the input is said");
}

static void check_life(void)
{
    static char script[] = "cat; echo end";
    struct helper launcher = launcher_of(script, 1);
    struct program program;

    CHECK(begin(&program, &launcher), "a program is asked for");
    CHECK(write(program.in, "said ", 5) == 5, "it is told something");
    end_input(&program);
    CHECK(strcmp(heard(&program), "said end\n") == 0, "it has read that, and its end");
    CHECK(result(&program) == OK, "it has succeeded");
    program_stop(&program);
    CHECK(program.in < 0 && program.out < 0 && program.line < 0, "nothing of it is left");
    helper_stop(&launcher);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "the launcher ends with its line");
}

static void check_failures(void)
{
    static char script[] = "exit 3", dies[] = "kill -KILL $$", nothing[] = "/nowhere/at/all";
    char *words[] = {nothing, NULL};
    char *const *const list[] = {words};
    const struct programs programs = {.list = list, .count = 1};
    struct helper launcher = launcher_of(script, 1);
    struct program program;

    CHECK(begin(&program, &launcher) && result(&program) == ERR_PROGRAM, "a status is a failure");
    CHECK(program.end.problem == 0, "and no problem of ours");
    program_stop(&program);
    helper_stop(&launcher);
    launcher = launcher_of(dies, 1);
    CHECK(begin(&program, &launcher) && result(&program) == ERR_PROGRAM, "so is a signal");
    program_stop(&program);
    helper_stop(&launcher);
    if (launcher_start(&launcher, &programs, 1) != OK)
        exit(1);
    CHECK(begin(&program, &launcher) && result(&program) == ERR_PROGRAM, "nothing is not run");
    CHECK(program.end.problem == ENOENT, "it is said why");
    program_stop(&program);
    helper_stop(&launcher);
}

/* Each by its number. */
static void check_several(void)
{
    static char says[] = "echo", one[] = "one", two[] = "two";
    char *words[] = {says, one, NULL}, *others[] = {says, two, NULL};
    char *const *const list[] = {words, others};
    const struct programs programs = {.list = list, .count = 2};
    struct helper launcher;

    if (launcher_start(&launcher, &programs, 1) != OK)
        exit(1);
    for (size_t i = 0; i < 2; i++) {
        const struct order order = {.program = i};
        struct program program;

        CHECK(program_start(&program, &launcher, &order, PROGRAM_READS | PROGRAM_WRITES,
                            clock_deadline_ms(LIMIT_MS)) &&
                  strcmp(heard(&program), i == 0 ? "one\n" : "two\n") == 0,
              "number %zu of two", i);
        program_stop(&program);
    }
    helper_stop(&launcher);
}

/* Whatever is asked: no more than there are to be, and no end without one. */
static void check_bounds(void)
{
    static char script[] =
        "exec 3<&0; { cat <&3 >/dev/null; echo end; } & trap 'echo told; exit' TERM; echo; wait";
    struct helper launcher = launcher_of(script, 1);
    struct program first, second;
    char line;

    CHECK(begin(&first, &launcher) && begin(&second, &launcher), "two are asked for");
    CHECK(result(&second) == ERR_PROGRAM && second.end.problem == EAGAIN, "one is too many");
    program_stop(&second);
    CHECK(await(first.out) && read(first.out, &line, 1) == 1, "the first one is about to wait");
    (void)close(first.in);
    first.in = -1;
    (void)shutdown(first.line, SHUT_WR);
    CHECK(strcmp(heard(&first), "told\n") == 0, "one that is to end is told, and sees no end");
    program_stop(&first);
    CHECK(begin(&second, &launcher), "then there is room again");
    program_stop(&second);
    CHECK(second.end.problem == 0, "for one that was not heard of");
    helper_stop(&launcher);
}

/* One that stands still is not waited for without end, and starts nothing later. */
static void check_stopped(void)
{
    static char script[] = "echo started";
    struct helper launcher = launcher_of(script, 4);
    struct program program;

    (void)kill(launcher.process, SIGSTOP);
    errno = 0;
    CHECK(!program_start(&program, &launcher, &(struct order){.program = 0}, PROGRAM_WRITES,
                         clock_deadline_ms(50)) &&
              errno == ETIMEDOUT,
          "a launcher that was stopped is waited for until the deadline");
    CHECK(program.in < 0 && program.out < 0 && program.line < 0, "and nothing is left of the try");
    (void)kill(launcher.process, SIGCONT);
    CHECK(begin(&program, &launcher) && strcmp(heard(&program), "started\n") == 0 &&
              result(&program) == OK,
          "it goes on as if nothing had been");
    program_stop(&program);
    helper_stop(&launcher);
}

/* A question that is none, or comes without what belongs to it. */
static void check_garbage(void)
{
    static char script[] = "exit 0";
    struct helper launcher = launcher_of(script, 4);
    struct order order = {.program = 0};
    struct program program;
    int ends[2];
    struct program_end end;

    memset(&order.visitor, 0xff, sizeof(order.visitor));
    CHECK(program_start(&program, &launcher, &order, PROGRAM_READS | PROGRAM_WRITES,
                        clock_deadline_ms(LIMIT_MS)) &&
              result(&program) == OK,
          "texts without an end, and addresses that are none, do no harm");
    program_stop(&program);
    order = (struct order){.program = 1};
    CHECK(program_start(&program, &launcher, &order, PROGRAM_READS | PROGRAM_WRITES,
                        clock_deadline_ms(LIMIT_MS)) &&
              result(&program) == ERR_PROGRAM && program.end.problem == EINVAL,
          "a program that it does not have is none");
    program_stop(&program);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        exit(1);
    CHECK(question_send(&launcher, &order, sizeof(order), &ends[1], 1), "one without pipes");
    (void)close(ends[1]);
    CHECK(recv(ends[0], &end, sizeof(end), 0) == 1, "is taken");
    CHECK(recv(ends[0], &end, sizeof(end), 0) == (ssize_t)sizeof(end) && end.problem == EMFILE,
          "and answered by what is missing");
    CHECK(recv(ends[0], &end, sizeof(end), 0) == 0, "and closed");
    (void)close(ends[0]);
    CHECK(question_send(&launcher, "?", 1, ends, 0), "one that is none");
    CHECK(waitpid(launcher.process, NULL, 0) == launcher.process, "is the launcher's end");
    CHECK(!begin(&program, &launcher) && (errno == EPIPE || errno == ECONNRESET),
          "which who asks then sees");
    helper_dismiss(&launcher);
}

int main(void)
{
    protect_process(); /* whose limits programs are given back */
    signals_prepare();
    check_life();
    check_failures();
    check_several();
    check_bounds();
    check_stopped();
    check_garbage();
    return tap_done();
}
