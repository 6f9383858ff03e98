/*
 * Owns what tells one kind of channel from another. Must never let a namespace of one kind be that
 * of another: a plain one has no NUL in it.
 */
#include "protocol/kind.h"

#include <string.h>

void kind_namespace(struct kind_namespace *out, const struct namespace *base,
                    enum channel_kind kind)
{
    static const char *const endings[] = {
        [KIND_PLAIN] = "", [KIND_KEPT] = "kept/1", [KIND_KEPT_BACK] = "kept-back/1"};
    size_t ending = strlen(endings[kind]);

    memcpy(out->bytes, base->bytes, base->len);
    out->len = base->len;
    if (ending == 0)
        return;
    out->bytes[out->len++] = 0;
    memcpy(out->bytes + out->len, endings[kind], ending);
    out->len += ending;
}
