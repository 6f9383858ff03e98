/*
 * Owns the processes of the programs of --exec, exec: and --via. Must never leave one behind, nor
 * use the number of one that was reaped, since it may be another's by then: it signals before it
 * reaps. Nor wait for a program, or for the side that asks.
 */
#include "helpers/launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "helpers/child.h"
#include "helpers/program.h"
#include "helpers/program_file.h"
#include "helpers/question.h"
#include "helpers/via.h"
#include "net/poll_set.h"
#include "system/protect.h"
#include "system/signals.h"

#define VIA_LEAVES_MS 1000 /* for a CMD of --via to see that its input has ended */
#define ALL_STOPPED_MS 5000
#define STOP_LOOK_MS 20 /* between two looks whether it is gone */

/* A program that was started. */
struct child {
    pid_t process; /* and its session and group; not reaped before all of that is ended */
    int line;      /* to who has asked for it */
    /*
     * The other end of its stdin, which so does not come to an end when who asked is gone: what
     * reads it would take that for the end of the stream, and act on a part of it as if it were the
     * whole. -1 once the stream has ended in order.
     */
    int input;
    int way;        /* of a CMD of --via our end of its output, until that has ended; or -1 */
    size_t place;   /* of its line in the poll set */
    bool has_ended; /* but is not reaped, and others may be left in its group */
    bool is_to_end; /* nobody wants it any longer */
    bool may_leave; /* and it has not been signalled: that it is a CMD of --via is the reason */
    int64_t due_ms; /* when it is signalled, or killed, then */
};

/* What the launcher keeps. */
struct launcher {
    struct programs programs;
    struct child *children;
    size_t count;
    size_t most;
    int line; /* -1 once it is closed */
    size_t line_at;
    int signal_fd;
    size_t signal_at;
    struct poll_set set;
};

/* False if it cannot be said now. */
static bool say_end(int line, struct program_end end)
{
    return send(line, &end, sizeof(end), MSG_DONTWAIT) == (ssize_t)sizeof(end);
}

/* Who asked waits for it, with a deadline. */
static void say_taken(int line)
{
    const char word = PROGRAM_TAKEN;

    (void)send(line, &word, sizeof(word), MSG_DONTWAIT);
}

/* Fork it with what it was given; an errno if that cannot be. */
static int add_child(struct launcher *launcher, struct child_plan *plan,
                     const int passed[static PROGRAM_PASSED])
{
    bool is_way = launcher->programs.via != NULL;
    pid_t process;

    if (launcher->count == launcher->most)
        return EAGAIN;
    plan->in = passed[ITS_IN];
    plan->out = passed[ITS_OUT];
    plan->line = passed[ITS_LINE];
    process = child_fork(plan);
    if (process < 0)
        return errno;
    launcher->children[launcher->count++] = (struct child){.process = process,
                                                           .line = passed[ITS_LINE],
                                                           .input = is_way ? -1 : passed[OURS],
                                                           .way = is_way ? passed[OURS] : -1,
                                                           .place = POLL_SET_NONE,
                                                           .may_leave = is_way,
                                                           .due_ms = NEVER_MS};
    return 0;
}

/* The CMD of --via, to where the order says: that is looked at here, too. */
static int start_via(struct launcher *launcher, struct order *order,
                     const int passed[static PROGRAM_PASSED])
{
    char *words[PROGRAM_LINE_WORDS], *line;
    struct child_plan plan = {.argv = words};
    int problem;

    if (passed[ITS_OUT] < 0)
        return EMFILE;
    order->host[HOST_SIZE - 1] = '\0';
    order->port[PORT_SIZE - 1] = '\0';
    line = via_expand(launcher->programs.via, order->host, order->port);
    if (line == NULL)
        return errno;
    program_line_words(words, line);
    problem = add_child(launcher, &plan, passed);
    free(line);
    return problem;
}

/* Start one; an errno if that cannot be. */
static int start_child(struct launcher *launcher, struct order *order,
                       const int passed[static PROGRAM_PASSED])
{
    struct child_plan plan = {.visitor = &order->visitor};

    if (launcher->programs.via != NULL)
        return start_via(launcher, order, passed);
    if (passed[OURS] < 0)
        return EMFILE;
    if (order->program >= launcher->programs.count)
        return EINVAL;
    plan.argv = launcher->programs.list[order->program];
    return add_child(launcher, &plan, passed);
}

/* Take a question. Without one, the line is closed. */
static void take_question(struct launcher *launcher)
{
    struct order order;
    int passed[PROGRAM_PASSED];
    int problem;

    if (question_receive(launcher->line, &order, sizeof(order), passed, PROGRAM_PASSED, 0) !=
        sizeof(order)) {
        descriptor_close(&launcher->line);
        for (size_t i = 0; i < PROGRAM_PASSED; i++)
            descriptor_close(&passed[i]);
        return;
    }
    say_taken(passed[ITS_LINE]);
    problem = start_child(launcher, &order, passed);
    descriptor_close(&passed[ITS_IN]);
    descriptor_close(&passed[ITS_OUT]);
    if (problem == 0)
        return;
    (void)say_end(passed[ITS_LINE], (struct program_end){.problem = problem});
    descriptor_close(&passed[ITS_LINE]);
    descriptor_close(&passed[OURS]);
}

/*
 * The whole group, which is the process alone as long as it has not made it its own. False if it is
 * not ours to signal: it has become another user's, as sudo does.
 */
static bool send_signal(pid_t process, int number)
{
    return kill(-process, number) == 0 || kill(process, number) == 0 || errno != EPERM;
}

static void signal_to_end(struct child *child)
{
    child->may_leave = false;
    child->due_ms = clock_deadline_ms(PROGRAM_GRACE_MS);
    if (!child->has_ended)
        (void)send_signal(child->process, SIGTERM);
}

/* The way of a channel that is over may have ends of its own to see to. */
static void ask_to_end(struct child *child)
{
    if (child->is_to_end)
        return;
    child->is_to_end = true;
    descriptor_close(&child->way);
    if (child->may_leave)
        child->due_ms = clock_deadline_ms(VIA_LEAVES_MS);
    else
        signal_to_end(child);
}

/* What is said on its line: that its input has ended in order; and, by its end, that it is to. */
static void heed_line(struct child *child)
{
    char word;
    ssize_t n = recv(child->line, &word, sizeof(word), MSG_DONTWAIT);

    if (n > 0)
        descriptor_close(&child->input);
    else if (n == 0 || (!descriptor_would_wait(errno) && errno != EINTR))
        ask_to_end(child);
}

/* See whether it has ended, and say so; or have the line's end say that it failed. */
static void notice_end(struct child *child)
{
    siginfo_t seen = {0};
    struct program_end end = {.problem = 0};

    if (child->has_ended)
        return;
    child->has_ended = waitid(P_PID, (id_t)child->process, &seen, WEXITED | WNOHANG | WNOWAIT) == 0;
    if (child->has_ended && seen.si_pid == 0) {
        child->has_ended = false;
        return;
    }
    if (seen.si_code == CLD_EXITED)
        end.status = seen.si_status;
    else
        end.signal = seen.si_status;
    if (child->way >= 0)
        child->due_ms = clock_deadline_ms(VIA_LEAVES_MS);
    if (child->has_ended && say_end(child->line, end))
        return; /* else it is looked at again, and has failed in any case */
    descriptor_close(&child->line);
    ask_to_end(child);
}

/*
 * A CMD of --via that has ended is no way any more, once nothing more comes, though what it has
 * left behind, maybe where no signal of ours gets to, may hold its output open.
 */
static void end_way(struct child *child)
{
    char byte;

    if (!child->has_ended || child->way < 0 || clock_now_ms() < child->due_ms)
        return;
    if (recv(child->way, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0) {
        child->due_ms = clock_deadline_ms(VIA_LEAVES_MS);
        return;
    }
    (void)shutdown(child->way, SHUT_RD);
    descriptor_close(&child->way);
    child->due_ms = NEVER_MS;
}

/*
 * Kill what is left of it, if it is time. Its input ends after that; or, for a process that is not
 * ours to signal, it does because that gets to know by nothing else. True once nothing is left.
 */
static bool finish_child(struct child *child)
{
    if (!child->is_to_end || (!child->has_ended && clock_now_ms() < child->due_ms))
        return false;
    if (child->may_leave && !child->has_ended) {
        signal_to_end(child);
        return false;
    }
    child->due_ms = NEVER_MS;
    if (!send_signal(child->process, SIGKILL))
        descriptor_close(&child->input);
    if (!child->has_ended)
        return false;
    (void)waitpid(child->process, NULL, WNOHANG);
    descriptor_close(&child->input);
    descriptor_close(&child->line);
    return true;
}

/* Put all that is waited for into the set. Returns until when. */
static int64_t arm_lines(struct launcher *launcher)
{
    int64_t until_ms = NEVER_MS;

    poll_set_clear(&launcher->set);
    launcher->signal_at = poll_set_add(&launcher->set, launcher->signal_fd, POLLIN);
    launcher->line_at = poll_set_add(&launcher->set, launcher->line, POLLIN);
    for (size_t i = 0; i < launcher->count; i++) {
        struct child *child = &launcher->children[i];

        child->place = poll_set_add(&launcher->set, child->is_to_end ? -1 : child->line, POLLIN);
        if (child->due_ms < until_ms)
            until_ms = child->due_ms;
    }
    return until_ms;
}

/* Go on with each program, and forget those of which nothing is left. */
static void step_children(struct launcher *launcher, bool one_has_ended)
{
    size_t kept = 0;

    for (size_t i = 0; i < launcher->count; i++) {
        struct child *child = &launcher->children[i];

        if (one_has_ended || child->is_to_end)
            notice_end(child);
        if (poll_set_is_ready(&launcher->set, child->place))
            heed_line(child);
        if (launcher->line < 0)
            ask_to_end(child);
        end_way(child);
        if (!finish_child(child))
            launcher->children[kept++] = *child;
    }
    launcher->count = kept;
}

/* It cannot go on: nothing is left behind by that either. */
static void kill_all(const struct launcher *launcher)
{
    for (size_t i = 0; i < launcher->count; i++)
        (void)send_signal(launcher->children[i].process, SIGKILL);
}

/* Its whole life: until the line is closed, and nothing is left of any program. */
static void keep_programs(struct launcher *launcher)
{
    while (launcher->line >= 0 || launcher->count > 0) {
        bool one_has_ended = false;

        if (!poll_set_wait(&launcher->set, arm_lines(launcher))) {
            kill_all(launcher);
            return;
        }
        if (poll_set_is_ready(&launcher->set, launcher->signal_at)) {
            one_has_ended = true;
            while (signals_next() != 0)
                continue;
        }
        if (poll_set_is_ready(&launcher->set, launcher->line_at))
            take_question(launcher);
        step_children(launcher, one_has_ended);
    }
}

/* In the forked process: of what our parent has the line to it and stderr are left. */
static void live(int line, const void *context)
{
    struct launcher launcher = *(const struct launcher *)context;

    helper_strip(&line, 1, true);
    launcher.line = line;
    launcher.children = calloc(launcher.most, sizeof(*launcher.children));
    launcher.signal_fd = signals_start();
    if (launcher.children != NULL && launcher.signal_fd >= 0 &&
        poll_set_make(&launcher.set, launcher.most + 2) == OK)
        keep_programs(&launcher);
    poll_set_free(&launcher.set);
    free(launcher.children);
}

enum kith_error launcher_start(struct helper *launcher, const struct programs *programs,
                               size_t most)
{
    const struct launcher plan = {.programs = *programs, .most = most};

    if (!helper_start(launcher, live, &plan))
        return helper_log_failure("launcher", NULL);
    protect_started();
    return OK;
}

void launcher_stop(struct helper *launcher)
{
    int64_t deadline_ms = clock_deadline_ms(ALL_STOPPED_MS);
    pid_t process = launcher->process;

    if (launcher->line < 0)
        return;
    (void)shutdown(launcher->line, SHUT_RDWR); /* a thread that calls may be about to use it */
    while (process > 0 && waitpid(process, NULL, WNOHANG) == 0 && clock_now_ms() < deadline_ms)
        clock_sleep_ms(STOP_LOOK_MS);
}
