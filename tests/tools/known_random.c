/*
 * Random numbers that a test knows: the Nth that a process asks for follow from N and from
 * KITH_RANDOM_SEED (known_random in session.py says the same). They are made byte by byte, so that
 * none of this leaves a copy of them.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

int getentropy(void *out, size_t len)
{
    static atomic_uint_fast64_t asked;
    const char *seed = getenv("KITH_RANDOM_SEED");
    uint64_t begin = (seed != NULL ? strtoull(seed, NULL, 10) : 0) << 32;

    begin += atomic_fetch_add(&asked, 1) << 16;
    for (size_t i = 0; i < len; i++)
        ((volatile uint8_t *)out)[i] = (uint8_t)mixed(begin + i);
    return 0;
}
