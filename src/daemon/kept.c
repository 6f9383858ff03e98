/*
 * Owns the life of one kept channel. Must never take an answer for one to another question.
 */
#include "daemon/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define UNANSWERED_MS 1000 /* without a PONG, after which another is asked beside it */

struct kept *kept_make(struct transport *transport, struct session_keys *keys,
                       size_t max_message_size, enum side side, const uint8_t key[static KEY_SIZE])
{
    struct kept *kept = calloc(1, sizeof(*kept));

    if (kept == NULL || link_start(&kept->link, *transport, keys, max_message_size) != OK) {
        session_keys_wipe(keys);
        free(kept);
        return NULL;
    }
    *transport = TRANSPORT_NONE;
    link_keep(&kept->link, side);
    memcpy(kept->key, key, KEY_SIZE);
    kept->made_ms = clock_now_ms();
    kept->ends_ms = NEVER_MS;
    return kept;
}

enum kith_error kept_note_from(struct kept *kept, const struct endpoint *from)
{
    kept->from = malloc(sizeof(*from));
    if (kept->from == NULL)
        return ERR_MEMORY;
    *kept->from = *from;
    return OK;
}

void kept_count(struct kept *kept, _Atomic size_t *among)
{
    kept->among = among;
    (*among)++;
}

bool kept_say_close(struct kept *kept)
{
    const struct record close_record = {.type = RECORD_CLOSE};

    if (link_say(&kept->link, &close_record, 1) != OK)
        return false;
    transport_shut(&kept->link.transport);
    return true;
}

void kept_drop(struct kept *kept)
{
    struct transport transport;

    if (kept == NULL)
        return;
    transport = kept->link.transport;
    link_close(&kept->link);
    if (kept->among != NULL)
        (*kept->among)--;
    free(kept->from);
    free(kept);
    transport_close(&transport);
}

void kept_give_up(struct kept *kept)
{
    if (kept != NULL)
        (void)kept_say_close(kept);
    kept_drop(kept);
}

enum kith_error kept_ask(struct kept *kept, const char *target, bool pings)
{
    struct record records[] = {{.type = RECORD_PING}, {.type = RECORD_OPEN}};
    size_t first = pings && !kept->link.turn.pinged ? 0 : 1;

    memcpy(records[1].name, target, strlen(target) + 1);
    return link_say(&kept->link, records + first, 2 - first) == OK ? OK : ERR_LINK_LOST;
}

enum kith_error kept_begin(struct kept *kept)
{
    return link_begin(&kept->link);
}

static const enum kith_error refusals[] = {
    [REFUSED_TARGET] = ERR_REFUSED_TARGET,
    [REFUSED_UNREACHED] = ERR_REFUSED_UNREACHED,
    [REFUSED_ROOM] = ERR_REFUSED_ROOM,
};

enum record_reason kept_refusal(enum kith_error error)
{
    int reason = REFUSED_ROOM;

    while (reason > NOT_REFUSED && refusals[reason] != error)
        reason--;
    return (enum record_reason)reason;
}

static enum kith_error error_of(const struct record *record)
{
    if (record->type == RECORD_ACCEPT)
        return OK;
    return record->type == RECORD_REFUSE ? refusals[record->reason] : ERR_LINK_LOST;
}

enum kith_error kept_await_answer(struct kept *kept, int64_t deadline_ms)
{
    struct record record;
    enum kith_error error;
    bool heard;

    do
        error = link_await(&kept->link, &record, &heard, deadline_ms);
    while (error == OK && heard && record.type == RECORD_PONG);
    if (error != OK)
        return error;
    return heard ? error_of(&record) : ERR_NO_ANSWER;
}

bool kept_is_silent(const struct kept *kept, enum kith_error answer)
{
    return answer == ERR_NO_ANSWER && kept->link.turn.pinged;
}

int64_t kept_silent_ms(const struct kept *kept)
{
    return kept->pinged_ms + UNANSWERED_MS;
}
