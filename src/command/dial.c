/*
 * Owns the commands that call a peer: dial and check. Must never read stdin before the peer has
 * proven who it is.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/call.h"
#include "command/ask.h"
#include "command/commands.h"
#include "command/pipe.h"
#include "command/setup.h"
#include "command/setup_via.h"
#include "system/notify.h"

#define FIRST_WAIT_MS 200
#define LONGEST_WAIT_MS 5000
#define VIA_MOST 8 /* commands of --via: those of former tries may still be about to end */

/*
 * Whether a call that failed may get through later: an address that does not answer yet, or a
 * listener that is being restarted. Who turned out to be somebody else remains so.
 */
static bool may_pass(enum kith_error error)
{
    return error == ERR_CONNECT || error == ERR_CONNECT_REFUSED || error == ERR_CONNECT_TIMEOUT ||
           error == ERR_RESOLVE || error == ERR_VIA || error == ERR_HANDSHAKE_CUT ||
           error == ERR_HANDSHAKE_TIMEOUT || error == ERR_LINK_LOST;
}

static void wait_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&time, NULL);
}

/* Call, and ask for the target if one is named: *kept is the channel then, else NULL. */
static enum kith_error call_once(struct call *call, const struct setup *setup,
                                 const struct callee *callee, struct kept **kept)
{
    enum channel_kind kind = ask_kind(setup->callees.given[0]);
    bool no_more = setup->options->command == FOR_CHECK && kind == KIND_PLAIN;
    enum kith_error error = call_peer(call, &setup->calls, kind, callee, no_more);

    *kept = NULL;
    if (error == OK && kind == KIND_KEPT)
        error = ask_for_target(call, setup->options, callee, kept);
    return error;
}

/* Call for this command until it gets through, or --retry is over. */
static enum kith_error call_with_retries(struct call *call, const struct setup *setup,
                                         const char *what, const struct callee *callee,
                                         struct kept **kept)
{
    int64_t give_up_ms = clock_deadline_ms(setup->options->retry_ms);
    int64_t pause_ms = FIRST_WAIT_MS;

    for (bool first = true;; first = false) {
        enum kith_error error = call_once(call, setup, callee, kept);
        int64_t left_ms = give_up_ms - clock_now_ms();

        if (error == OK)
            return error;
        if (!may_pass(error) || left_ms <= 0) {
            (void)call_log_failure(call, error, callee, what, LOG_ERROR);
            if (may_pass(error) && !first)
                log_event(LOG_NOTE, what, setup->options->arguments[0],
                          "is given up, since --retry is over", NULL);
            return error;
        }
        (void)call_log_failure(call, error, callee, what, first ? LOG_NOTE : LOG_SUMMARY);
        if (first)
            log_event(LOG_NOTE, what, setup->options->arguments[0],
                      "is called again until --retry is over", NULL);
        call_end(call);
        wait_ms(pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = pause_ms * 2 < LONGEST_WAIT_MS ? pause_ms * 2 : LONGEST_WAIT_MS;
    }
}

/* The peer is proven, and its target had: join it to our end, and say how that went. */
static enum kith_error join(struct pipe_end *end, const struct callee *callee, struct call *call,
                            struct kept *kept)
{
    struct transport transport = kept != NULL ? kept->link.transport : call->transport;
    const struct visitor visitor =
        visitor_of(callee->name, callee->key, &call->io.peer, transport.in);
    char who[PEER_TEXT_SIZE];

    peer_format(who, callee->name, callee->key);
    log_event(LOG_SUMMARY, "dial", who, "connected", NULL);
    notify_ready_fd(end->options->ready_fd, call->io.peer.text, true);
    if (kept != NULL && kept_begin(kept) != OK)
        return call_log_failure(call, ERR_LINK_LOST, callee, "dial", LOG_ERROR);
    end->kept = kept != NULL ? &kept->link : NULL;
    return pipe_run(end, transport, &call->io.keys, who, &visitor);
}

enum kith_error command_dial(const struct options *options)
{
    struct setup setup;
    struct callee callee = {.name = ""};
    struct call call = {.transport = TRANSPORT_NONE};
    struct kept *kept = NULL;
    struct pipe_end end = PIPE_END_NONE;
    const struct sandbox_needs needs = {.has_programs = options->program != NULL};
    const char *peer = options->arguments[0];
    enum kith_error error = setup_begin(&setup, options, &peer, 1, KIND_SET(ask_kind(peer)));

    setup.calls.needs = options->retry_ms == 0 ? &needs : NULL;
    if (error == OK)
        error = setup_choose_callees(&setup, &callee, NULL);
    if (error == OK)
        error = setup_start_via(&setup, VIA_MOST);
    if (error == OK)
        error = pipe_open(&end, options, "dial", true);
    if (error == OK)
        error = call_with_retries(&call, &setup, "dial", &callee, &kept);
    if (error == OK) {
        setup_dismiss_keeper(&setup);
        callee_end(&callee);
        if (setup.calls.needs == NULL)
            setup_confine(SANDBOX_PIPE, &needs);
        error = join(&end, &callee, &call, kept);
    }
    pipe_close(&end);
    kept_drop(kept);
    call_end(&call);
    callee_end(&callee);
    setup_end(&setup);
    return error;
}

/*
 * "NAME (01234567) 127.0.0.1:9000: round trip 0.4 ms, clock 0.002 s ahead of ours", and what of
 * the target, if one is named.
 */
static void print_check(const struct callee *callee, const struct handshake_io *io)
{
    char who[PEER_TEXT_SIZE], skew[64], at[4 * ADDRESS_TEXT_SIZE], shown[4 * PEER_TEXT_SIZE];
    const char *address = io->peer.text, *target = callee->target;
    uint64_t trip_us = (uint64_t)(io->answered_us - io->called_us);
    /* Its timestamp was taken about half a round trip before its answer came. */
    uint64_t then_ms = io->answered_wall_ms - trip_us / 2000;

    peer_format(who, callee->name, callee->key);
    clock_format_skew(skew, sizeof(skew), io->handshake.peer_timestamp_ms, then_ms);
    (void)printf("%s at %s: round trip %" PRIu64 ".%03u ms, clock %s ours%s%s%s\n",
                 escape_text(shown, sizeof(shown), who, strlen(who)),
                 escape_text(at, sizeof(at), address, strlen(address)), trip_us / 1000,
                 (unsigned)(trip_us % 1000), skew, target[0] != '\0' ? "; target " : "", target,
                 target[0] != '\0' ? " is there, and permitted" : "");
}

enum kith_error command_check(const struct options *options)
{
    static const struct sandbox_needs nothing;
    struct setup setup;
    struct callee callee = {.name = ""};
    struct call call = {.transport = TRANSPORT_NONE};
    struct kept *kept = NULL;
    const char *peer = options->arguments[0];
    enum kith_error error = setup_begin(&setup, options, &peer, 1, KIND_SET(ask_kind(peer)));

    setup.calls.needs = options->retry_ms == 0 ? &nothing : NULL;
    if (error == OK)
        error = setup_choose_callees(&setup, &callee, NULL);
    if (error == OK)
        error = setup_start_via(&setup, VIA_MOST);
    if (error == OK)
        error = call_with_retries(&call, &setup, "check", &callee, &kept);
    if (error == OK) {
        setup_dismiss_keeper(&setup);
        callee_end(&callee);
        if (setup.calls.needs == NULL)
            setup_confine(SANDBOX_PIPE, &nothing);
        notify_ready_fd(options->ready_fd, call.io.peer.text, true);
        print_check(&callee, &call.io);
    }
    kept_give_up(kept); /* there is no stream */
    call_end(&call);
    callee_end(&callee);
    setup_end(&setup);
    return error;
}
