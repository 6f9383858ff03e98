#!/usr/bin/env bats
# shellcheck shell=bats
# The attack catalogue. Its tables are tests/tools/{hellos,answers,traffic}.py; attacks.py and misdeeds.py
# try them; out_of_turn.py has the records of kept channels, and persistence.py what no table has.
# KITH_LONG=1: every bit of a message on a channel, too.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# tries TOOL SUBJECT: what it has tried is counted, once all of that went as it should.
tries() {
    tool "$@" >tried || { cat tried; return 1; }
    cat tried >>"$BATS_FILE_TMPDIR/tried"
}

teardown_file() {
    [ -z "${KITH_LONG:-}" ] || "$root/tests/evidence" attacks 'make long' \
        "$(awk '/^[0-9]+ attacks?$/ { count += $1 } END { print count }' "$BATS_FILE_TMPDIR/tried") attacks tried, and refused as expected"
}

@test "what attacks makes the recorded handshakes by itself" {
    python3 "$tools/speaker.py" "$root/tests/vectors/handshake.json"
    python3 "$tools/speaker.py" "$root/tests/vectors/recorded.json"
    python3 "$tools/speaker.py" "$root/tests/vectors/kept.json"
}

@test "every wrong call to serve is refused for what it is, in silence, and leaves no trace" {
    tries attacks serve
}

@test "every wrong call to listen" {
    tries attacks listen
}

@test "every wrong answer to dial" {
    tries attacks dial
}

@test "every wrong answer to forward" {
    tries attacks forward
}

@test "every wrong call to serve at a UNIX socket" {
    tries attacks serve_at_path
}

@test "wrong calls to a super-server" {
    tries attacks serve_inetd
}

@test "wrong calls to forward" {
    tries attacks forward_accept
}

@test "wrong answers to check" {
    tries attacks check_peer
}

@test "wrong answers to serve" {
    tries attacks serve_call
}

@test "every misdeed of who was dialed" {
    tries misdeeds dial
}

@test "every misdeed of a guest of listen" {
    tries misdeeds listen
}

@test "every misdeed of a known peer of serve" {
    tries misdeeds serve
}

@test "every misdeed of the peer of forward" {
    tries misdeeds forward
}

@test "records at the wrong time, by a known peer of serve that opens" {
    tries out_of_turn opener
}

@test "records at the wrong time, by the peer of forward, which accepts" {
    ! sanitized || skip "there a word takes longer than the second after which another channel is asked"
    tries out_of_turn acceptor
}

@test "a known peer that says PING without a pause holds up nobody" {
    tries out_of_turn flood_of_pings
}

@test "a thousand OPENs of targets that are not permitted" {
    tries out_of_turn not_permitted
}

@test "what was recorded is worth nothing to the same listener, a restarted one and another one" {
    tries persistence replays
}

@test "a hello is known for as long as it is fresh, though its clock is ahead" {
    tries persistence replays_until_stale
}

@test "a known peer between two others gets nowhere with either" {
    tries persistence in_the_middle
}

@test "a key of mixed order is one as others are, and its signatures are right or wrong without the cofactor" {
    tries persistence mixed_order
}

@test "a stall after any byte of a caller's is ended in time, and holds up nobody" {
    tries persistence stalls
}

@test "so it is by listen, which waits on" {
    tries persistence stalls_of_listen
}

@test "dial and check end where an answer stalls after any byte" {
    tries persistence stalled_dials
}

@test "a stall in an answer is, too" {
    tries persistence stalled_answers
}

@test "a known peer that reads nothing loses its place" {
    tries persistence never_reads
}

@test "a known peer that says a byte at a time is served" {
    tries persistence tiny_messages
}

@test "a known peer that confirms nothing loses its place" {
    tries persistence no_receipt
}

@test "a peer whose line is taken out during its handshake is refused by its name" {
    tries persistence removed_meanwhile
}

@test "so is one that calls forward --accept" {
    tries persistence removed_on_the_way_back
}

@test "so is the only caller that serve has, and the status says it" {
    tries persistence the_only_one_removed
}

@test "and who is called, and taken out before it answers" {
    tries persistence called_and_removed
}
