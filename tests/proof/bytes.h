/* What the reader and writer of numbers in src/base/bytes.c promise, for Frama-C. */
#include "base/bytes.h"

/*@ logic integer u32be(uint8_t *in) = in[0] * 0x1000000 + in[1] * 0x10000 + in[2] * 0x100 + in[3];
*/

/*@ requires \valid(out + (0 .. 3));
    assigns out[0 .. 3];
    ensures u32be(out) == value;
*/
void store_u32be(uint8_t out[static 4], uint32_t value);

/*@ requires \valid_read(in + (0 .. 3));
    assigns \nothing;
    ensures \result == u32be(in);
*/
uint32_t load_u32be(const uint8_t in[static 4]);
