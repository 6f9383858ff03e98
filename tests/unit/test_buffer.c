/*
 * The buffers of a channel: whoever gets one finds nothing in it, whoever had it before.
 */
#include <string.h>

#include "stream/buffer.h"
#include "tap.h"

#define SIZE ((size_t)300 << 10)
#define MANY 33     /* one more than is kept */
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

/* More than are kept, and then one of another size than those that are. */
static void test_kept(void)
{
    struct buffer buffers[MANY] = {{0}}, other;
    const uint8_t *kept[MANY];
    bool same = false;

    for (size_t i = 0; i < MANY; i++) {
        CHECK(make(&buffers[i], 1), "one of many");
        kept[i] = buffers[i].bytes;
    }
    for (size_t i = 0; i < MANY; i++)
        buffer_free(&buffers[i]);
    CHECK(make(&buffers[0], 1), "there are as many as there is room for");
    buffer_free(&buffers[0]);
    CHECK(buffer_make(&other, 2 * SIZE) == OK, "one of another size");
    for (size_t i = 0; i < MANY - 1; i++) /* all but the last one, which went back */
        same = same || other.bytes == kept[i];
    CHECK(!same, "is none of them");
    buffer_free(&other);
}

/* What was read and consumed is a secret like what is held. */
static void test_consumed(void)
{
    struct buffer buffer = {0};

    CHECK(make(&buffer, LITTLE), "a buffer to consume");
    buffer.start = LITTLE - 3;
    buffer_extend(&buffer, 1);
    buffer_compact(&buffer);
    CHECK(buffer.start == 0 && buffer.end == 4 && buffer.touched == LITTLE + 1, "compacted");
    buffer_free(&buffer);
    CHECK(make(&buffer, 1), "nothing is left of what was consumed");
    buffer_free(&buffer);
}

static void test_give_back(void)
{
    struct buffer buffer = {0};

    CHECK(make(&buffer, LITTLE), "a buffer whose memory is given back");
    buffer_give_back(&buffer);
    CHECK(buffer.end == LITTLE && buffer.bytes[LITTLE - 1] == 0x5a, "not while it holds something");
    buffer.start = buffer.end;
    buffer_give_back(&buffer);
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
    test_kept();
    test_give_back();
    return tap_done();
}
