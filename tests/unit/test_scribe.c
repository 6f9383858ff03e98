/*
 * The scribe, asked as by a process that may be in somebody else's hands: it adds a good line to
 * its file, says why it adds none, and ends at what no honest one asks.
 */
#include "helpers/scribe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "tap.h"

static char folder[] = "/tmp/kith-scribe-XXXXXX";
static char path[64];

static struct addition peer(const char *name, uint8_t number)
{
    struct addition addition = {.name = ""};
    const uint8_t seed[KEY_SIZE] = {number};

    if (crypto_ed25519_public(addition.key, seed) != OK)
        exit(1);
    memcpy(addition.name, name, strlen(name));
    return addition;
}

/* The size of the file, or 0. */
static size_t size(void)
{
    struct stat status;

    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

static struct helper start(const char *of)
{
    const struct addition own = peer("", 1);
    struct helper scribe;

    if (scribe_start(&scribe, of, own.key) != OK)
        exit(1);
    return scribe;
}

static void test_good(void)
{
    struct helper scribe = start(path);
    struct addition addition = peer("bob", 2);

    CHECK(scribe_add(&scribe, &addition) == OK && size() == KEY_HEX_SIZE + strlen("bob\n"),
          "a line");
    CHECK(scribe_add(&scribe, &addition) == ERR_PEER_KNOWN, "is added once");
    addition = peer("me", 1);
    CHECK(scribe_add(&scribe, &addition) == ERR_PEERS_LINE, "our own key is none");
    addition = peer("a b", 3);
    CHECK(scribe_add(&scribe, &addition) == ERR_PEERS_LINE, "nor is a name with a blank");
    helper_stop(&scribe);
}

static void test_reason(void)
{
    struct helper scribe = start("/proc/nowhere/peers");
    const struct addition addition = peer("bob", 2);

    errno = 0;
    CHECK(scribe_add(&scribe, &addition) == ERR_SYSTEM && errno == ENOENT,
          "why there can be no such file is said");
    helper_stop(&scribe);
}

/* What no text has an end for, or more than a line can say. */
static void test_unsound(struct addition addition, const char *what)
{
    struct helper scribe = start(path);
    size_t before = size();

    CHECK(scribe_add(&scribe, &addition) == ERR_SYSTEM && errno == EPIPE && size() == before,
          "%s: no line, and it is gone", what);
    addition = peer("carol", 4);
    CHECK(scribe_add(&scribe, &addition) == ERR_SYSTEM && size() == before, "and the scribe's end");
    helper_stop(&scribe);
}

int main(void)
{
    struct addition addition;

    if (crypto_start() != OK || mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/peers", folder);
    test_good();
    test_reason();
    addition = peer("bob", 3);
    memset(addition.name, 'n', sizeof(addition.name));
    test_unsound(addition, "a name without an end");
    addition = peer("bob", 3);
    memset(addition.address.host, 'h', sizeof(addition.address.host));
    test_unsound(addition, "a host without one");
    addition = peer("bob", 3);
    memset(addition.address.port, '1', sizeof(addition.address.port));
    test_unsound(addition, "a port without one");
    addition = peer("bob", 3);
    addition.address.path[0] = '/';
    test_unsound(addition, "a path");
    CHECK(unlink(path) == 0 && rmdir(folder) == 0, "nothing else is left");
    return tap_done();
}
