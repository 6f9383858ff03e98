/*
 * The points of low order of Curve25519 and its twist, and their other encodings: from
 * https://cr.yp.to/ecdh.html#validate. Each may have its top bit set as well, at which X25519 does
 * not look.
 */
#ifndef KITH_LOW_ORDER_H
#define KITH_LOW_ORDER_H

#define LOW_ORDER_POINTS 7

static const char *const low_order_points[LOW_ORDER_POINTS] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

#endif
