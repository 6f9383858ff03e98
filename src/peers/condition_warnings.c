/*
 * Owns what is said of conditions that cannot hold. Must never judge by them, which is for
 * peers/peer: what is in vain here may be another daemon's.
 */
#include "peers/condition_warnings.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"

#define SHOWN_MAX 5

/* A walk through the peers, who are sorted by key, and what it has warned of. */
struct walk {
    const struct directory *directory;
    const struct targets *targets;
    size_t found;
};

/* Where it stands that a peer may call: its line of the peers file, or the peer if it has none. */
static void locate(char *out, size_t size, const struct walk *walk, const struct peer *peer)
{
    const struct problem at = {.line = peer->line};

    const struct peer *known =
        walk->directory->read ? peers_find_key(&walk->directory->file, peer->key) : NULL;

    if (known != NULL && known->line == peer->line) {
        problem_locate(out, size, walk->directory->peers_path, &at);
        return;
    }
    peer_format(out, peer->name, peer->key);
}

static void log_warning(struct walk *walk, const struct peer *peer, const char *why,
                        const char *hint)
{
    char where[FILE_PATH_SIZE + PEER_TEXT_SIZE];

    if (walk->found++ >= SHOWN_MAX)
        return;
    locate(where, sizeof(where), walk, peer);
    log_event(LOG_NOTE, "peers", where, why, hint);
}

static void warn_of_expiry(struct walk *walk, const struct peer *peer)
{
    char when[CLOCK_UTC_SIZE], why[96 + NAME_SIZE];

    if (clock_wall_ms() < peer->expires_ms)
        return;
    clock_format_utc(when, peer->expires_ms);
    (void)snprintf(why, sizeof(why), "warning: %s has expired, on %.19sZ: it may not call",
                   peer->name[0] != '\0' ? peer->name : "this key", when);
    log_warning(walk, peer, why, "see its expiry-time=, or take the line out");
}

/* What could have been meant, as far as there is room. */
static void list_targets(char *out, size_t size, const struct targets *targets)
{
    size_t len = 0;

    for (size_t i = 0; i < targets->count && len < size; i++) {
        const struct target *target = &targets->list[i];

        len += (size_t)snprintf(out + len, size - len, "%s%.100s", i > 0 ? ", " : "",
                                target->name[0] != '\0' ? target->name : target->text);
    }
}

static void warn_of_targets(struct walk *walk, const struct peer *peer)
{
    char why[160 + NAME_SIZE], hint[400], here[300];
    const char *text;

    for (size_t at = 0; (text = target_list_next(&peer->targets, &at)) != NULL;) {
        if (target_is_among(text, walk->targets))
            continue;
        (void)snprintf(why, sizeof(why),
                       "warning: %s: permit-target has \"%.*s\", which is no target here",
                       peer->name[0] != '\0' ? peer->name : "this key", PROBLEM_SHOWN_MAX, text);
        list_targets(here, sizeof(here), walk->targets);
        (void)snprintf(hint, sizeof(hint), "here there is: %s", here);
        log_warning(walk, peer, why, hint);
    }
}

void condition_warnings_log(const struct directory *directory, const struct peers *peers,
                            const struct targets *targets)
{
    struct walk walk = {directory, targets, 0};
    char more[64];

    for (size_t i = 0; i < peers->count; i++) {
        warn_of_expiry(&walk, &peers->list[i]);
        if (targets != NULL)
            warn_of_targets(&walk, &peers->list[i]);
    }
    if (walk.found <= SHOWN_MAX)
        return;
    (void)snprintf(more, sizeof(more), "warning: %zu more of that kind", walk.found - SHOWN_MAX);
    log_event(LOG_NOTE, "peers", directory->peers_path, more, NULL);
}
