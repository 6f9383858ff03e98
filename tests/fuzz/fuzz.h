/*
 * What the fuzzers share: what has to hold, and how an input is taken apart. An input that is used
 * up goes on as zeros, so that the empty one is the plain case.
 */
#ifndef KITH_FUZZ_H
#define KITH_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What does not hold has been found. */
#define demand(holds)                                                                              \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            printf("# %s:%d: this does not hold: %s\n", __FILE__, __LINE__, #holds);               \
            fflush(stdout);                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *at;
    size_t left;
};

/* The next bytes of an input; returns how many there were. */
static inline size_t take(struct input *input, void *out, size_t len)
{
    size_t taken = len < input->left ? len : input->left;

    memset(out, 0, len);
    if (taken > 0)
        memcpy(out, input->at, taken);
    input->at += taken;
    input->left -= taken;
    return taken;
}

static inline uint8_t take_byte(struct input *input)
{
    uint8_t byte;

    (void)take(input, &byte, 1);
    return byte;
}

static inline uint64_t take_u64(struct input *input)
{
    uint64_t value;

    (void)take(input, &value, sizeof(value));
    return value;
}

/*
 * Change up to size bytes as the input says: how many changes, then offsets and what to add there
 * by xor. Returns whether they are other bytes now.
 */
static inline bool change(struct input *input, uint8_t *bytes, size_t size)
{
    uint8_t before[UINT8_MAX + 1];
    size_t len = size < sizeof(before) ? size : sizeof(before);

    memcpy(before, bytes, len);
    for (size_t count = take_byte(input); count > 0 && input->left > 0; count--) {
        uint8_t offset = take_byte(input);

        if (offset < len)
            bytes[offset] ^= take_byte(input);
    }
    return memcmp(before, bytes, len) != 0;
}

#endif
