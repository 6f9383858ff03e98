/*
 * What src/protocol/wire.c promises, for Frama-C (tests/proof/run), for inputs of any length. Loops
 * have their invariants where they stand; here are the words for those, and the contracts. Of a
 * varint everything is proved, of an Info and a Hello that nothing is read or written outside of
 * what is given, and the sizes. That each field is the right one, the unit tests show.
 */
#include "protocol/wire.h"

#include "bytes.h"

/*@ // v * 128^i, spelt out, as far as a varint goes: so the provers only see linear arithmetic.
    logic integer group(integer v, integer i) =
        i == 0 ? v : i == 1 ? v * 0x80 : i == 2 ? v * 0x4000 : i == 3 ? v * 0x200000 :
        i == 4 ? v * 0x10000000 : i == 5 ? v * 0x800000000 : i == 6 ? v * 0x40000000000 :
        i == 7 ? v * 0x2000000000000 : i == 8 ? v * 0x100000000000000 :
        i == 9 ? v * 0x8000000000000000 : v * 0x400000000000000000;

    // What is left of 64 bits after i groups of seven: 2^(64 - 7i).
    logic integer varint_room(integer i) =
        i == 0 ? 0x10000000000000000 : i == 1 ? 0x200000000000000 : i == 2 ? 0x4000000000000 :
        i == 3 ? 0x80000000000 : i == 4 ? 0x1000000000 : i == 5 ? 0x20000000 :
        i == 6 ? 0x400000 : i == 7 ? 0x8000 : i == 8 ? 0x100 : i == 9 ? 2 : 1;

    // The number in n bytes, at most ten, the least significant group first.
    logic integer group_at(uint8_t *in, integer n, integer i) =
        i < n ? group(in[i] % 128, i) : 0;
    logic integer varint_value(uint8_t *in, integer n) =
        group_at(in, n, 0) + group_at(in, n, 1) + group_at(in, n, 2) + group_at(in, n, 3) +
        group_at(in, n, 4) + group_at(in, n, 5) + group_at(in, n, 6) + group_at(in, n, 7) +
        group_at(in, n, 8) + group_at(in, n, 9);

    lemma group_step: \forall integer v, r, d, i, j;
        0 <= i < 10 && j == i + 1 && v == 128 * r + d ==> group(v, i) == group(r, j) + group(d, i);
    lemma room_step: \forall integer i, j;
        0 <= i < 9 && j == i + 1 ==> varint_room(i) == 128 * varint_room(j);
    lemma value_step: \forall uint8_t *in, integer n, m;
        0 <= n < 10 && m == n + 1 ==>
        varint_value(in, m) == varint_value(in, n) + group(in[n] % 128, n);
    lemma value_same{K, L}: \forall uint8_t *in, integer n; 0 <= n <= 10 ==>
        (\forall integer i; 0 <= i < n ==> \at(in[i], K) == \at(in[i], L)) ==>
        varint_value{K}(in, n) == varint_value{L}(in, n);

    predicate all_continue(uint8_t *in, integer n) =
        \forall integer i; 0 <= i < n ==> in[i] >= 128;

    // n bytes are a varint in its only valid form.
    predicate is_varint(uint8_t *in, integer n) =
        1 <= n <= 10 && all_continue(in, n - 1) && in[n - 1] < 128 &&
        (n > 1 ==> in[n - 1] != 0) && (n == 10 ==> in[9] <= 1);
*/

/*@ requires \valid(out + (0 .. 9));
    assigns out[0 .. 9];
    ensures is_varint(out, \result) && varint_value(out, \result) == value;
*/
size_t wire_put_varint(uint8_t out[static VARINT_MAX], uint64_t value);

/*@ requires \valid_read(in + (0 .. len - 1)) && \valid(value);
    requires \separated(value, in + (0 .. len - 1));
    assigns *value;
    ensures \result > 0 ==>
        \result <= len && is_varint(in, \result) && *value == varint_value(in, \result);
    ensures \result == 0 ==> \forall integer n; 0 <= n <= len ==> !is_varint(in, n);
    ensures \result == 0 ==> *value == \old(*value);
*/
size_t wire_get_varint(const uint8_t *in, size_t len, uint64_t *value);

/*@ predicate same{L}(uint8_t *a, uint8_t *b, integer len) =
        \forall integer i; 0 <= i < len ==> a[i] == b[i];

    // The bytes that an Info takes: two keys, a varint of 1 to 10, the option, the tag if it is there.
    predicate is_info_size(struct info *info, integer len) =
        66 + (info->has_tag ? 32 : 0) <= len <= 75 + (info->has_tag ? 32 : 0);
*/

/*@ requires \valid(out + (0 .. INFO_MAX - 1)) && \valid_read(info);
    requires \separated(out + (0 .. INFO_MAX - 1), info);
    assigns out[0 .. INFO_MAX - 1];
    ensures \result <= INFO_MAX && is_info_size(info, \result);
*/
size_t wire_put_info(uint8_t out[static INFO_MAX], const struct info *info);

/*@ requires \valid_read(in + (0 .. len - 1)) && \valid(info);
    requires \separated(info, in + (0 .. len - 1));
    assigns *info;
    ensures \result ==> is_info_size(info, len);
*/
bool wire_get_info(struct info *info, const uint8_t *in, size_t len);

/*@ requires \valid_read(in + (0 .. len - 1));
    requires \valid(hello) && \valid(info_len) && \valid(hello_len);
    requires \separated(hello, info_len, hello_len, in + (0 .. len - 1));
    assigns *hello, *info_len, *hello_len;
    ensures \result == OK || \result == ERR_HELLO_MALFORMED;
    ensures \result == OK ==>
        *hello_len == *info_len + KEY_SIZE + SIGNATURE_SIZE && *hello_len <= len;
    ensures \result == OK ==> is_info_size(&hello->info, *info_len);
    ensures \result == OK ==> *hello_len <= HELLO_MAX;
*/
enum kith_error wire_get_hello(struct hello *hello, size_t *info_len, size_t *hello_len,
                               const uint8_t *in, size_t len);

/*@ requires \valid_read(header + (0 .. 3)) && \valid(len);
    requires \separated(len, header + (0 .. 3));
    assigns *len;
    ensures \result == OK <==> 1 <= u32be(header) <= limit;
    ensures *len == (\result == OK ? u32be(header) : \old(*len));
*/
enum kith_error wire_frame_length(const uint8_t header[static FRAME_HEADER_SIZE], size_t limit,
                                  size_t *len);

/*@ requires have_len >= 4 ==> \valid_read(frame + (0 .. 3));
    requires \valid(size) && \separated(size, frame + (0 .. 3));
    assigns *size;
    ensures have_len < 4 ==> \result == OK && *size == 4;
    ensures have_len >= 4 ==> (\result == OK <==> 1 <= u32be(frame) <= limit);
    ensures have_len >= 4 && \result == OK ==> *size == 4 + u32be(frame);
*/
enum kith_error wire_frame_size(const uint8_t *frame, size_t have_len, size_t limit, size_t *size);
