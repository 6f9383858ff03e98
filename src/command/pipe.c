/*
 * Owns the joining of stdin and stdout to a channel. Must never report success for anything that
 * is less than whole.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "command/pipe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "net/net_socket.h"
#include "protocol/channel.h"
#include "stream/progress.h"
#include "stream/pump.h"
#include "system/signals.h"

#define PIPE_SIZE (512 << 10) /* what was measured best (bench/README) */

static void summarise(const struct pump *pump, enum kith_error error, const char *who,
                      const struct net_peer *peer, int64_t begun_us)
{
    char sent[24], received[24], seconds[32];

    (void)snprintf(sent, sizeof(sent), "%" PRIu64, pump->sent);
    (void)snprintf(received, sizeof(received), "%" PRIu64, pump->received);
    (void)snprintf(seconds, sizeof(seconds), "%.3f", (double)(clock_now_us() - begun_us) / 1e6);
    log_fields(LOG_SUMMARY, "channel", who, error_text(error), "address", peer->text, "sent", sent,
               "received", received, "seconds", seconds, (const char *)NULL);
}

static void complain(const struct pump *pump, enum kith_error error, const char *what,
                     const char *who, const struct net_peer *peer)
{
    bool local = error == ERR_STDIN || error == ERR_STDOUT || error == ERR_STDOUT_CLOSED;
    char which[ADDRESS_TEXT_SIZE + 128], why[256];

    if (local)
        (void)snprintf(which, sizeof(which), "%s", error == ERR_STDIN ? "stdin" : "stdout");
    else
        (void)snprintf(which, sizeof(which), "%s at %s", who, peer->text);
    if (pump->system_errno != 0 && error != ERR_STDOUT_CLOSED && error_is_system(error))
        (void)snprintf(why, sizeof(why), "%s: %s", error_text(error), strerror(pump->system_errno));
    else
        (void)snprintf(why, sizeof(why), "%s", error_text(error));
    if (pump->undelivered && !local)
        (void)strncat(why, "; stdout took nothing, so the last that had arrived is lost",
                      sizeof(why) - strlen(why) - 1);
    log_event(LOG_ERROR, what, which, why, error_hint(error));
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

/* Files that claim no size are left out: a read of /proc/kmsg waits. */
static bool never_waits(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
}

/* Where it can be, in a mode of our own: somebody else may read there, too, and be faster. */
static void open_stdin(struct pipe_ends *ends)
{
    int own = descriptor_open_anew(STDIN_FILENO, O_RDONLY);

    ends->in = own >= 0 ? own : STDIN_FILENO;
    ends->in_never_blocks = own >= 0;
    ends->in_never_waits = never_waits(STDIN_FILENO);
}

/*
 * With a terminal as stdin. Who only sends has come to type. Else a peer that has said something,
 * and ended, has had what it came for, and so have we; one that has said nothing may be there for
 * what we type. But who listens with stdout elsewhere is there for what comes.
 */
static enum pump_patience patience(const struct options *options, bool calls)
{
    if (!descriptor_is_terminal(STDIN_FILENO) || options->send_only)
        return PUMP_WAITS_FOR_INPUT;
    return calls || isatty(STDOUT_FILENO) == 1 ? PUMP_WAITS_IF_PEER_SILENT : PUMP_ENDS_WITH_PEER;
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
    return descriptor_is_socket(fd) && !net_is_stream(fd);
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

enum kith_error pipe_open(struct pipe_ends *ends, const struct options *options, const char *what,
                          bool calls)
{
    *ends = (struct pipe_ends){.in = -1, .outlet = outlet_none()};
    ends->patience = patience(options, calls);
    if (!descriptor_is_terminal(STDIN_FILENO))
        signals_linger_on_hangup();
    if (!options->recv_only) {
        enlarge_pipe(STDIN_FILENO);
        open_stdin(ends);
    }
    if (!options->send_only) {
        enlarge_pipe(STDOUT_FILENO);
        ends->outlet = outlet_stdout();
    }
    return check_kinds(options, what);
}

enum kith_error pipe_run(const struct pipe_ends *ends, const struct options *options,
                         const char *what, int fd, struct session_keys *keys, const char *who,
                         const struct net_peer *peer)
{
    struct progress progress;
    struct pump pump = {
        .net = fd,
        .in = ends->in,
        .in_never_waits = ends->in_never_waits,
        .in_never_blocks = ends->in_never_blocks,
        .outlet = ends->outlet,
        .gate_fd = -1,
        .patience = ends->patience,
        .idle_timeout_ms = options->idle_timeout_ms,
    };
    int64_t begun_us = clock_now_us();
    enum kith_error error = channel_start(&pump.channel, keys, options->max_message_size);

    session_keys_wipe(keys);
    if (ends->patience == PUMP_WAITS_IF_PEER_SILENT)
        pump.input_awaited = say_input_awaited;
    if (options->progress) {
        progress_begin(&progress, pump.in);
        pump.progress = progress_show;
        pump.progress_context = &progress;
    }
    if (error == OK)
        error = pump_run(&pump);
    if (options->progress)
        progress_end(&progress, pump.sent, pump.received);
    if (error != OK)
        complain(&pump, error, what, who, peer);
    summarise(&pump, error, who, peer, begun_us);
    channel_wipe(&pump.channel);
    return error;
}
