/*
 * Owns the set of peers that is in force. Must never judge by one that was replaced.
 */
#include "peers/admission.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum kith_error admission_check(struct admission *admission, const uint8_t key[static KEY_SIZE],
                                const struct endpoint *from, const struct targets *targets,
                                struct admitted *admitted)
{
    const struct peer *peer;
    enum kith_error error = ERR_PEER_UNKNOWN;

    (void)pthread_mutex_lock(&admission->lock);
    peer = peers_find_key(&admission->set, key);
    if (peer != NULL)
        error =
            peer_may_call(peer, (const struct sockaddr *)&from->address, targets, clock_wall_ms());
    if (error == OK) {
        memcpy(admitted->name, peer->name, NAME_SIZE);
        admitted->mark = peer->mark;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    return error;
}

enum kith_error admission_check_again(struct admission *admission,
                                      const uint8_t key[static KEY_SIZE],
                                      const struct endpoint *from, const struct targets *targets,
                                      const struct namespace_mark *mark, struct admitted *admitted)
{
    enum kith_error error = admission_check(admission, key, from, targets, admitted);

    if (error == OK && !namespace_mark_equals(&admitted->mark, mark))
        return ERR_OTHER_NAMESPACE;
    return error == ERR_PEER_UNKNOWN ? ERR_REMOVED : error;
}

const char *admission_name(const struct admission *admission, const uint8_t key[static KEY_SIZE])
{
    const struct peer *peer = peers_find_key(&admission->set, key);

    return peer != NULL ? peer->name : "";
}

const char *admission_say(char out[static ADMISSION_SAID_SIZE], const struct admission *admission,
                          const uint8_t key[static KEY_SIZE], enum kith_error error,
                          const struct targets *targets)
{
    const struct peer *peer = peers_find_key(&admission->set, key);
    char when[CLOCK_UTC_SIZE];

    if (error == ERR_PEER_EXPIRED && peer != NULL) {
        clock_format_utc(when, peer->expires_ms);
        (void)snprintf(out, ADMISSION_SAID_SIZE, "on %.19sZ", when);
        return out;
    }
    if (error != ERR_PEER_TARGET || targets == NULL || targets->count == 0)
        return NULL;
    target_format(out, targets->list, targets->list->name[0] != '\0' ? NULL : targets->list->text);
    return out;
}

size_t admission_count(const struct admission *admission)
{
    size_t count = 0;

    for (size_t i = 0; i < admission->set.count; i++)
        count += clock_wall_ms() < admission->set.list[i].expires_ms;
    return count;
}

const struct secret_namespace *admission_namespace(const struct admission *admission,
                                                   const uint8_t key[static KEY_SIZE])
{
    const struct peer *peer = peers_find_key(&admission->set, key);

    return peer != NULL ? peer->namespace : NULL;
}

void admission_replace(struct admission *admission, struct peers *fresh)
{
    struct peers before = admission->set;

    (void)pthread_mutex_lock(&admission->lock);
    admission->set = *fresh;
    (void)pthread_mutex_unlock(&admission->lock);
    *fresh = (struct peers){0};
    peers_free(&before);
}

void admission_end(struct admission *admission)
{
    peers_free(&admission->set);
}
