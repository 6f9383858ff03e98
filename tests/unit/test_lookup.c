/*
 * The lookup's end: it leaves the line when nobody asks any longer, whether the line was closed or
 * only ended, and before and after it was asked.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "helpers/lookup.h"
#include "tap.h"

#define LIMIT_MS 20000

static struct helper start(void)
{
    struct helper lookup = HELPER_NONE;

    CHECK(lookup_start(&lookup, NULL, 0, NULL) == OK, "a lookup");
    return lookup;
}

/* It has ended, by itself. */
static void check_ended(const struct helper *lookup)
{
    int status = -1;

    CHECK(waitpid(lookup->process, &status, 0) == lookup->process && status == 0, "it ends");
}

static void check_leaves(const struct helper *lookup)
{
    struct pollfd wait = {.fd = lookup->line, .events = POLLIN};

    CHECK(shutdown(lookup->line, SHUT_WR) == 0, "nothing more is asked");
    CHECK(poll(&wait, 1, LIMIT_MS) == 1, "it leaves the line");
    (void)close(lookup->line);
    check_ended(lookup);
}

static void ask(const struct helper *lookup)
{
    struct address address = {.host = "localhost", .port = "1"};
    struct resolved found;
    struct problem problem;
    enum kith_error error =
        lookup_resolve(lookup, &address, AF_UNSPEC, clock_deadline_ms(LIMIT_MS), &found, &problem);

    CHECK(error == OK || error == ERR_RESOLVE, "it is asked: %d", error);
}

int main(void)
{
    struct helper lookup = start();

    check_leaves(&lookup);
    lookup = start();
    ask(&lookup);
    check_leaves(&lookup);
    lookup = start();
    (void)close(lookup.line);
    check_ended(&lookup);
    return tap_done();
}
