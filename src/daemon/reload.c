/*
 * Owns a reload that is under way. Must never wait for a file or a helper but by the daemon's poll,
 * nor beyond its deadline.
 */
#include "daemon/reload.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"

#define FILES_MS 3000  /* for all files */
#define KEEPER_MS 5000 /* for the keeper to read them as well */

void reload_end(struct reload *reload)
{
    if (reload->state == RELOAD_READS)
        lookup_forget(&reload->reading);
    if (reload->state == RELOAD_ASKS)
        (void)close(reload->keeper_fd);
    for (size_t i = 0; i < reload->count; i++)
        file_text_wipe(&reload->texts[i]);
    reload->state = RELOAD_IDLE;
}

void reload_begin(struct reload *reload)
{
    reload_end(reload);
    reload->state = RELOAD_READS;
    reload->reading.fd = -1;
    reload->next = 0;
    reload->deadline_ms = clock_deadline_ms(FILES_MS);
}

int64_t reload_arm(struct reload *reload, struct poll_set *set)
{
    reload->at = POLL_SET_NONE;
    if (reload->state == RELOAD_IDLE)
        return NEVER_MS;
    if (reload->state == RELOAD_ASKS)
        reload->at = poll_set_add(set, reload->keeper_fd, POLLIN);
    else if (reload->reading.fd >= 0)
        reload->at = poll_set_add(set, reload->reading.fd, POLLIN);
    else if (reload->next < reload->count) /* for the next question */
        reload->at = poll_set_add(set, reload->lookup->line, POLLOUT);
    return reload->at == POLL_SET_NONE ? clock_now_ms() : reload->deadline_ms;
}

static enum reload_result fail_reading(struct reload *reload, const char *why)
{
    (void)log_failure(LOG_ERROR, "peers", reload->texts[reload->next].path, ERR_FILE_UNREADABLE,
                      why, NULL);
    reload_end(reload);
    return RELOAD_FAILED;
}

static enum reload_result fail_keeper(struct reload *reload, enum kith_error error, const char *why)
{
    (void)log_failure(LOG_ERROR, "keeper", "reading the peers again", error, why, NULL);
    reload_end(reload);
    return RELOAD_FAILED;
}

/* Ask for the next file. */
static enum reload_result read_next(struct reload *reload)
{
    struct file_text *text = &reload->texts[reload->next];

    if (reload->next == reload->count)
        return RELOAD_HAS_TEXTS;
    if (lookup_read(reload->lookup, reload->next, reload->deadline_ms, &reload->reading, text) ||
        descriptor_would_wait(errno))
        return RELOAD_GOES_ON;
    return fail_reading(reload, strerror(errno));
}

static enum reload_result step_reading(struct reload *reload)
{
    if (reload->reading.fd >= 0) {
        if (!lookup_has_read(&reload->reading))
            return RELOAD_GOES_ON;
        reload->next++;
    }
    return read_next(reload);
}

static enum reload_result step_keeper(struct reload *reload)
{
    enum kith_error error;

    if (!keeper_answers(reload->keeper_fd, &error, NULL))
        return RELOAD_GOES_ON;
    if (error != OK)
        return fail_keeper(reload, error, NULL);
    reload_end(reload);
    return RELOAD_DONE;
}

enum reload_result reload_step(struct reload *reload, const struct poll_set *set)
{
    if (reload->state == RELOAD_IDLE)
        return RELOAD_GOES_ON;
    if (reload->at == POLL_SET_NONE || poll_set_is_ready(set, reload->at))
        return reload->state == RELOAD_READS ? step_reading(reload) : step_keeper(reload);
    if (clock_now_ms() < reload->deadline_ms)
        return RELOAD_GOES_ON;
    if (reload->state == RELOAD_ASKS)
        return fail_keeper(reload, ERR_KEEPER, "not done in time");
    return fail_reading(reload, "not read in time");
}

bool reload_ask_keeper(struct reload *reload)
{
    reload->keeper_fd = keeper_ask_to_reload(reload->keeper);
    if (reload->keeper_fd >= 0) {
        reload->state = RELOAD_ASKS;
        reload->deadline_ms = clock_deadline_ms(KEEPER_MS); /* what we have read took its time */
        return true;
    }
    (void)fail_keeper(reload, ERR_KEEPER, strerror(errno));
    return false;
}
