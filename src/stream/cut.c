/*
 * Owns the difference between a stream that is whole and one that is cut. Must never call one whole
 * for which the peer has not given its word, nor take our word for given that is still here.
 */
#include "stream/cut.h"

bool cut_lacks_nothing(const struct link *link, const struct sender *sender)
{
    return channel_whole(&link->channel) && sender->sealed.start == sender->sealed.end;
}

/*
 * Whether the peer has closed as one does whose program or disk has failed: not reset, and with all
 * that it had to say but the receipt. Nobody but the peer can give that; anybody can cut so.
 */
static bool ends_in_order(const struct link *link, const struct sender *sender)
{
    return link->closed && link->closed_errno == 0 && !sender->broken;
}

enum kith_error cut_lacks(const struct link *link, const struct sender *sender)
{
    switch (link->channel.receiving.state) {
    case STREAM_NONE:
    case STREAM_OPEN:
        return ERR_CUT_DATA;
    case STREAM_ENDED:
        return ends_in_order(link, sender) ? ERR_CUT_REFUSED : ERR_CUT_RECEIPT;
    case STREAM_RECEIPTED:
        break;
    }
    return cut_lacks_nothing(link, sender) ? OK : ERR_CUT_OUR_RECEIPT;
}

bool cut_is(enum kith_error error)
{
    return error == ERR_CUT_DATA || error == ERR_CUT_RECEIPT || error == ERR_CUT_REFUSED ||
           error == ERR_CUT_OUR_RECEIPT;
}
