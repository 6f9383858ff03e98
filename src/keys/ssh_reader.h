/*
 * What is left to read of SSH's encoding (RFC 4251): numbers, and strings after their length.
 */
#ifndef KITH_SSH_READER_H
#define KITH_SSH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssh_reader {
    const uint8_t *at;
    size_t left;
};

/* Take the next one off. False if it is not there whole: then nothing is taken of what it holds. */
bool ssh_read_byte(struct ssh_reader *reader, uint8_t *value);
bool ssh_read_u32(struct ssh_reader *reader, uint32_t *value);
bool ssh_read_string(struct ssh_reader *reader, struct ssh_reader *string);

/* Whether a string is these. */
bool ssh_is_text(struct ssh_reader string, const char *text);
bool ssh_is_bytes(struct ssh_reader string, const uint8_t *bytes, size_t len);

#endif
