/*
 * Owns the confinement on systems other than Linux: OpenBSD's pledge and unveil, and the word
 * that there is none elsewhere. Must never stop a process that cannot be confined.
 */
#include "system/sandbox.h"

#if !defined(__linux__)

#include <unistd.h>

#include "base/log.h"

#ifdef __OpenBSD__

static const char *const promises[] = {
    [SANDBOX_KEEPER] = "stdio rpath sendfd",
    [SANDBOX_SCRIBE] = "stdio rpath wpath cpath fattr flock recvfd",
    [SANDBOX_LOOKUP] = "stdio rpath dns proc recvfd",
    [SANDBOX_FILER] = "stdio rpath cpath fattr",
    [SANDBOX_PIPE] = "stdio proc",
    [SANDBOX_LISTEN] = "stdio inet proc",
    [SANDBOX_DAEMON] = "stdio rpath cpath inet unix proc sendfd recvfd",
};

void sandbox_enter(enum sandbox_role role, const struct sandbox_needs *needs)
{
    for (size_t i = 0; needs->removes != NULL && needs->removes[i] != NULL; i++)
        (void)unveil(needs->removes[i], "c");
    if (pledge(promises[role], "") != 0)
        (void)log_failure(LOG_MORE, "sandbox", "pledge", ERR_SYSTEM, NULL, NULL);
}

#else

void sandbox_enter(enum sandbox_role role, const struct sandbox_needs *needs)
{
    (void)role;
    (void)needs;
    log_event(LOG_MORE, "sandbox", NULL, "this system has none that kith uses", NULL);
}

#endif
#endif
