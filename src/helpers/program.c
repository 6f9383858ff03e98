/*
 * Owns the descriptors that are all that the process on the network has of a program. Must never
 * execute or signal one itself: it is confined.
 */
#include "helpers/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "helpers/question.h"
#include "net/socket.h"

#define CARRIES 4            /* with the flags of program.h: it is the transport */
#define PROGRAM_STOP_MS 4000 /* for the launcher to end one, which it kills after half of that */
#define CROWDED_MS 5         /* before a line is tried again that takes no more descriptors now */

struct visitor visitor_of(const char *name, const uint8_t key[static KEY_SIZE],
                          const struct endpoint *from, int fd)
{
    struct visitor visitor = {.from = *from};

    memcpy(visitor.name, name, strlen(name) + 1);
    memcpy(visitor.key, key, KEY_SIZE);
    endpoint_set_own(&visitor.here, fd);
    return visitor;
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

/* Our own stdin or stdout, which it has in the place of a pipe. */
static bool lend(int standard, int *other_fd)
{
    *other_fd = descriptor_move_up(standard);
    return *other_fd >= 0;
}

/* A pair of sockets, of which ours is non-blocking. */
static bool make_sockets(int *ours_fd, int *other_fd, int type)
{
    int ends[2];

    if (socketpair(AF_UNIX, type, 0, ends) != 0)
        return false;
    *ours_fd = ends[0];
    *other_fd = ends[1];
    return descriptor_set_nonblocking(*ours_fd);
}

/* What it reads and writes, as far as it has a part in the stream. */
static bool make_ends(struct program *program, int passed[static PROGRAM_PASSED], unsigned does)
{
    if (does == CARRIES) /* by what can be shut down */
        return make_sockets(&program->in, &passed[ITS_IN], SOCK_STREAM) &&
               make_sockets(&program->out, &passed[ITS_OUT], SOCK_STREAM);
    return ((does & PROGRAM_READS) != 0 ? make_pipe(&program->in, &passed[ITS_IN], 1)
                                        : lend(STDIN_FILENO, &passed[ITS_IN])) &&
           ((does & PROGRAM_WRITES) != 0 ? make_pipe(&program->out, &passed[ITS_OUT], 0)
                                         : lend(STDOUT_FILENO, &passed[ITS_OUT]));
}

/* Make its descriptors and ask for it, once. False with errno. */
static bool try_start(struct program *program, const struct helper *launcher,
                      const struct order *order, unsigned does)
{
    int passed[PROGRAM_PASSED] = {-1, -1, -1, -1};
    bool asked = false;
    int saved;

    if (make_ends(program, passed, does) &&
        make_sockets(&program->line, &passed[ITS_LINE], SOCK_SEQPACKET)) { /* as the launcher's */
        passed[OURS] = does == CARRIES ? program->out : program->in;
        if (passed[OURS] < 0)
            passed[OURS] = passed[ITS_IN];
        asked = question_send(launcher, order, sizeof(*order), passed, PROGRAM_PASSED);
    }
    saved = errno;
    for (size_t i = 0; i < OURS; i++)
        descriptor_close(&passed[i]);
    errno = saved;
    return asked;
}

static void close_all(struct program *program)
{
    int saved = errno;

    descriptor_close(&program->in);
    descriptor_close(&program->out);
    descriptor_close(&program->line);
    errno = saved;
}

/* Whether the line is full, or takes no more descriptors at this moment. */
static bool is_crowded(int problem)
{
    return descriptor_would_wait(problem) || problem == ETOOMANYREFS;
}

/* Ask for it, again as long as that is only crowded. False with errno. */
static bool ask_launcher(struct program *program, const struct helper *launcher,
                         const struct order *order, unsigned does, int64_t deadline_ms)
{
    /* The ends that are not ours take descriptors for a moment: of one program at a time. */
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    bool asked;

    *program = (struct program){.in = -1, .out = -1, .line = -1};
    for (;;) {
        (void)pthread_mutex_lock(&turn);
        asked = try_start(program, launcher, order, does);
        (void)pthread_mutex_unlock(&turn);
        if (asked)
            return true;
        close_all(program);
        if (!is_crowded(errno) || clock_now_ms() >= deadline_ms)
            return false;
        clock_sleep_ms(CROWDED_MS);
    }
}

/* Whether the launcher, which may stand still, says by then that it has taken it; else errno. */
static bool is_taken(const struct program *program, int64_t deadline_ms)
{
    char word;

    if (!descriptor_await(program->line, POLLIN, deadline_ms))
        return false;
    errno = EPIPE;
    return recv(program->line, &word, sizeof(word), MSG_DONTWAIT) == (ssize_t)sizeof(word);
}

bool program_start(struct program *program, const struct helper *launcher,
                   const struct order *order, unsigned does, int64_t deadline_ms)
{
    if (!ask_launcher(program, launcher, order, does, deadline_ms))
        return false;
    if (is_taken(program, deadline_ms))
        return true;
    close_all(program);
    return false;
}

bool program_start_via(const struct helper *launcher, const struct address *to,
                       struct transport *transport, int64_t deadline_ms)
{
    struct order order = {.program = 0};
    struct program program;

    memcpy(order.host, to->host, sizeof(order.host));
    memcpy(order.port, to->port, sizeof(order.port));
    if (!program_start(&program, launcher, &order, CARRIES, deadline_ms))
        return false;
    *transport = (struct transport){.in = program.out, .out = program.in, .line = program.line};
    return true;
}

/* Take what is said on a line; false if that is closed. */
static bool receive(int line, struct program_end *end)
{
    return recv(line, end, sizeof(*end), MSG_DONTWAIT) == (ssize_t)sizeof(*end);
}

bool program_via_end(int line, struct program_end *end, int64_t deadline_ms)
{
    return descriptor_await(line, POLLIN, deadline_ms) && receive(line, end);
}

static bool hear(struct program *program)
{
    struct program_end end;

    if (!receive(program->line, &end))
        return false;
    if (end.problem == 0) /* what it never was is said before its end */
        end.problem = program->end.problem;
    program->end = end;
    return true;
}

enum kith_error program_result(void *context)
{
    static const struct program_end well;
    struct program *program = context;

    return hear(program) && memcmp(&program->end, &well, sizeof(well)) == 0 ? OK : ERR_PROGRAM;
}

const char *program_problem(int problem)
{
    if (problem == ETIMEDOUT)
        return "the process that starts programs did not answer in time";
    if (problem == EPIPE || problem == ECONNRESET)
        return "the process that starts programs is gone";
    return strerror(problem);
}

void program_describe_end(char out[static PROGRAM_HOW_SIZE], const struct program_end *end)
{
    out[0] = '\0';
    if (end->problem != 0)
        (void)snprintf(out, PROGRAM_HOW_SIZE, "%s", program_problem(end->problem));
    else if (end->signal != 0)
        (void)snprintf(out, PROGRAM_HOW_SIZE, "by signal %d", end->signal);
    else if (end->status != 0)
        (void)snprintf(out, PROGRAM_HOW_SIZE, "with status %d", end->status);
}

void program_describe_failure(char out[static PROGRAM_HOW_SIZE], const struct program *program)
{
    program_describe_end(out, &program->end);
}

/* Until nobody reads it any longer, whom the end would tell that all has come. */
static void await_reader_gone(int in, int64_t deadline_ms)
{
    if (in >= 0)
        (void)descriptor_await(in, 0, deadline_ms);
}

void program_stop(struct program *program)
{
    int64_t deadline_ms = clock_deadline_ms(PROGRAM_STOP_MS);
    bool goes_on = true;

    (void)shutdown(program->line, SHUT_WR);
    descriptor_close(&program->out);
    if (socket_is_deserted(program->line)) /* gone with what the launcher held of the input */
        await_reader_gone(program->in, deadline_ms);
    descriptor_close(&program->in);
    while (goes_on && clock_now_ms() < deadline_ms) {
        if (descriptor_await(program->line, POLLIN, deadline_ms))
            goes_on = hear(program);
    }
    close_all(program);
}
