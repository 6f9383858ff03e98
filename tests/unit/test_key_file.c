/*
 * key_file: which files are read and which refused, and that writing is all or nothing. Real files
 * of every kind, in a folder of their own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keys/key_file.h"
#include "tap.h"

#define NOBODY 65534
#define TEXT "some key\n"

static char folder[128];

/* The path of a name in the folder, in one of a few buffers in turn. */
static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    char child[512];

    for (struct dirent *entry = NULL; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (unlink(child) != 0)
            remove_all(child);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static void make_file(const char *name, const char *text, size_t len, mode_t mode)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, mode) != 0) {
        printf("Bail out! cannot make %s: %s\n", name, strerror(errno));
        exit(1);
    }
    close(fd);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

/* Read a path and check the outcome; on success also that the text is TEXT. */
static void expect(enum kith_error wanted, const char *path, enum key_file_secrecy secrecy,
                   const char *what)
{
    struct key_file file;
    int before = open_descriptors();
    enum kith_error error = key_file_read(&file, path, 100, secrecy);

    CHECK(error == wanted, "%s: %s", what, error_text(error));
    if (error == OK && wanted == OK)
        CHECK(file.len == strlen(TEXT) && strcmp(file.text, TEXT) == 0, "%s: the text", what);
    else
        CHECK(file.text == NULL && file.len == 0, "%s: left empty", what);
    key_file_wipe(&file);
    key_file_wipe(&file);
    CHECK(open_descriptors() == before, "%s: no descriptor left open", what);
}

static void test_kinds(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    make_file("plain", TEXT, strlen(TEXT), 0644);
    make_file("nothing", "", 0, 0644);
    expect(OK, in_folder("plain"), KEY_FILE_PUBLIC, "a regular file");
    expect(ERR_FILE_EMPTY, in_folder("nothing"), KEY_FILE_PUBLIC, "an empty file");
    expect(ERR_FILE_MISSING, in_folder("absent"), KEY_FILE_PUBLIC, "a missing file");
    expect(ERR_FILE_MISSING, in_folder("plain/below"), KEY_FILE_PUBLIC, "below a file");
    expect(ERR_FILE_FOLDER, folder, KEY_FILE_PUBLIC, "a folder");
    expect(ERR_FILE_KIND, "/dev/null", KEY_FILE_PUBLIC, "a device");
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0, "made a FIFO");
    expect(ERR_FILE_KIND, in_folder("fifo"), KEY_FILE_SECRET, "a FIFO that nobody writes to");
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", in_folder("socket"));
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "made a socket");
    expect(ERR_FILE_KIND, in_folder("socket"), KEY_FILE_PUBLIC, "a socket");
    close(fd);
    CHECK(symlink("plain", in_folder("link")) == 0, "made a symbolic link");
    expect(OK, in_folder("link"), KEY_FILE_PUBLIC, "a symbolic link to a file");
    CHECK(symlink("loop", in_folder("loop")) == 0, "made a link to itself");
    expect(ERR_FILE_UNREADABLE, in_folder("loop"), KEY_FILE_PUBLIC, "a link to itself");
}

static void test_sizes(void)
{
    char text[102];
    struct key_file file;
    int pipe_ends[2];
    char path[32];

    memset(text, 'x', sizeof text);
    make_file("most", text, 100, 0600);
    make_file("more", text, 101, 0600);
    CHECK(key_file_read(&file, in_folder("most"), 100, KEY_FILE_SECRET) == OK && file.len == 100 &&
              file.text[100] == '\0',
          "as many bytes as are allowed");
    key_file_wipe(&file);
    expect(ERR_FILE_TOO_LARGE, in_folder("more"), KEY_FILE_SECRET, "a byte too many");
    if (pipe(pipe_ends) != 0 || write(pipe_ends[1], text, 101) != 101)
        CHECK(false, "a pipe");
    snprintf(path, sizeof path, "/dev/fd/%d", pipe_ends[0]);
    expect(ERR_FILE_TOO_LARGE, path, KEY_FILE_SECRET, "a byte too many in a pipe, still open");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void test_modes(void)
{
    static const struct {
        mode_t mode;
        enum kith_error wanted;
        bool group;
    } cases[] = {
        {0600, OK, false},
        {0400, OK, false},
        {0700, OK, false},
        {0640, OK, true},
        {0440, OK, true},
        {0660, ERR_FILE_EXPOSED, false},
        {0620, ERR_FILE_EXPOSED, false},
        {0604, ERR_FILE_EXPOSED, false},
        {0602, ERR_FILE_EXPOSED, false},
        {0601, ERR_FILE_EXPOSED, false},
        {0644, ERR_FILE_EXPOSED, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct key_file file;
        make_file("mode", TEXT, strlen(TEXT), cases[i].mode);
        enum kith_error error = key_file_read(&file, in_folder("mode"), 100, KEY_FILE_SECRET);
        CHECK(error == cases[i].wanted && file.group_readable == cases[i].group,
              "a secret of mode %04o: %s", (unsigned)cases[i].mode, error_text(error));
        key_file_wipe(&file);
        unlink(in_folder("mode"));
    }
    make_file("mode", TEXT, strlen(TEXT), 0666);
    expect(OK, in_folder("mode"), KEY_FILE_PUBLIC, "a public key that anyone may write");
}

static void test_owners(void)
{
    if (geteuid() != 0) {
        CHECK(true, "files of other users # SKIP only root can make them");
        return;
    }
    make_file("other", TEXT, strlen(TEXT), 0600);
    make_file("root", TEXT, strlen(TEXT), 0640);
    if (chown(in_folder("other"), NOBODY, NOBODY) != 0 ||
        chown(in_folder("root"), 0, NOBODY) != 0 || chmod(folder, 0755) != 0)
        CHECK(false, "changed owners");
    expect(ERR_FILE_OWNER, in_folder("other"), KEY_FILE_SECRET, "another user's secret");
    expect(OK, in_folder("other"), KEY_FILE_PUBLIC, "another user's public key");
    if (setegid(NOBODY) != 0 || seteuid(NOBODY) != 0)
        CHECK(false, "became another user");
    expect(OK, in_folder("other"), KEY_FILE_SECRET, "our own secret, not being root");
    expect(OK, in_folder("root"), KEY_FILE_SECRET, "root's secret, lent to our group");
    if (seteuid(0) != 0 || setegid(0) != 0)
        CHECK(false, "became root again");
    make_file("root", TEXT, strlen(TEXT), 0600);
    if (seteuid(NOBODY) != 0)
        CHECK(false, "became another user");
    expect(ERR_FILE_UNREADABLE, in_folder("root"), KEY_FILE_SECRET, "a file that we may not read");
    if (seteuid(0) != 0)
        CHECK(false, "became root again");
}

/* Write TEXT in two halves to fd from another process, not at once, and wait for nothing. */
static pid_t write_slowly(int fd, int unused)
{
    const struct timespec pause = {0, 30000000};
    pid_t child = fork();

    if (child != 0)
        return child;
    close(unused);
    nanosleep(&pause, NULL);
    if (write(fd, TEXT, 4) != 4)
        _exit(1);
    nanosleep(&pause, NULL);
    _exit(write(fd, &TEXT[4], strlen(TEXT) - 4) == (ssize_t)strlen(TEXT) - 4 ? 0 : 1);
}

/* A descriptor whose other end a slow process writes to, read under a name of it. */
static void expect_slow(int ends[2], const char *path, const char *what)
{
    int status = -1;
    pid_t child = write_slowly(ends[1], ends[0]);

    close(ends[1]);
    expect(OK, path, KEY_FILE_SECRET, what);
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "%s: all was written", what);
}

static void test_descriptors(void)
{
    int ends[2];
    char path[64];
    int saved = dup(STDIN_FILENO);

    if (pipe(ends) != 0 || fchmod(ends[0], 0666) != 0)
        CHECK(false, "a pipe");
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    expect_slow(ends, path, "a pipe that anyone may read");
    if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        CHECK(false, "a pipe");
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    expect_slow(ends, path, "a pipe that does not block");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        CHECK(false, "a socket pair");
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    expect_slow(ends, path, "a socket");
    if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0)
        CHECK(false, "a pipe");
    expect_slow(ends, "-", "stdin as -");
    make_file("stdin", TEXT, strlen(TEXT), 0600);
    ends[0] = open(in_folder("stdin"), O_RDONLY);
    dup2(ends[0], STDIN_FILENO);
    expect(OK, "/dev/stdin", KEY_FILE_SECRET, "stdin by its path, from a file");
    if (fchmod(STDIN_FILENO, 0644) != 0)
        CHECK(false, "changed the mode");
    expect(ERR_FILE_EXPOSED, "-", KEY_FILE_SECRET, "stdin from a file that others can read");
    close(ends[0]);
    ends[0] = open("/dev/null", O_RDONLY);
    dup2(ends[0], STDIN_FILENO);
    expect(ERR_FILE_EMPTY, "-", KEY_FILE_PUBLIC, "stdin from a device");
    expect(ERR_FILE_KIND, "-", KEY_FILE_SECRET, "a secret from a device");
    close(ends[0]);
    dup2(saved, STDIN_FILENO);
    close(saved);
    expect(ERR_FILE_MISSING, "/dev/fd/250", KEY_FILE_PUBLIC, "a descriptor that is not open");
    expect(ERR_FILE_MISSING, "/dev/fd/0x", KEY_FILE_PUBLIC, "what only looks like a descriptor");
}

int main(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.90s/kith-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL) {
        printf("Bail out! no folder: %s\n", strerror(errno));
        return 1;
    }
    alarm(60); /* what blocks is a failure, not a test that never ends */
    test_kinds();
    test_sizes();
    test_modes();
    test_owners();
    test_descriptors();
    remove_all(folder);
    return tap_done();
}
