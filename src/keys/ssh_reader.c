/*
 * Owns the taking apart of SSH's encoding. It must never read past a length that it has not checked
 * against what is there.
 */
#include "keys/ssh_reader.h"

#include <string.h>

#include "base/bytes.h"

bool ssh_read_byte(struct ssh_reader *reader, uint8_t *value)
{
    if (reader->left < 1)
        return false;
    *value = reader->at[0];
    reader->at++;
    reader->left--;
    return true;
}

bool ssh_read_u32(struct ssh_reader *reader, uint32_t *value)
{
    if (reader->left < 4)
        return false;
    *value = load_u32be(reader->at);
    reader->at += 4;
    reader->left -= 4;
    return true;
}

bool ssh_read_string(struct ssh_reader *reader, struct ssh_reader *string)
{
    uint32_t len = 0;

    if (!ssh_read_u32(reader, &len) || len > reader->left)
        return false;
    *string = (struct ssh_reader){reader->at, len};
    reader->at += len;
    reader->left -= len;
    return true;
}

bool ssh_is_text(struct ssh_reader string, const char *text)
{
    return string.left == strlen(text) && memcmp(string.at, text, string.left) == 0;
}

bool ssh_is_bytes(struct ssh_reader string, const uint8_t *bytes, size_t len)
{
    return string.left == len && memcmp(string.at, bytes, len) == 0;
}
