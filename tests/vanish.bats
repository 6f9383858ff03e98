#!/usr/bin/env bats
# shellcheck shell=bats
# Peers that are gone, and peers that only do not read. Each takes more than a minute, which is how
# long a peer may be silent: they run with KITH_LONG=1.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

setup() {
    [ -n "${KITH_LONG:-}" ] || skip "takes minutes: KITH_LONG=1 runs it"
    limit=120
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR/alice" "$BATS_FILE_TMPDIR/bob" "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
}

@test "a reader that pauses for more than a minute loses nothing" {
    mkfifo out
    { sleep 80 && cat >bob.got; } <out 3>&- &
    also_started "$!"
    listen_to=out start_listener
    random_file alice.in 50000000
    start_dialer
    ends "$dialer" 0
    ends "$listener" 0
    cmp alice.in bob.got
}

# In two network namespaces, so that the wire between them can be cut.
@test "a peer that vanishes is noticed in about a minute, by who sends and by who waits" {
    local ours=kith-a$$ theirs=kith-b$$ begin
    ip netns add "$ours" 2>/dev/null || skip "no network namespaces here"
    ip netns add "$theirs"
    trap 'ip netns del "$ours"; ip netns del "$theirs"' EXIT
    ip -n "$ours" link add wire0 type veth peer name wire1 netns "$theirs"
    ip -n "$ours" addr add 192.0.2.1/24 dev wire0
    ip -n "$theirs" addr add 192.0.2.2/24 dev wire1
    ip -n "$ours" link set wire0 up
    ip -n "$theirs" link set wire1 up
    at_terminal=(ip netns exec "$theirs")
    listen_on=192.0.2.2:0 start_listener --recv-only
    mkfifo alice.in
    exec 8<>alice.in
    at_terminal=(ip netns exec "$ours")
    start_dialer
    { while :; do printf '%065536d' 0; done >&8; } 2>/dev/null 3>&- &
    also_started "$!"
    eventually [ -s bob.out ]
    ip -n "$theirs" link set wire1 down
    begin=$SECONDS
    ends "$dialer" 8
    ends "$listener" 8
    ((SECONDS - begin < 110))
    grep -q "timed out" alice.err
}
