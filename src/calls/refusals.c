/*
 * Owns the words for callers that were turned away. Must never say of a caller that it is a peer
 * before it has proven that. Must never let callers fill the log.
 */
#include "calls/refusals.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "calls/explain.h"
#include "peers/peer.h"
#include "system/signals.h"

#define SOURCES_TOLD (REFUSALS_SOURCES / 4 * 3)

void refusals_init(struct refusals *refusals, const char *what, const char *which, bool wakes)
{
    memset(refusals, 0, sizeof(*refusals));
    refusals->what = what;
    refusals->which = which;
    refusals->wakes = wakes;
    (void)pthread_mutex_init(&refusals->lock, NULL);
}

/* A place of the table is free if it is 0, which is no source of a caller that counts. */
static void note_source(struct refusals *refusals, uint64_t source)
{
    size_t i = (size_t)(source * 0x9e3779b97f4a7c15U >> 32) % REFUSALS_SOURCES;

    while (refusals->sources[i] != 0 && refusals->sources[i] != source)
        i = (i + 1) % REFUSALS_SOURCES;
    if (refusals->sources[i] == source || refusals->source_count >= SOURCES_TOLD)
        return;
    refusals->sources[i] = source;
    refusals->source_count++;
}

bool refusals_count(struct refusals *refusals, enum kith_error kind, uint64_t source,
                    int64_t now_ms)
{
    size_t *shown = &refusals->kinds[kind].shown;

    if (refusals->kinds[kind].counted == 0 &&
        now_ms - refusals->kinds[kind].since_ms >= REFUSALS_PERIOD_MS)
        *shown = 0;
    if (*shown == 0)
        refusals->kinds[kind].since_ms = now_ms;
    if (*shown < REFUSALS_SHOWN) {
        (*shown)++;
        return true;
    }
    if (refusals->counted == 0)
        refusals->since_ms = now_ms;
    refusals->counted++;
    refusals->kinds[kind].counted++;
    note_source(refusals, source);
    return false;
}

/* Whether it is to be shown; who sums up is woken for the first that is not. */
static bool is_shown(struct refusals *refusals, enum kith_error kind, const struct endpoint *from)
{
    uint64_t address = from->user != 0 ? 0 : endpoint_source(from);
    bool shown, first;

    (void)pthread_mutex_lock(&refusals->lock);
    shown = refusals_count(refusals, kind, address, clock_now_ms());
    first = !shown && refusals->counted == 1;
    (void)pthread_mutex_unlock(&refusals->lock);
    if (first && refusals->wakes)
        signals_wake();
    return shown;
}

/* For a sum, which does not say by how much the clocks disagree. */
static const char *kind_text(enum kith_error kind)
{
    if (kind == ERR_CLOCK_AHEAD || kind == ERR_CLOCK_BEHIND)
        return kind == ERR_CLOCK_AHEAD ? "a clock ahead of ours" : "a clock behind ours";
    return error_text(kind);
}

static void show_caller(const struct refusals *refusals, enum log_level level,
                        const struct handshake_io *io, const char *name,
                        const struct explanation *explanation, const char *detail)
{
    char which[PEER_AT_SIZE];
    bool claims = io->handshake.peer_timestamp_ms != 0;
    const struct log_subject subject = {.what = refusals->what,
                                        .which = claims ? which : io->peer.text,
                                        .peer = claims ? name : NULL,
                                        .key = claims ? io->handshake.peer : NULL,
                                        .address = io->peer.text};

    peer_format_at(which, name, io->handshake.peer, io->peer.text);
    if (explanation->error == ERR_LEFT) /* that was its own doing */
        (void)log_peer_failure(level, &subject, ERR_LEFT, NULL, NULL);
    else
        (void)log_refusal(level, &subject, explanation->error,
                          detail != NULL ? detail : problem_why(&explanation->problem),
                          explanation->problem.hint);
}

/* Who only looks whether we are there has what it came for. */
static enum log_level level_of(const struct refusals *refusals, enum kith_error error,
                               enum log_level usual)
{
    return refusals->of_one && error != ERR_LEFT ? LOG_ERROR : usual;
}

void refusals_add(struct refusals *refusals, const struct handshake_io *io, const char *name,
                  const char *detail)
{
    bool cut = io->error == ERR_HANDSHAKE_CUT;
    struct explanation explanation;
    /* Who says nothing at all is mostly a balancer that looks whether we are there. */
    bool silent = cut && io->message == 1 && io->frame_len == 0;
    enum log_level level;

    refusals->last = io->error;
    explain_handshake(&explanation, io, io->error);
    level = level_of(refusals, explanation.error, silent ? LOG_MORE : LOG_NOTE);
    if (log_enabled(level) && is_shown(refusals, explanation.error, &io->peer))
        show_caller(refusals, level, io, name, &explanation, detail);
}

const char *refusals_say_limit(char out[static REFUSALS_LIMIT_SIZE], enum kith_error error,
                               size_t most, size_t of_peer)
{
    if (error != ERR_TOO_MANY && error != ERR_NO_PLACE && error != ERR_CROWDED)
        return NULL;
    (void)snprintf(out, REFUSALS_LIMIT_SIZE, "%zu at once are the most",
                   error == ERR_TOO_MANY ? of_peer : most);
    return out;
}

const char *refusals_say(char out[static REFUSALS_SAID_SIZE], const struct refusal *refusal,
                         const struct admission *admission)
{
    const char *limit = refusals_say_limit(out, refusal->error, refusal->most, refusal->of_peer);

    if (limit != NULL)
        return limit;
    return admission_say(out, admission, refusal->key, refusal->error, refusal->targets);
}

void refusals_add_unheard(struct refusals *refusals, const struct endpoint *from,
                          enum kith_error error, const char *detail)
{
    enum log_level level = level_of(refusals, error, LOG_NOTE);
    const struct log_subject subject = {
        .what = refusals->what, .which = from->text, .address = from->text};

    refusals->last = error;
    if (log_enabled(level) && is_shown(refusals, error, from))
        (void)log_peer_failure(level, &subject, error, detail, NULL);
}

void refusals_add_proven(struct refusals *refusals, const struct endpoint *from, const char *name,
                         const uint8_t key[static KEY_SIZE], const char *target,
                         enum kith_error error, const char *detail)
{
    enum log_level level = level_of(refusals, error, LOG_NOTE);
    char which[PEER_AT_SIZE];
    const struct log_subject subject = {.what = refusals->what,
                                        .which = which,
                                        .peer = name,
                                        .key = key,
                                        .address = from->text,
                                        .target = target};

    if (!log_enabled(level) || !is_shown(refusals, error, from))
        return;
    peer_format_at(which, name, key, from->text);
    (void)log_refusal(level, &subject, error, detail, NULL);
}

int64_t refusals_due_ms(struct refusals *refusals)
{
    int64_t due_ms;

    (void)pthread_mutex_lock(&refusals->lock);
    due_ms = refusals->counted == 0 ? NEVER_MS : refusals->since_ms + REFUSALS_PERIOD_MS;
    (void)pthread_mutex_unlock(&refusals->lock);
    return due_ms;
}

/* "a malformed handshake message (12), ...", as far as there is room. */
static void list_kinds(char *out, size_t size, const struct refusals *refusals)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t kind = 0; kind < ERR_COUNT && len < size; kind++) {
        size_t counted = refusals->kinds[kind].counted;

        if (counted > 0)
            len += (size_t)snprintf(out + len, size - len, "%s%s (%zu)", len > 0 ? ", " : "",
                                    kind_text((enum kith_error)kind), counted);
    }
}

/* Put it into words, and begin anew. Of a kind that goes on coming none is shown meanwhile. */
static void take_sum(char *why, size_t size, struct refusals *refusals, int64_t now_ms)
{
    char kinds[768], sources[64] = "local programs"; /* at a UNIX socket: they have no address */

    list_kinds(kinds, sizeof(kinds), refusals);
    if (refusals->source_count > 0)
        (void)snprintf(sources, sizeof(sources), "%s%zu address%s",
                       refusals->source_count == SOURCES_TOLD ? "at least " : "",
                       refusals->source_count, refusals->source_count == 1 ? "" : "es");
    (void)snprintf(why, size, "%zu more refused in %.1f s, from %s: %s", refusals->counted,
                   (double)(now_ms - refusals->since_ms) / 1e3, sources, kinds);
    for (size_t kind = 0; kind < ERR_COUNT; kind++) {
        if (refusals->kinds[kind].counted > 0)
            refusals->kinds[kind].since_ms = now_ms;
        refusals->kinds[kind].counted = 0;
    }
    refusals->counted = 0;
    refusals->source_count = 0;
    memset(refusals->sources, 0, sizeof(refusals->sources));
}

void refusals_sum_up(struct refusals *refusals, bool at_end)
{
    int64_t now_ms = clock_now_ms();
    char why[1024];
    bool due;

    (void)pthread_mutex_lock(&refusals->lock);
    due = refusals->counted > 0 && (at_end || now_ms - refusals->since_ms >= REFUSALS_PERIOD_MS);
    if (due)
        take_sum(why, sizeof(why), refusals, now_ms);
    (void)pthread_mutex_unlock(&refusals->lock);
    if (due)
        log_event(LOG_NOTE, refusals->what, refusals->which, why, NULL);
}
