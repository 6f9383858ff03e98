/*
 * Owns the question for a target. Must never begin a stream: who asks may only want to know.
 */
#include "command/ask_target.h"

#include "base/clock.h"
#include "peers/directory.h"

enum channel_kind ask_kind(const char *peer)
{
    return directory_find_target(peer) != NULL ? KIND_KEPT : KIND_PLAIN;
}

enum kith_error ask_for_target(struct call *call, const struct options *options,
                               const struct callee *callee, struct kept **kept)
{
    struct kept *made = kept_make(&call->transport, &call->io.keys, options->max_message_size,
                                  SIDE_OPENS, callee->key);
    enum kith_error error = made == NULL ? ERR_MEMORY : kept_ask(made, callee->target, false);

    *kept = NULL;
    if (error == OK)
        error = kept_await_answer(made, clock_deadline_ms(options->handshake_timeout_ms));
    if (error == OK) {
        *kept = made;
        return OK;
    }
    (void)problem_say(&call->problem, "%s", callee->target);
    kept_give_up(made);
    return error;
}
