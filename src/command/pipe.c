/*
 * Owns the joining of stdin and stdout, a file, or a program to a channel. Must never report
 * success for anything that is less than whole.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "command/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "helpers/launcher.h"
#include "net/socket.h"
#include "peers/peer.h"
#include "stream/progress.h"
#include "stream/stream.h"
#include "system/signals.h"

#define PIPE_SIZE (512 << 10) /* what was measured best (bench/README) */

/* What of the channel or of stdin and stdout has failed, and how far that went. */
static void log_end(const struct pipe_end *end, const struct pump_result *result,
                    enum kith_error error, const struct log_subject *peer)
{
    bool out = error_has(error, ERROR_IS_OF_OUTPUT);
    bool local = error == ERR_INLET || out;
    bool by_system = result->system_errno != 0 && error_has(error, ERROR_IS_SYSTEM);
    bool lost = result->undelivered && !local;
    const char *output = end->options->output;
    char at[PEER_AT_SIZE], detail[192];
    struct log_subject subject = {.what = end->options->what, .which = at};

    if (out)
        subject.which = output != NULL ? output : "stdout";
    else if (local)
        subject.which = "stdin";
    else
        peer_format_at(at, peer->peer, peer->key, peer->address);
    subject.peer = peer->peer;
    subject.key = peer->key;
    subject.address = peer->address;
    (void)snprintf(detail, sizeof(detail), "%s%s%s",
                   by_system ? strerror(result->system_errno) : "", by_system && lost ? "; " : "",
                   lost ? "stdout took nothing, so the last that had arrived is lost" : "");
    (void)log_peer_failure(LOG_ERROR, &subject, error, detail[0] != '\0' ? detail : NULL, NULL);
}

/*
 * A pipe that holds more is read and written in fewer calls, and its other end is woken less
 * often. Where that fails, as when a user has too many of them, it stays as it is.
 */
static void enlarge_pipe(int fd)
{
#ifdef F_SETPIPE_SZ
    int size = fcntl(fd, F_GETPIPE_SZ);

    if (size > 0 && size < PIPE_SIZE)
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
#else
    (void)fd;
#endif
}

/*
 * With a terminal as stdin. Who only sends has come to type. Else a peer that has said something,
 * and ended, has had what it came for, and so have we; one that has said nothing may be there for
 * what we type. But who listens with stdout elsewhere is there for what comes.
 */
static enum local_end_patience patience(const struct options *options)
{
    bool calls = options->command == FOR_DIAL;

    if (!descriptor_is_terminal(STDIN_FILENO) || options->send_only)
        return WAITS_FOR_INPUT;
    return calls || (options->output == NULL && isatty(STDOUT_FILENO) == 1) ? WAITS_IF_PEER_SILENT
                                                                            : ENDS_WITH_PEER;
}

static void say_input_awaited(void)
{
    log_event(LOG_NOTE, "stdin", NULL, "the peer sends nothing, and gets what is typed here",
              "a line that is ^D alone ends it");
}

/*
 * A socket of messages loses what is too long for the one who reads there, says nothing of its
 * end, or has none.
 */
static bool carries_messages(int fd)
{
    return descriptor_is_socket(fd) && !socket_is_stream(fd);
}

/* Why a standard descriptor can be no end of a stream, or NULL. */
static const char *obstacle_of(int fd)
{
    if (carries_messages(fd))
        return "it is a socket of messages, not of a stream";
    if (descriptor_is_anonymous(fd) || descriptor_listens(fd))
        return "it is not a file, pipe, connected socket or device";
    return NULL;
}

/* The system does not say of every kind that it is not open for reading; it may just have nothing.
 */
static enum kith_error check_stdin(const char *what)
{
    const char *obstacle = obstacle_of(STDIN_FILENO);

    if (obstacle != NULL)
        return log_failure(LOG_ERROR, what, "stdin", ERR_INLET, obstacle, NULL);
    if (!descriptor_is_open_for(STDIN_FILENO, O_RDONLY))
        return log_failure(LOG_ERROR, what, "stdin", ERR_INLET, strerror(EBADF),
                           "it is not open for reading; to send nothing: --recv-only");
    return OK;
}

/* One that is not open for writing may be one that was closed: no matter while nothing arrives. */
static enum kith_error check_stdout(const char *what)
{
    const char *obstacle = obstacle_of(STDOUT_FILENO);

    if (obstacle != NULL)
        return log_failure(LOG_ERROR, what, "stdout", ERR_OUTLET, obstacle, NULL);
    return OK;
}

static enum kith_error check_kinds(const struct options *options)
{
    enum kith_error error = options->recv_only ? OK : check_stdin(options->what);

    return error == OK && !options->send_only && options->output == NULL
               ? check_stdout(options->what)
               : error;
}

static enum kith_error open_standard(struct pipe_end *end)
{
    const struct options *options = end->options;
    struct inlet inlet = inlet_none();
    struct outlet outlet = outlet_none();

    if (!options->recv_only) {
        enlarge_pipe(STDIN_FILENO);
        inlet = inlet_stdin();
    }
    if (options->output != NULL) {
        end->local = local_end_file(inlet, end->filer.file, patience(options),
                                    end->filer.helper.line, filer_result, &end->filer);
        return check_kinds(options);
    }
    if (!options->send_only) {
        enlarge_pipe(STDOUT_FILENO);
        outlet = outlet_stdout();
    }
    end->local = local_end_standard(inlet, outlet, patience(options));
    return check_kinds(options);
}

enum kith_error pipe_open(struct pipe_end *end, const struct options *options)
{
    char *const *program = options->program;
    enum kith_error error = OK;

    *end = PIPE_END_NONE;
    end->options = options;
    if (options->output != NULL)
        error = filer_start(&end->filer, options->what, options->output, options->force);
    if (error != OK)
        return error;
    if (options->program == NULL && socket_can_carry(STDIN_FILENO) &&
        socket_can_carry(STDOUT_FILENO))
        signals_linger_on_hangup();
    if (options->program == NULL)
        return open_standard(end);
    return launcher_start(&end->launcher, &(const struct programs){.list = &program, .count = 1},
                          1);
}

/* Join a local end to the peer, and say how it went, unless a program has to say more. */
static enum kith_error run(const struct pipe_end *end, struct local_end *local,
                           struct transport transport, struct session_keys *keys,
                           const struct visitor *visitor)
{
    const struct options *options = end->options;
    char who[PEER_TEXT_SIZE];
    const struct log_subject peer = {.what = "channel",
                                     .which = who,
                                     .peer = visitor->name,
                                     .key = visitor->key,
                                     .address = visitor->from.text,
                                     .target = visitor->target};
    struct progress progress;
    struct pump_terms terms = {.idle_timeout_ms = options->idle_timeout_ms, .rate = options->rate};
    struct pump_result result;
    int64_t begun_us = clock_now_us();
    enum kith_error error;

    peer_format(who, visitor->name, visitor->key);
    if (local->patience == WAITS_IF_PEER_SILENT)
        terms.input_awaited = say_input_awaited;
    if (options->progress) {
        progress_begin(&progress, local->inlet.fd, options->progress_json);
        terms.progress = progress_show;
        terms.progress_context = &progress;
    }
    if (end->kept != NULL)
        error = stream_run_kept(end->kept, local, &terms, &result);
    else
        error = stream_run(transport, keys, options->max_message_size, local, &terms, &result);
    local_end_finish(local, error == OK);
    if (options->progress)
        progress_end(&progress, result.sent, result.received);
    if (error != OK && error != ERR_PROGRAM)
        log_end(end, &result, error, &peer);
    if (error != OK && end->filer.placed)
        log_event(LOG_NOTE, end->options->what, options->output,
                  "is whole, and in its place: what failed is the rest", NULL);
    stream_summarise(LOG_MORE, &peer, error_text(error), &result, begun_us);
    return error;
}

static enum kith_error log_program(const struct pipe_end *end, const char *detail)
{
    return log_failure(LOG_ERROR, end->options->what, end->options->program[0], ERR_PROGRAM,
                       detail[0] != '\0' ? detail : NULL, NULL);
}

/* The same with a program, which is ended if the channel is. */
static enum kith_error run_program(const struct pipe_end *end, struct transport transport,
                                   struct session_keys *keys, const struct visitor *visitor)
{
    const struct options *options = end->options;
    unsigned does =
        (options->send_only ? 0 : PROGRAM_READS) | (options->recv_only ? 0 : PROGRAM_WRITES);
    const struct order order = {.visitor = *visitor};
    struct program program;
    struct local_end local;
    char how[PROGRAM_HOW_SIZE];
    enum kith_error error;

    if (!program_start(&program, &end->launcher, &order, does,
                       clock_deadline_ms(options->handshake_timeout_ms))) {
        session_keys_wipe(keys);
        return log_program(end, program_problem(errno));
    }
    local = local_end_program(program.out, program.in, program.line, program_result, &program);
    error = run(end, &local, transport, keys, visitor);
    if (error == ERR_PROGRAM) {
        program_describe_failure(how, &program);
        (void)log_program(end, how);
    }
    program.in = local.outlet.fd;
    program_stop(&program);
    return error;
}

void pipe_say_connected(const struct pipe_end *end, const struct visitor *visitor)
{
    char who[PEER_TEXT_SIZE];

    peer_format(who, visitor->name, visitor->key);
    log_event(LOG_MORE, end->options->what, who, "connected", NULL);
}

enum kith_error pipe_run(struct pipe_end *end, struct transport transport,
                         struct session_keys *keys, const struct visitor *visitor)
{
    if (end->options->program != NULL)
        return run_program(end, transport, keys, visitor);
    return run(end, &end->local, transport, keys, visitor);
}

void pipe_close(struct pipe_end *end)
{
    helper_dismiss(&end->launcher);
    if (end->local.kind == LOCAL_FILE)
        descriptor_close(&end->local.outlet.fd);
    filer_end(&end->filer);
}
