/*
 * The buffers of a channel: whoever gets one finds nothing in it, whoever had it before.
 */
#include <string.h>

#include "stream/buffer.h"
#include "tap.h"

#define SIZE ((size_t)300 << 10)
#define LITTLE 5000 /* bytes written to one that another may take over */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Make one, check that it is empty, and have it hold len bytes of a secret. */
static bool make(struct buffer *buffer, size_t len)
{
    if (buffer_make(buffer, SIZE) != OK || buffer->size < SIZE || buffer->start != buffer->end ||
        !is_zero(buffer->bytes, buffer->size))
        return false;
    memset(buffer->bytes, 0x5a, len);
    buffer_extend(buffer, len);
    return true;
}

static void test_taken_over(size_t len)
{
    struct buffer buffers[3] = {{0}};

    for (size_t i = 0; i < 3; i++)
        CHECK(make(&buffers[i], len), "a new buffer, %zu bytes in it", len);
    for (size_t i = 0; i < 3; i++)
        buffer_free(&buffers[i]);
    CHECK(buffers[0].bytes == NULL, "freed");
    buffer_free(&buffers[0]);
    for (size_t i = 0; i < 3; i++)
        CHECK(make(&buffers[i], 1), "nothing is left in it of the %zu bytes", len);
    for (size_t i = 0; i < 3; i++)
        buffer_free(&buffers[i]);
}

/* What was read and consumed is a secret like what is held. */
static void test_consumed(void)
{
    struct buffer buffer = {0};

    CHECK(make(&buffer, LITTLE), "a buffer to consume");
    buffer.start = LITTLE - 3;
    buffer_compact(&buffer);
    CHECK(buffer.start == 0 && buffer.end == 3 && buffer.touched == LITTLE, "compacted");
    buffer_free(&buffer);
    CHECK(make(&buffer, 1), "nothing is left of what was consumed");
    buffer_free(&buffer);
}

static void test_rest(void)
{
    struct buffer buffer = {0};

    CHECK(make(&buffer, LITTLE), "a buffer that will rest");
    buffer_rest(&buffer);
    CHECK(buffer.end == LITTLE && buffer.bytes[LITTLE - 1] == 0x5a, "not while it holds something");
    buffer.start = buffer.end;
    buffer_rest(&buffer);
    CHECK(buffer.touched == 0 && is_zero(buffer.bytes, buffer.size), "and then it is empty");
    buffer.bytes[buffer.end] = 1;
    buffer_extend(&buffer, 1);
    CHECK(buffer.touched == LITTLE + 1, "it can be used again");
    buffer_free(&buffer);
}

int main(void)
{
    test_taken_over(LITTLE);
    test_taken_over(SIZE);
    test_consumed();
    test_rest();
    return tap_done();
}
