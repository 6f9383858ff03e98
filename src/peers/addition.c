/*
 * Owns the writing of peers files. Must never write over a name or a key that is there, change a
 * byte of what is, or leave a file that could not be read.
 */
#define _DEFAULT_SOURCE /* realpath */
#include "peers/addition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "keys/key_file.h"
#include "keys/new_file.h"
#include "peers/peers.h"
#include "peers/peers_file.h"
#include "system/lock.h"

#define NEW_MODE 0600
#define FILE_AGAIN_MS 20

/* What the file is, once nobody else adds to it. */
struct held {
    int fd; /* which the lock is on */
    struct stat status;
};

void addition_format(char line[static ADDITION_LINE_SIZE], const struct addition *addition)
{
    char hex[KEY_HEX_SIZE], at[ADDRESS_TEXT_SIZE];

    hex_encode(hex, addition->key, KEY_SIZE);
    if (addition->address.port[0] == '\0') {
        (void)snprintf(line, ADDITION_LINE_SIZE, "%s %s\n", hex, addition->name);
        return;
    }
    address_format(at, &addition->address);
    (void)snprintf(line, ADDITION_LINE_SIZE, "addr=\"%s\" %s %s\n", at, hex, addition->name);
}

/* Have the lock of an open file by the deadline. */
static enum kith_error lock(int fd, int64_t deadline_ms)
{
    if (lock_take(fd, deadline_ms))
        return OK;
    return errno == EWOULDBLOCK ? ERR_PEERS_LOCKED : ERR_SYSTEM;
}

/* Whether this file may be replaced; its owner who has taken the right away means it. */
static enum kith_error judge_file(const struct held *held)
{
    if (!S_ISREG(held->status.st_mode))
        return ERR_FILE_OTHER;
    if ((held->status.st_mode & S_IWUSR) != 0)
        return OK;
    errno = EACCES;
    return ERR_SYSTEM;
}

/* ERR_FILE_MISSING: there is none, or another one has taken its place while we waited. */
static enum kith_error hold_file(struct held *held, const char *path, int64_t deadline_ms)
{
    struct stat now;
    enum kith_error error;

    held->fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (held->fd < 0 && errno == EISDIR)
        return ERR_FILE_OTHER;
    if (held->fd < 0)
        return errno == ENOENT ? ERR_FILE_MISSING : ERR_SYSTEM;
    error = lock(held->fd, deadline_ms);
    if (error == OK && (fstat(held->fd, &held->status) != 0 || stat(path, &now) != 0))
        error = errno == ENOENT ? ERR_FILE_MISSING : ERR_SYSTEM;
    if (error == OK && (now.st_dev != held->status.st_dev || now.st_ino != held->status.st_ino))
        error = ERR_FILE_MISSING;
    return error == OK ? judge_file(held) : error;
}

/* What there is, and the lines after it, which begin with a line of their own. */
static char *compose(struct text before, struct text lines)
{
    bool open_end = before.len > 0 && before.at[before.len - 1] != '\n';
    size_t size = before.len + lines.len + 2;
    char *text = malloc(size);

    if (text == NULL)
        return NULL;
    memcpy(text, before.at, before.len);
    (void)snprintf(text + before.len, size - before.len, "%s%s", open_end ? "\n" : "", lines.at);
    return text;
}

/* Whether none of them is there already, by key or name. */
static enum kith_error compare(const struct peers *there, const struct peers *added)
{
    for (size_t i = 0; i < added->count; i++) {
        if (peers_find_key(there, added->list[i].key) != NULL)
            return ERR_PEER_KNOWN;
        if (peers_find_name(there, added->list[i].name) != NULL)
            return ERR_NAME_TAKEN;
    }
    return OK;
}

static enum kith_error parse(struct peers *peers, struct text text, const uint8_t *own_key)
{
    const struct peers_reader reader = {.own_key = own_key};
    struct problem problem;

    return peers_parse(peers, text.at, text.len, &reader, &problem);
}

/* Whether what is there can be added to, and then is in order. */
static enum kith_error check(struct text before, struct text lines, struct text text,
                             const uint8_t *own_key)
{
    struct peers there = {0}, added = {0}, after = {0};
    enum kith_error error = parse(&there, before, own_key);

    if (error == OK)
        error = parse(&added, lines, own_key);
    if (error == OK)
        error = compare(&there, &added);
    if (error == OK && text.len > PEERS_FILE_MAX)
        error = ERR_FILE_TOO_LARGE;
    if (error == OK)
        error = parse(&after, text, own_key);
    if (error == OK && after.count != there.count + added.count)
        error = ERR_PEERS_LINE;
    peers_free(&there);
    peers_free(&added);
    peers_free(&after);
    return error;
}

/* Put what is there and the lines in the place of the file that is held. */
static enum kith_error replace(const struct held *held, const char *path, struct text lines,
                               const uint8_t *own_key)
{
    struct rights rights;
    struct key_file file = {0};
    struct text before = {"", 0};
    char *text = NULL;
    size_t failed;
    enum kith_error error = key_file_read(&file, path, PEERS_FILE_MAX, KEY_FILE_TRUSTED);

    if (error == OK)
        before = (struct text){file.text, file.len};
    if (error == ERR_FILE_EMPTY)
        error = OK;
    if (error == OK && (text = compose(before, lines)) == NULL)
        error = ERR_MEMORY;
    if (error == OK)
        error = check(before, lines, (struct text){text, before.len + strlen(text + before.len)},
                      own_key);
    rights_look(&rights, path, &held->status);
    if (error == OK)
        error =
            new_files_write(&(struct new_file){path, text, NEW_MODE, &rights}, 1, true, &failed);
    free(text);
    key_file_wipe(&file);
    return error;
}

static enum kith_error add_to(const char *path, struct text lines, const uint8_t *own_key,
                              int64_t deadline_ms)
{
    struct held held = {.fd = -1};
    enum kith_error error = hold_file(&held, path, deadline_ms);
    int saved_errno;

    if (error == OK)
        error = replace(&held, path, lines, own_key);
    saved_errno = errno;
    if (held.fd >= 0)
        (void)close(held.fd); /* and the lock with it */
    errno = saved_errno;
    return error;
}

/* ERR_FILE_EXISTS: somebody was faster. */
static enum kith_error make(const char *path, struct text lines, const uint8_t *own_key)
{
    size_t failed;
    enum kith_error error = check((struct text){"", 0}, lines, lines, own_key);

    if (error != OK)
        return error;
    return new_files_write(&(struct new_file){path, lines.at, NEW_MODE, NULL}, 1, false, &failed);
}

bool addition_is_missing(const char *path)
{
    struct stat status;

    return lstat(path, &status) != 0 && errno == ENOENT;
}

enum kith_error addition_write_lines(const char *lines, const char *path, const uint8_t *own_key)
{
    const struct text added = {lines, strlen(lines)};
    int64_t deadline_ms = clock_deadline_ms(LOCK_MS);
    bool again = true;
    enum kith_error error = OK;

    if (key_file_find_descriptor(path) >= 0)
        return ERR_FILE_OTHER;
    while (again) {
        bool missing = addition_is_missing(path);
        char *real = missing ? NULL : realpath(path, NULL);

        if (missing)
            error = make(path, added, own_key);
        else if (real != NULL)
            error = add_to(real, added, own_key, deadline_ms);
        else
            error = errno == ENOENT ? ERR_FILE_OTHER : ERR_SYSTEM;
        free(real);
        again =
            (error == ERR_FILE_EXISTS || error == ERR_FILE_MISSING) && clock_now_ms() < deadline_ms;
        if (again)
            clock_sleep_ms(FILE_AGAIN_MS);
    }
    return error;
}

enum kith_error addition_write(const struct addition *addition, const char *path,
                               const uint8_t own_key[static KEY_SIZE])
{
    char line[ADDITION_LINE_SIZE];

    addition_format(line, addition);
    return addition_write_lines(line, path, own_key);
}
