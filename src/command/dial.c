/*
 * Owns the commands that call a peer: dial and check. Must never read stdin before the peer has
 * proven who it is.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "calls/call.h"
#include "command/ask_target.h"
#include "command/commands.h"
#include "command/pipe.h"
#include "command/setup.h"
#include "command/setup_via.h"
#include "helpers/program_file.h"
#include "system/notify.h"

#define RETRY_PAUSE_LEAST_MS 200
#define RETRY_PAUSE_MOST_MS 5000

/* The call of a command that makes one, and all that it is made with. */
struct errand {
    const char *peer; /* as it was given */
    const struct sandbox_needs *needs;
    bool is_confined;
    struct setup setup;
    struct callee callee;
    struct call call;
    struct kept *kept; /* once there is a channel to a target by name; or NULL */
};

/* There is no other call: once, as soon as that is known. */
static void confine(void *context)
{
    struct errand *errand = context;

    if (!errand->is_confined)
        setup_confine(SANDBOX_PIPE, errand->needs);
    errand->is_confined = true;
}

/* All that comes before the call. End it in any case. */
static enum kith_error begin_errand(struct errand *errand, const struct options *options,
                                    const struct sandbox_needs *needs)
{
    enum kith_error error;

    errand->peer = options->arguments[0];
    errand->needs = needs;
    errand->call.transport = TRANSPORT_NONE;
    error =
        setup_begin(&errand->setup, options, &errand->peer, 1, KIND_SET(ask_kind(errand->peer)));
    errand->setup.calls.connected = options->retry_ms == 0 ? confine : NULL;
    errand->setup.calls.context = errand;
    if (error == OK)
        error = setup_choose_callees(&errand->setup, &errand->callee, NULL);
    if (error == OK)
        error = setup_start_via(&errand->setup);
    return error;
}

/* The peer is proven: from here on there is nobody's key to hold, and no more to call. */
static void end_calling(struct errand *errand)
{
    setup_dismiss_keeper(&errand->setup);
    callee_end(&errand->callee);
    confine(errand);
}

static void end(struct errand *errand)
{
    call_end(&errand->call);
    callee_end(&errand->callee);
    setup_end(&errand->setup);
}

/* Call, and ask for the target if one is named. */
static enum kith_error call_once(struct errand *errand)
{
    const struct options *options = errand->setup.options;
    enum channel_kind kind = ask_kind(errand->peer);
    bool no_more = options->command == FOR_CHECK && kind == KIND_PLAIN;
    enum kith_error error =
        call_peer(&errand->call, &errand->setup.calls, kind, &errand->callee, no_more);

    errand->kept = NULL;
    if (error == OK && kind == KIND_KEPT)
        error = ask_for_target(&errand->call, options, &errand->callee, &errand->kept);
    return error;
}

static void say_failure(struct errand *errand, enum kith_error error, enum log_level level)
{
    (void)call_log_failure(&errand->call, error, &errand->callee, errand->setup.options->what,
                           level);
}

/* What becomes of the tries, and for how long there are some. */
static void say_retry(const struct errand *errand, const char *becomes)
{
    int64_t retry_ms = errand->setup.options->retry_ms;
    char who[PEER_TEXT_SIZE], why[64];

    peer_format(who, errand->callee.name, errand->callee.key);
    (void)snprintf(why, sizeof(why), "%s %.*f s", becomes, retry_ms % 1000 == 0 ? 0 : 3,
                   (double)retry_ms / 1000);
    log_event(LOG_NOTE, errand->setup.options->what, who, why, NULL);
}

/* Call until it gets through, or --retry is over. What is wrong is logged. */
static enum kith_error call_with_retries(struct errand *errand)
{
    int64_t give_up_ms = clock_deadline_ms(errand->setup.options->retry_ms);
    int64_t pause_ms = RETRY_PAUSE_LEAST_MS;

    for (bool first = true;; first = false) {
        enum kith_error error = call_once(errand);
        int64_t left_ms = give_up_ms - clock_now_ms();

        if (error == OK)
            return error;
        if (!error_has(error, ERROR_MAY_PASS) || left_ms <= 0) {
            say_failure(errand, error, LOG_ERROR);
            if (error_has(error, ERROR_MAY_PASS) && !first)
                say_retry(errand, "given up after");
            return error;
        }
        say_failure(errand, error, first ? LOG_NOTE : LOG_MORE);
        if (first)
            say_retry(errand, "called again for");
        call_end(&errand->call);
        clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = clock_longer_pause(pause_ms, RETRY_PAUSE_LEAST_MS, RETRY_PAUSE_MOST_MS);
    }
}

/* The peer is proven, and its target had: join it to our end, and say how that went. */
static enum kith_error join_peer(struct errand *errand, struct pipe_end *pipe)
{
    struct call *call = &errand->call;
    const struct callee *callee = &errand->callee;
    struct kept *kept = errand->kept;
    struct transport transport = kept != NULL ? kept->link.transport : call->transport;
    const struct visitor visitor =
        visitor_of(callee->name, callee->key, &call->io.peer, transport.in);

    pipe_say_connected(pipe, &visitor);
    notify_ready_fd(pipe->options->ready_fd, call->io.peer.text, true);
    if (kept != NULL && kept_begin(kept) != OK)
        return call_log_failure(call, ERR_LINK_LOST, callee, errand->setup.options->what,
                                LOG_ERROR);
    pipe->kept = kept != NULL ? &kept->link : NULL;
    return pipe_run(pipe, transport, &call->io.keys, &visitor);
}

/* One that there is not is said before a peer is called, whose listen takes no second call. */
static enum kith_error check_program(const struct options *options)
{
    const char *program = options->program != NULL ? options->program[0] : NULL;
    const char *obstacle = program != NULL ? program_file_obstacle(program) : NULL;

    if (obstacle == NULL)
        return OK;
    return log_failure(LOG_ERROR, options->what, program, ERR_PROGRAM, obstacle,
                       "nobody was called");
}

enum kith_error command_dial(const struct options *options)
{
    struct errand errand = {.kept = NULL};
    struct pipe_end pipe = PIPE_END_NONE;
    const struct sandbox_needs needs = {.has_programs = options->program != NULL};
    enum kith_error error = begin_errand(&errand, options, &needs);

    if (error == OK)
        error = check_program(options);
    if (error == OK)
        error = pipe_open(&pipe, options);
    if (error == OK)
        error = call_with_retries(&errand);
    if (error == OK) {
        end_calling(&errand);
        error = join_peer(&errand, &pipe);
    }
    pipe_close(&pipe);
    kept_drop(errand.kept);
    end(&errand);
    return error;
}

/*
 * "NAME (01234567) 127.0.0.1:9000: round trip 0.4 ms, clock 0.002 s ahead of ours", and what of
 * the target, if one is named.
 */
static void print_check(const struct callee *callee, const struct handshake_io *io)
{
    char who[PEER_AT_SIZE], skew[64], shown[4 * PEER_AT_SIZE];
    const char *target = callee->target;
    uint64_t trip_us = (uint64_t)(io->answered_us - io->called_us);
    /* Its timestamp was taken about half a round trip before its answer came. */
    uint64_t then_ms = io->answered_wall_ms - trip_us / 2000;

    peer_format_at(who, callee->name, callee->key, io->peer.text);
    clock_format_skew(skew, sizeof(skew), io->handshake.peer_timestamp_ms, then_ms);
    (void)printf("%s: round trip %" PRIu64 ".%03u ms, clock %s ours%s%s%s\n",
                 escape_text(shown, sizeof(shown), who, strlen(who)), trip_us / 1000,
                 (unsigned)(trip_us % 1000), skew, target[0] != '\0' ? "; target " : "", target,
                 target[0] != '\0' ? " is there, and permitted" : "");
}

enum kith_error command_check(const struct options *options)
{
    static const struct sandbox_needs nothing;
    struct errand errand = {.kept = NULL};
    enum kith_error error = begin_errand(&errand, options, &nothing);

    if (error == OK)
        error = call_with_retries(&errand);
    if (error == OK) {
        end_calling(&errand);
        notify_ready_fd(options->ready_fd, errand.call.io.peer.text, true);
        print_check(&errand.callee, &errand.call.io);
    }
    kept_give_up(errand.kept); /* there is no stream */
    end(&errand);
    return error;
}
