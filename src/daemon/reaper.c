/*
 * Owns the reaping of children. Must never take one for a helper by a number that is another's by
 * now.
 */
#include "daemon/reaper.h"

#include <sys/types.h>
#include <sys/wait.h>

void reaper_watch(struct reaper *reaper, const struct helper *helper, const char *what,
                  enum kith_error error)
{
    if (helper != NULL)
        reaper->list[reaper->count++] = (struct watched){helper, what, error, false};
}

static struct watched *find(struct reaper *reaper, pid_t process)
{
    for (size_t i = 0; i < reaper->count; i++) {
        struct watched *watched = &reaper->list[i];

        if (!watched->is_over && watched->helper->process == process)
            return watched;
    }
    return NULL;
}

/* The first process of a container gets the orphans of others, too. */
const struct watched *reaper_reap(struct reaper *reaper)
{
    const struct watched *first = NULL;
    pid_t process;

    while ((process = waitpid(-1, NULL, WNOHANG)) > 0) {
        struct watched *watched = find(reaper, process);

        if (watched == NULL)
            continue;
        watched->is_over = true;
        first = first != NULL ? first : watched;
    }
    return first;
}
