/*
 * The kinds of channels (kith-protocol(7), "Kept channels"): each has a namespace of its own, made
 * of the one that both sides have agreed on, so that nobody takes one kind for another. Pure.
 */
#ifndef KITH_KIND_H
#define KITH_KIND_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/handshake.h"

enum channel_kind {
    KIND_PLAIN,     /* one stream, from the handshake on */
    KIND_KEPT,      /* streams one after another; the handshake's dialer is the opener */
    KIND_KEPT_BACK, /* the same, and the handshake's listener is the opener */
    KINDS
};

/* A set of kinds. */
typedef unsigned kind_set;
#define KIND_SET(kind) (1U << (kind))

struct kind_namespace {
    uint8_t bytes[NAMESPACE_MAX];
    size_t len;
};

/*
 * The namespace of a kind of channel; base has at most NAMESPACE_GIVEN_MAX bytes. It is as secret
 * as that is: the caller's to wipe.
 */
void kind_namespace(struct kind_namespace *out, const struct namespace *base,
                    enum channel_kind kind);

#endif
