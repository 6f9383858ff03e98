#!/usr/bin/env bats
# shellcheck shell=bats
# The instructions for a message and for a handshake are not more than a tenth above those written
# down in bench/instructions. "bench/count >bench/instructions" writes them anew.

root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

setup() {
    cd "$root" || return
    command -v valgrind >/dev/null || skip "no valgrind here"
    command -v openssl >/dev/null || skip "no openssl command here"
    [ "${KITH_BUILD:-build/release}" = build/release ] || skip "only the release build is counted"
    [ -e build/release/libkith.a ] || skip "no build/release/libkith.a: make"
}

@test "instructions have not grown by more than a tenth" {
    local counted known name before now
    counted=$(bench/count)
    known=$(head -n 1 bench/instructions)
    [ "${counted%%$'\n'*}" = "$known" ] ||
        skip "the numbers are for another compiler, libcrypto or processor: $known"

    while read -r name before; do
        now=$(sed -n "s/^$name //p" <<<"$counted")
        echo "$name: $now, was $before"
        ((now * 10 <= before * 11))
    done < <(sed 1d bench/instructions)
}
