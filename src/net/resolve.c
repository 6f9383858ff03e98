/*
 * Owns the questions to the system's resolver. getaddrinfo takes as long as it likes and reads what
 * it likes: must never be asked for a name by a process on the network once that has begun.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

/* Ask the system; flags are further ones of getaddrinfo's. */
static void look_up(const struct address *address, int family, int flags, struct resolved *found)
{
    const struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | flags,
    };
    const char *host = address->host;
    struct addrinfo *list = NULL;

    memset(found, 0, sizeof(*found));
    found->result = getaddrinfo(host[0] == '\0' ? NULL : host, address->port, &hints, &list);
    found->system_errno = errno;
    if (found->result != 0)
        return;
    for (const struct addrinfo *at = list; at != NULL && found->count < RESOLVED_MAX;
         at = at->ai_next) {
        struct socket_address *next = &found->list[found->count];

        if (at->ai_addrlen > sizeof(next->at))
            continue;
        next->len = at->ai_addrlen;
        memcpy(&next->at, at->ai_addr, at->ai_addrlen);
        found->count++;
    }
    freeaddrinfo(list);
}

void resolve_name(const struct address *address, int family, struct resolved *found)
{
    look_up(address, family, 0, found);
}

bool resolve_number(const struct address *address, int family, struct resolved *found)
{
    look_up(address, family, AI_NUMERICHOST, found);
    return found->result != EAI_NONAME;
}

bool resolved_is_sound(const struct resolved *found)
{
    if (found->count > RESOLVED_MAX)
        return false;
    for (size_t i = 0; i < found->count; i++) {
        const struct socket_address *one = &found->list[i];
        int family = one->at.any.sa_family;

        if (!(family == AF_INET && one->len == sizeof(struct sockaddr_in)) &&
            !(family == AF_INET6 && one->len == sizeof(struct sockaddr_in6)))
            return false;
    }
    return true;
}

enum kith_error resolved_outcome(const struct resolved *found, const struct address *address,
                                 struct problem *problem)
{
    int result = found->result;

    if (result == 0 && found->count > 0)
        return OK;
    if (result == EAI_NONAME && strchr(address->host, ':') != NULL)
        (void)problem_say(problem, "no IPv6 address, or no such zone");
    else if (result == EAI_SYSTEM)
        (void)problem_say(problem, "%s", strerror(found->system_errno));
    else
        (void)problem_say(problem, "%s", gai_strerror(result != 0 ? result : EAI_NONAME));
    return result == EAI_MEMORY ? ERR_MEMORY : ERR_RESOLVE;
}

enum kith_error resolve(const struct address *address, int family, bool passive,
                        struct resolved *found, struct problem *problem)
{
    look_up(address, family, passive ? AI_PASSIVE : 0, found);
    return resolved_outcome(found, address, problem);
}
