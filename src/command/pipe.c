/*
 * Owns the joining of stdin and stdout to a channel. Must never report success for anything that
 * is less than whole.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "command/pipe.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "net/socket.h"
#include "stream/progress.h"
#include "stream/stream.h"
#include "system/signals.h"

#define PIPE_SIZE (512 << 10) /* what was measured best (bench/README) */

static void log_end(const struct pump_result *result, enum kith_error error, const char *what,
                    const char *who, const struct endpoint *peer)
{
    bool local = error == ERR_STDIN || error == ERR_STDOUT || error == ERR_STDOUT_CLOSED;
    bool by_system = result->system_errno != 0 && error_is_system(error);
    bool lost = result->undelivered && !local;
    char which[ADDRESS_TEXT_SIZE + 128], detail[192];

    if (local)
        (void)snprintf(which, sizeof(which), "%s", error == ERR_STDIN ? "stdin" : "stdout");
    else
        (void)snprintf(which, sizeof(which), "%s at %s", who, peer->text);
    (void)snprintf(detail, sizeof(detail), "%s%s%s",
                   by_system ? strerror(result->system_errno) : "", by_system && lost ? "; " : "",
                   lost ? "stdout took nothing, so the last that had arrived is lost" : "");
    (void)log_failure(LOG_ERROR, what, which, error, detail[0] != '\0' ? detail : NULL, NULL);
}

/*
 * A pipe that holds more is read and written in fewer calls, and its other end is woken less
 * often. Where it cannot be had, as when a user has too many of them, it stays as it is.
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
static enum local_end_patience patience(const struct options *options, bool calls)
{
    if (!descriptor_is_terminal(STDIN_FILENO) || options->send_only)
        return WAITS_FOR_INPUT;
    return calls || isatty(STDOUT_FILENO) == 1 ? WAITS_IF_PEER_SILENT : ENDS_WITH_PEER;
}

static void say_input_awaited(void)
{
    log_event(LOG_NOTE, "stdin", NULL, "the peer has nothing to say, and hears what is typed here",
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

static enum kith_error check_kinds(const struct options *options, const char *what)
{
    static const char why[] = "it is a socket of messages, not of a stream";

    if (!options->recv_only && carries_messages(STDIN_FILENO))
        return log_failure(LOG_ERROR, what, "stdin", ERR_STDIN, why, NULL);
    if (!options->send_only && carries_messages(STDOUT_FILENO))
        return log_failure(LOG_ERROR, what, "stdout", ERR_STDOUT, why, NULL);
    return OK;
}

enum kith_error pipe_open(struct local_end *end, const struct options *options, const char *what,
                          bool calls)
{
    struct inlet inlet = inlet_none();
    struct outlet outlet = outlet_none();

    if (!descriptor_is_terminal(STDIN_FILENO))
        signals_linger_on_hangup();
    if (!options->recv_only) {
        enlarge_pipe(STDIN_FILENO);
        inlet = inlet_stdin();
    }
    if (!options->send_only) {
        enlarge_pipe(STDOUT_FILENO);
        outlet = outlet_stdout();
    }
    *end = local_end_standard(inlet, outlet, patience(options, calls));
    return check_kinds(options, what);
}

enum kith_error pipe_run(struct local_end *end, const struct options *options, const char *what,
                         struct transport transport, struct session_keys *keys, const char *who,
                         const struct endpoint *peer)
{
    struct progress progress;
    struct pump_terms terms = {.idle_timeout_ms = options->idle_timeout_ms};
    struct pump_result result;
    int64_t begun_us = clock_now_us();
    enum kith_error error;

    if (end->patience == WAITS_IF_PEER_SILENT)
        terms.input_awaited = say_input_awaited;
    if (options->progress) {
        progress_begin(&progress, end->inlet.fd);
        terms.progress = progress_show;
        terms.progress_context = &progress;
    }
    error = stream_run(transport, keys, options->max_message_size, end, &terms, &result);
    local_end_finish(end, error == OK);
    if (options->progress)
        progress_end(&progress, result.sent, result.received);
    if (error != OK)
        log_end(&result, error, what, who, peer);
    stream_summarise(LOG_SUMMARY, "channel", who, error_text(error), peer->text, &result, begun_us);
    return error;
}
