/*
 * Owns the questions to the system's resolver. getaddrinfo takes as long as it likes and reads what
 * it likes, so that a process of its own calls it for each name, and one that hangs hangs alone.
 * Must never wait beyond the deadline.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "system/line.h"
#include "system/protect.h"

#define ADDRESSES_MAX 32 /* of one name that are of use */
#define LATE_MS 1000     /* after which who answers gives up, when who asked has */

/* An address, of which len bytes count. */
struct found {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in6 longest;
    } address;
};

struct answer {
    int result; /* of getaddrinfo */
    int system_errno;
    size_t count;
    struct found list[ADDRESSES_MAX];
};

/* What is given out: the list and its addresses are one piece of memory. */
struct entry {
    struct addrinfo info;
    struct found found;
};

static int helper = -1; /* the line to who answers, or none */

void resolve_by(int line)
{
    helper = line;
}

/* Ask the system; flags are further ones of getaddrinfo's. */
static void look_up(const struct resolve_question *question, int flags, struct answer *answer)
{
    const struct addrinfo hints = {
        .ai_family = question->family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | flags | (question->passive ? AI_PASSIVE : 0),
    };
    const char *host = question->address.host;
    struct addrinfo *list = NULL;

    memset(answer, 0, sizeof(*answer));
    answer->result =
        getaddrinfo(host[0] == '\0' ? NULL : host, question->address.port, &hints, &list);
    answer->system_errno = errno;
    if (answer->result != 0)
        return;
    for (const struct addrinfo *at = list; at != NULL && answer->count < ADDRESSES_MAX;
         at = at->ai_next) {
        struct found *found = &answer->list[answer->count];

        if (at->ai_addrlen > sizeof(found->address))
            continue;
        found->len = at->ai_addrlen;
        memcpy(&found->address, at->ai_addr, at->ai_addrlen);
        answer->count++;
    }
    freeaddrinfo(list);
}

/* Whether the other end of its pipe is still open. */
static bool is_awaited(int fd)
{
    struct pollfd pipe = {.fd = fd};

    return poll(&pipe, 1, 0) == 0;
}

void resolve_answer(struct resolve_question *question, int fd)
{
    struct answer answer;
    const char *at = (const char *)&answer;
    size_t left = sizeof(answer);

    if (!is_awaited(fd)) /* since it stood in the line for too long */
        return;
    /* Who asks may be in somebody else's hands. */
    question->address.host[HOST_SIZE - 1] = question->address.port[PORT_SIZE - 1] = '\0';
    if (question->left_ms != NEVER_MS)
        (void)alarm((unsigned)((question->left_ms + LATE_MS) / 1000 + 1));
    look_up(question, 0, &answer);
    while (left > 0) {
        ssize_t n = write(fd, at, left);

        if (n <= 0)
            break; /* nobody waits for it */
        at += n;
        left -= (size_t)n;
    }
    (void)alarm(0);
}

/* Wait until the descriptor is ready; false when the deadline comes first. */
static bool await(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = fd, .events = events};
    int ready;

    do {
        ready = poll(&wait, 1, clock_poll_timeout(deadline_ms));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Have the helper answer to a pipe. */
static enum kith_error ask_helper(const struct resolve_question *question, int answer_fd,
                                  int64_t deadline_ms)
{
    if (line_send(helper, question, sizeof(*question), answer_fd, deadline_ms))
        return OK;
    return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_CONNECT_TIMEOUT : ERR_SYSTEM;
}

/* Have a child of ours answer to it. It keeps nothing else open, our stdout least. */
static enum kith_error ask_child(struct resolve_question *question, int answer_fd, pid_t *child)
{
    *child = fork();
    if (*child != 0)
        return *child > 0 ? OK : ERR_PROCESS;
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        protect_vacate(standard);
    protect_close_all_but(&answer_fd, 1);
    resolve_answer(question, answer_fd);
    _exit(0);
}

/* Whether it is an answer: who gave it may be in somebody else's hands. */
static bool is_sound(const struct answer *answer)
{
    if (answer->count > ADDRESSES_MAX)
        return false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct found *found = &answer->list[i];
        int family = found->address.any.sa_family;

        if (!(family == AF_INET && found->len == sizeof(struct sockaddr_in)) &&
            !(family == AF_INET6 && found->len == sizeof(struct sockaddr_in6)))
            return false;
    }
    return true;
}

/* What comes out of the pipe by the deadline. ERR_SYSTEM: no answer. */
static enum kith_error receive(int fd, struct answer *answer, int64_t deadline_ms)
{
    size_t here = 0;

    while (here < sizeof(*answer)) {
        ssize_t n;

        if (!await(fd, POLLIN, deadline_ms))
            return ERR_CONNECT_TIMEOUT;
        n = read(fd, (char *)answer + here, sizeof(*answer) - here);
        if (n <= 0)
            return ERR_SYSTEM;
        here += (size_t)n;
    }
    return is_sound(answer) ? OK : ERR_SYSTEM;
}

/* Ask for a name. */
static enum kith_error ask(struct resolve_question *question, int64_t deadline_ms,
                           struct answer *answer)
{
    enum kith_error error;
    pid_t child = 0;
    int ends[2];

    if (!descriptor_pipe(ends))
        return ERR_SYSTEM;
    if (helper >= 0)
        error = ask_helper(question, ends[1], deadline_ms);
    else
        error = ask_child(question, ends[1], &child);
    (void)close(ends[1]);
    if (error == OK)
        error = receive(ends[0], answer, deadline_ms);
    (void)close(ends[0]);
    if (child > 0) {
        (void)kill(child, SIGKILL);
        /* One that has answered is at its end; another is not waited for. */
        (void)waitpid(child, NULL, error == OK ? 0 : WNOHANG);
    }
    return error;
}

static struct addrinfo *make_list(const struct answer *answer)
{
    struct entry *entries = calloc(answer->count, sizeof(*entries));

    for (size_t i = 0; entries != NULL && i < answer->count; i++) {
        struct entry *entry = &entries[i];

        entry->found = answer->list[i];
        entry->info = (struct addrinfo){
            .ai_family = entry->found.address.any.sa_family,
            .ai_socktype = SOCK_STREAM,
            .ai_addr = &entry->found.address.any,
            .ai_addrlen = entry->found.len,
            .ai_next = i + 1 < answer->count ? &entries[i + 1].info : NULL,
        };
    }
    return entries == NULL ? NULL : &entries[0].info;
}

void resolve_free(struct addrinfo *list)
{
    free(list); /* the first entry's first member */
}

enum kith_error resolve(const struct address *address, int family, bool passive,
                        int64_t deadline_ms, struct addrinfo **list, const char **why)
{
    struct resolve_question question = {
        .address = *address,
        .family = family,
        .passive = passive,
        .left_ms = NEVER_MS,
    };
    struct answer answer;
    enum kith_error error = OK;

    *list = NULL;
    if (deadline_ms != NEVER_MS)
        question.left_ms = clock_poll_timeout(deadline_ms);
    look_up(&question, AI_NUMERICHOST, &answer); /* a number needs nobody else */
    if (answer.result == EAI_NONAME)
        error = ask(&question, deadline_ms, &answer);
    if (error == ERR_SYSTEM) {
        *why = "nobody answers who resolves names; start kith again";
        return ERR_RESOLVE;
    }
    if (error != OK)
        return error;
    if (answer.result == EAI_NONAME && strchr(address->host, ':') != NULL) {
        *why = "no IPv6 address, or no such zone";
        return ERR_RESOLVE;
    }
    if (answer.result == 0 && answer.count > 0) {
        *list = make_list(&answer);
        return *list != NULL ? OK : ERR_MEMORY;
    }
    *why = answer.result == EAI_SYSTEM
               ? strerror(answer.system_errno)
               : gai_strerror(answer.result != 0 ? answer.result : EAI_NONAME);
    return answer.result == EAI_MEMORY ? ERR_MEMORY : ERR_RESOLVE;
}
