/*
 * What src/protocol/channel.c promises about nonces, frames and the stream's order, for Frama-C.
 */
#include "protocol/channel.h"
#include "protocol/record.h"

#include "bytes.h"

/*@ // The number that comes after another, most significant byte first: the last byte that is not
    // 255 is one more, and those after it are 0 again.
    predicate counts_on{K, L}(uint8_t *nonce) =
        \exists integer i; 0 <= i < 12 &&
            \at(nonce[i], L) == \at(nonce[i], K) + 1 &&
            (\forall integer k; 0 <= k < i ==> \at(nonce[k], L) == \at(nonce[k], K)) &&
            (\forall integer k; i < k < 12 ==> \at(nonce[k], L) == 0 && \at(nonce[k], K) == 255);
*/

/*@ requires \valid(nonce + (0 .. 11));
    assigns nonce[0 .. 11];
    ensures \result ==> counts_on{Pre, Post}(nonce);
    ensures !\result ==> \forall integer k; 0 <= k < 12 ==> \old(nonce[k]) == 255;
*/
bool channel_next_nonce(uint8_t nonce[static NONCE_SIZE]);

/*@ // The most bytes of plaintext that may come: of a message, or of a record.
    logic integer most{L}(struct channel *channel) =
        channel->receiving.state == STREAM_NONE && channel->max_message_size < RECORD_MAX ?
            RECORD_MAX : channel->max_message_size;
*/

/*@ requires \valid_read(channel) && \valid_read(header + (0 .. 3)) && \valid(len);
    requires \separated(len, channel, header + (0 .. 3));
    assigns *len;
    ensures *len == u32be(header);
    ensures \result == OK <==> 16 <= u32be(header) <= most(channel) + 16;
    ensures \result != OK ==> \result == (u32be(header) < 16 ? ERR_FRAME_SHORT : ERR_MESSAGE_TOO_LONG);
*/
enum kith_error channel_frame_length(const struct channel *channel,
                                     const uint8_t header[static FRAME_HEADER_SIZE], size_t *len);

/*@ requires \valid_read(channel) && \valid_read(arrived + (0 .. held - 1));
    requires \valid(body_len) && \valid(whole);
    requires \separated(body_len, whole, channel, arrived + (0 .. held - 1));
    assigns *body_len, *whole;
    ensures *whole <==> held >= 4 && 16 <= u32be(arrived) <= most(channel) + 16 &&
                        held >= 4 + u32be(arrived);
    ensures *whole ==> \result == OK && *body_len == u32be(arrived);
    ensures held < 4 ==> \result == OK;
    ensures held >= 4 ==> (\result == OK <==>
                           16 <= u32be(arrived) <= most(channel) + 16);
*/
enum kith_error channel_split(const struct channel *channel, const uint8_t *arrived, size_t held,
                              size_t *body_len, bool *whole);
