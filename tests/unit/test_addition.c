/*
 * Lines that are added to a peers file: what is there stays as it is, to the byte; nothing is
 * added twice; of many at once none is lost; and what cannot be done leaves no trace.
 */
#include "peers/addition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "folder.h"
#include "keys/key_file.h"
#include "peers/peers.h"
#include "peers/peers_file.h"
#include "tap.h"

#define AT_ONCE 12

static uint8_t own_key[KEY_SIZE];

/* The peer of a number, who has a key of its own. */
static struct addition peer(uint8_t number, const char *name)
{
    struct addition addition = {.name = ""};
    uint8_t seed[KEY_SIZE] = {number, 1};

    if (crypto_ed25519_public(addition.key, seed) != OK)
        printf("Bail out! no key\n");
    (void)snprintf(addition.name, NAME_SIZE, "%s", name);
    return addition;
}

static enum kith_error add(uint8_t number, const char *name, const char *path)
{
    const struct addition addition = peer(number, name);

    return addition_write(&addition, path, own_key);
}

static void put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0 &&
              close(fd) == 0,
          "a file is made");
}

static bool holds(const char *path, const char *before, uint8_t number, const char *name)
{
    const struct addition addition = peer(number, name);
    char line[ADDITION_LINE_SIZE], wanted[2000];
    struct key_file file;
    bool same;

    addition_format(line, &addition);
    (void)snprintf(wanted, sizeof(wanted), "%s%s", before, line);
    same =
        key_file_read(&file, path, 4000, KEY_FILE_PUBLIC) == OK && strcmp(file.text, wanted) == 0;
    key_file_wipe(&file);
    return same;
}

static void test_line(void)
{
    struct addition addition = peer(1, "bob");
    char line[ADDITION_LINE_SIZE], hex[KEY_HEX_SIZE], wanted[200];
    struct peers peers;
    struct problem problem;

    hex_encode(hex, addition.key, KEY_SIZE);
    CHECK(address_parse(&addition.address, "[2001:db8::1]:9000", ADDRESS_HOST_PORT, NULL), "v6");
    addition_format(line, &addition);
    (void)snprintf(wanted, sizeof(wanted), "addr=\"[2001:db8::1]:9000\" %s bob\n", hex);
    CHECK(strcmp(line, wanted) == 0, "%s", line);
    CHECK(peers_parse(&peers, line, strlen(line), NULL, &problem) == OK && peers.count == 1 &&
              strcmp(peers.list[0].address->host, "2001:db8::1") == 0,
          "it is read as it is meant");
    peers_free(&peers);
}

static void test_new(void)
{
    CHECK(add(1, "a", "new/folder/peers") == OK && holds("new/folder/peers", "", 1, "a"),
          "a file that was missing, and its folders");
    CHECK(mode_of("new/folder/peers") == 0600 && mode_of("new/folder") == 0700, "closed to others");
    CHECK(names_in("new/folder") == 1, "and nothing else");
    put("empty", "", 0600);
    CHECK(add(1, "a", "empty") == OK && holds("empty", "", 1, "a"), "an empty one");
}

static void test_kept(void)
{
    static const char *const texts[] = {"# a comment\n", "# no newline at its end",
                                        "\r\n# CRLF\r\n", "  # blanks  \n\n\n",
                                        "\xef\xbb\xbf# a mark\n"};
    char before[100];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put("kept", texts[i], 0640);
        (void)snprintf(before, sizeof(before), "%s%s", texts[i],
                       texts[i][strlen(texts[i]) - 1] == '\n' ? "" : "\n");
        CHECK(add(2, "b", "kept") == OK && holds("kept", before, 2, "b"), "%zu stays", i);
        CHECK(mode_of("kept") == 0640, "with its mode");
    }
}

static void test_owner(void)
{
    struct stat status;

    put("owned", "", 0600);
    if (chown("owned", 1, 2) != 0) {
        CHECK(true, "not root: # SKIP only root gives files away");
        return;
    }
    CHECK(add(1, "a", "owned") == OK && stat("owned", &status) == 0 && status.st_uid == 1 &&
              status.st_gid == 2,
          "the owner and the group stay");
}

static void test_twice(void)
{
    put("twice", "# x\n", 0600);
    CHECK(add(1, "a", "twice") == OK, "one is there");
    CHECK(add(1, "b", "twice") == ERR_PEER_KNOWN, "its key again");
    CHECK(add(2, "a", "twice") == ERR_NAME_TAKEN, "its name again");
    CHECK(holds("twice", "# x\n", 1, "a"), "nothing has changed");
    memcpy(own_key, peer(9, "").key, KEY_SIZE);
    CHECK(add(9, "c", "twice") == ERR_PEERS_LINE, "our own key");
    CHECK(add(9, "c", "absent") == ERR_PEERS_LINE && mode_of("absent") == 0, "in no file either");
    CHECK(add(3, "bad name", "twice") == ERR_PEERS_LINE, "what could not be read");
    CHECK(holds("twice", "# x\n", 1, "a"), "still nothing");
    put("broken", "what is this\n", 0600);
    CHECK(add(1, "a", "broken") == ERR_PEERS_LINE, "a file with a bad line");
}

static void test_links(void)
{
    struct stat status;

    CHECK(mkdir("far", 0700) == 0 && symlink("far/peers", "link") == 0, "a link");
    CHECK(add(1, "a", "link") == ERR_FILE_OTHER && mode_of("far/peers") == 0, "to nothing");
    put("far/peers", "# far\n", 0600);
    CHECK(add(1, "a", "link") == OK && holds("far/peers", "# far\n", 1, "a"), "to a file");
    CHECK(lstat("link", &status) == 0 && S_ISLNK(status.st_mode), "which stays a link");
}

static void test_refused(void)
{
    int fd;

    CHECK(add(1, "a", "far") == ERR_FILE_OTHER, "a folder");
    CHECK(mkfifo("fifo", 0600) == 0 && add(1, "a", "fifo") == ERR_FILE_OTHER, "a pipe");
    CHECK(add(1, "a", "-") == ERR_FILE_OTHER, "a descriptor");
    put("closed", "# x\n", 0400);
    CHECK(add(1, "a", "closed") == ERR_SYSTEM && errno == EACCES, "one that is read-only");
    put("exposed", "# x\n", 0602);
    CHECK(add(1, "a", "exposed") == ERR_FILE_WRITABLE, "one that all can write");
    put("locked", "# x\n", 0600);
    fd = open("locked", O_RDONLY);
    CHECK(flock(fd, LOCK_EX) == 0 && add(1, "a", "locked") == ERR_PEERS_LOCKED,
          "one that somebody holds: not for ever");
    CHECK(close(fd) == 0 && add(1, "a", "locked") == OK, "until it is let go");
}

/* Whether a process has this file open, as far as the system tells. */
static bool has_open(pid_t process, const char *name)
{
    char path[64], target[300];
    bool found = false;

    for (int fd = 3; fd < 20 && !found; fd++) {
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)process, fd);
        n = readlink(path, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        found = strstr(target, name) != NULL;
    }
    return found;
}

/* While it waits for the lock of one file, another that is locked as well takes its place. */
static void test_exchanged(void)
{
    int first, second, status = 0;
    pid_t process;

    put("old", "# x\n", 0600);
    put("fresh", "# y\n", 0600);
    CHECK(link("old", "held") == 0, "whose name tells who has it open"); /* the child has ours */
    first = open("held", O_RDONLY | O_CLOEXEC);
    second = open("fresh", O_RDONLY | O_CLOEXEC);
    CHECK(flock(first, LOCK_EX) == 0 && flock(second, LOCK_EX) == 0, "two files are locked");
    process = fork();
    if (process == 0) {
        (void)close(first);
        (void)close(second);
        _exit(add(1, "a", "old") == ERR_PEERS_LOCKED ? 0 : 1);
    }
    for (int tries = 0; tries < 100 && !has_open(process, "/old"); tries++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    CHECK(rename("fresh", "old") == 0 && close(first) == 0, "one takes the other's place");
    CHECK(waitpid(process, &status, 0) == process && status == 0,
          "and so is one that has taken the place of the one that was waited for");
    (void)close(second);
}

/* Many at once, of which each says whether it has added its line. */
static void test_at_once(const char *path)
{
    struct key_file file = {0};
    struct peers peers = {0};
    struct problem problem;
    int failed = 0;

    for (uint8_t i = 0; i < AT_ONCE; i++) {
        if (fork() == 0) {
            char name[20];

            (void)snprintf(name, sizeof(name), "peer%d", i);
            _exit(add((uint8_t)(20 + i), name, path) == OK ? 0 : 1);
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        int status;

        failed += wait(&status) < 0 || status != 0;
    }
    CHECK(failed == 0, "each has added its line to %s", path);
    CHECK(key_file_read(&file, path, 9000, KEY_FILE_TRUSTED) == OK &&
              peers_parse(&peers, file.text, file.len, NULL, &problem) == OK &&
              peers.count == AT_ONCE,
          "and none is lost");
    peers_free(&peers);
    key_file_wipe(&file);
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    char folder[128], command[200];

    (void)snprintf(folder, sizeof(folder), "%.90s/kith-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || crypto_start_keys() != OK) {
        printf("Bail out! no folder: %s\n", strerror(errno));
        return 1;
    }
    test_line();
    test_new();
    test_kept();
    test_owner();
    test_twice();
    test_links();
    test_refused();
    test_exchanged();
    CHECK(mkdir("crowd", 0700) == 0, "a folder");
    put("crowd/there", "# x\n", 0600);
    test_at_once("crowd/there");
    test_at_once("crowd/new");
    CHECK(names_in("crowd") == 2, "nothing else is left");
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK(chdir("/") == 0 && system(command) == 0, "all is removed"); /* NOLINT(cert-env33-c) */
    return tap_done();
}
