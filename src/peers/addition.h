/*
 * Adding a peer's line to the peers file: the whole file is there at every moment, with the line or
 * without it, and of two that are added at once neither is lost.
 */
#ifndef KITH_ADDITION_H
#define KITH_ADDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/public_key.h"
#include "net/address.h"

struct addition {
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    struct address address; /* of a HOST and PORT to call it at; or all empty */
};

/* Room for a line: addr="HOST:PORT", the key, the name, a newline and the NUL. */
#define ADDITION_LINE_SIZE (7 + ADDRESS_TEXT_SIZE + 1 + KEY_HEX_SIZE + NAME_SIZE + 2)

/* Its line, with the newline. */
void addition_format(char line[static ADDITION_LINE_SIZE], const struct addition *addition);

/* Whether there is no peers file, which is made then; a link that leads to nothing is one. */
bool addition_is_missing(const char *path);

/*
 * Add lines, each with its newline, to the peers file at path, after what is there: all or none.
 * own_key (or NULL) may not be among them. The file is read with all its checks; what replaces it
 * has its mode and owner, and its access list. A symbolic link stays, and the file that it leads to
 * is replaced. A file that is missing is made (0600), with the folders above it (0700). The errors
 * of key_file_read and peers_parse for what is there, and of the latter for the lines;
 * ERR_PEER_KNOWN, ERR_NAME_TAKEN, ERR_PEERS_LOCKED, ERR_FILE_TOO_LARGE; ERR_FILE_OTHER for what is
 * no regular file; ERR_SYSTEM with errno, EACCES for a file that its owner may not write. Then
 * nothing has changed. Waits for others that add to the file, for seconds at most.
 */
must_check enum kith_error addition_write_lines(const char *lines, const char *path,
                                                const uint8_t *own_key);

/* The same with the line of one. */
must_check enum kith_error addition_write(const struct addition *addition, const char *path,
                                          const uint8_t own_key[static KEY_SIZE]);

#endif
