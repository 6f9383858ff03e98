/*
 * Owns what is said of a peer that is called again and again. Must never say a line for each try.
 */
#include "daemon/calling.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "system/signals.h"

void calling_begin(struct calling *calling, const struct calling_terms *terms)
{
    *calling = (struct calling){.terms = *terms};
}

static void forget_told(struct calling *calling)
{
    for (size_t i = 0; i < ERR_COUNT; i++)
        calling->told[i] = false;
}

void calling_forget(struct calling *calling)
{
    calling->trouble = OK;
    calling->lost_ms = 0;
    calling->lost = false;
    forget_told(calling);
    calling->up = false;
}

enum kith_error calling_trouble(const struct calling *calling)
{
    return (enum kith_error)calling->trouble;
}

int64_t calling_lost_ms(const struct calling *calling)
{
    return calling->lost ? calling->lost_ms : clock_now_ms();
}

static bool is_there(const struct calling *calling)
{
    return calling->terms.is_there(calling->terms.context);
}

enum peer_state calling_state(const struct calling *calling)
{
    if (calling->trouble != OK && !is_there(calling))
        return PEER_LOST;
    return calling->up ? PEER_THERE : PEER_UNKNOWN;
}

enum kith_error calling_loss(const struct calling *calling)
{
    return calling->lost && !is_there(calling) ? calling_trouble(calling) : OK;
}

bool calling_is_up(const struct calling *calling)
{
    return calling->up;
}

/*
 * A call has failed, which is said once for each reason, until one succeeds; but of a peer that is
 * there only to who wants to know more.
 */
static void note_failure(struct calling *calling, const struct call *call, enum kith_error error,
                         const struct callee *callee)
{
    bool quiet = is_there(calling);
    int before = atomic_exchange(&calling->trouble, (int)error);

    if (!quiet) {
        if (!calling->lost)
            calling->lost_ms = clock_now_ms();
        calling->lost = true;
        quiet = atomic_exchange(&calling->told[error], true);
    }
    (void)call_log_failure(call, error, callee, calling->terms.daemon->terms->what,
                           quiet ? LOG_MORE : LOG_ERROR);
    if (!quiet || before == OK)
        signals_wake();
}

void calling_not_begun(struct calling *calling)
{
    const char *what = calling->terms.daemon->terms->what, *peer = calling->terms.peer;
    bool lacks_memory = errno == ENOMEM;

    if (lacks_memory && !atomic_exchange(&calling->told[ERR_MEMORY], true))
        (void)log_failure(LOG_ERROR, what, peer, ERR_MEMORY, NULL, NULL);
    if (!lacks_memory && !atomic_exchange(&calling->told[ERR_NO_THREAD], true))
        (void)log_failure(LOG_ERROR, what, peer, ERR_NO_THREAD, strerror(errno), NULL);
}

static void note_success(struct calling *calling)
{
    bool was_lost = atomic_exchange(&calling->lost, false);
    bool was_up = atomic_exchange(&calling->up, true);

    calling->trouble = OK;
    forget_told(calling);
    if (was_lost)
        log_event(LOG_NOTE, calling->terms.daemon->terms->what, calling->terms.peer,
                  "the peer is there again", NULL);
    if (was_lost || !was_up)
        signals_wake();
}

struct kept *calling_make(struct calling *calling, struct endpoint *reached)
{
    const struct calling_terms *terms = &calling->terms;
    struct call call = {.transport = TRANSPORT_NONE};
    struct callee callee;
    struct kept *kept = NULL;
    enum kith_error error;

    if (!peer_now_copy(terms->callee, &callee))
        return NULL;
    error = call_peer(&call, terms->calls, terms->kind, &callee, false);
    if (error == OK) {
        kept = kept_make(&call.transport, &call.io.keys, terms->daemon->terms->max_message_size,
                         terms->side, callee.key);
        error = kept == NULL ? ERR_MEMORY : OK;
    }
    if (reached != NULL)
        *reached = call.reached;
    if (error == OK) {
        kept->mark = callee.mark;
        note_success(calling);
    } else {
        note_failure(calling, &call, error, &callee);
    }
    callee_end(&callee);
    call_end(&call);
    return kept;
}
