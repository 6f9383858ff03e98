#!/usr/bin/env bats
# shellcheck shell=bats
# Channels that stay: forward carries one connection after another on each, serve takes them and
# plain ones; what their users see, and the records between two streams.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "many connections are carried by few channels; with --plain each has one" {
    tool channels reuse
}

@test "the same between UNIX sockets" {
    tool channels at_paths
}

@test "16 programs at once: nobody gets what is another's, and nothing is left" {
    tool channels at_once
}

@test "--spare: channels are there before anybody needs them" {
    tool channels at_first
}

@test "who takes no such channel is called with no other kind; the log says what to do" {
    tool channels kinds
}

@test "a channel that a NAT has forgotten: another one is made, and nothing is lost" {
    tool channels forgotten
}

@test "--ping: a channel that carries nothing is asked, and replaced if it does not answer" {
    tool channels pings
}

@test "a server that stands still for a while" {
    tool channels frozen
}

@test "a server that is killed: programs are reset; one line says so, and one that it is back" {
    tool channels killed
}

@test "a server that is restarted, again and again, loses no connection" {
    tool channels restarted
}

@test "who waits for a channel of a peer that has no more gets the one that is done with, before who comes later" {
    tool waiting one_for_all
}

@test "where new calls are not answered any more, a channel that is there goes to who waits" {
    tool waiting silent_calls
    tool waiting silent_first
}

has_lines() {
    [ "$(grep -c "$2" "$3")" -ge "$1" ]
}

@test "a peer that had no room for more, and has gone: it is not there, and is called as long as any other" {
    start_serve --max-per-peer 1 --exec cat
    start_forward -w 5s --spare 2
    eventually has_lines 4 'too many connections' serve.err # the pauses between take more than those 5 s
    kill -KILL "$server"
    comes_to "$forwarder" forward.err 'peer="?is not there'
    run ! grep -q 'cannot be reached' forward.err
    echo hello | timeout "$limit" socat -t "$limit" - "TCP:$near" >back &
    socat=$!
    also_started "$socat"
    comes_to "$forwarder" forward.err pending=1
    serve_on=$address start_serve --exec cat
    ends "$socat" 0
    [ "$(cat back)" = hello ]
}

@test "a key that is removed: SIGHUP ends its channels, with and without a connection" {
    tool channels removed
}

@test "--keep-time, --keep and --channel-age: channels are closed, in order" {
    tool channels closed
    tool channels too_many
    tool channels aged
}

@test "a PING is no use of a channel; of those that carry nothing the freshest is taken" {
    tool channels pinged
    tool channels freshest
}

@test "who waits for a channel is reset at SIGTERM, and the peer is called for nobody" {
    tool channels waits_at_the_end
}

@test "a peer that cannot be called for two reasons in turn has a line for each, and not for each try" {
    tool channels alternates
}

@test "--ready-fd is told once the first channel is there; --ready-on listen, before" {
    tool channels ready
}

@test "a stream that breaks resets its program, and the next connection is served" {
    tool channels breaks
}

@test "a slow target is asked once; of one that is down the reason is said at both ends" {
    tool channels slow_target
    tool channels unreached
}

@test "--max-message-size smaller than a record: targets are found by name, and refusals said" {
    tool channels small_messages
}

@test "a listener says of who wants a target by name, or a kept channel, that it has none" {
    start_listener
    run -5 as alice dial "bob@$address:name" </dev/null
    says bob.err 'alice .*refused: wants a kind of channel that is not offered here; .*leave out :NAME, or give --plain'
    run -5 as alice check "bob@$address:name"
    run ! grep -q "wrong namespace" bob.err
    as stranger keygen 2>/dev/null
    cp alice/peers stranger/peers
    run -5 as stranger dial "bob@$address:name" </dev/null
    says bob.err "$(cut -c 1-8 stranger/identity.pub) .*refused: key not known"
}

@test "with --plain: both ways, half-close, and who speaks first" {
    tool joined both_ways tcp unix --plain
    tool joined half_close --plain
    tool joined who_speaks_first --plain
}

@test "records: streams, PINGs, a refusal and a CLOSE in their order" {
    tool records in_order
}

@test "records: an OPEN that is given up is no stream" {
    tool records given_up
    tool records no_begin
}

@test "records: what is said wrongly by who calls ends that channel, and why is said" {
    tool records wrong
    tool records with_tag
}

@test "records: at SIGTERM serve says CLOSE to who carries nothing, and to others after their stream" {
    tool records draining
}

@test "records: who carries nothing leaves for a proven caller, the longest idle first" {
    tool records giving_way
}

@test "records: nothing is said before BEGIN; a CLOSE for an answer is tried again, a refusal is not" {
    tool records answers
    tool records after_begin
}

@test "records: what is said wrongly by who is called resets the program, and why is said" {
    tool records wrong_answers
}

@test "records: what is said wrongly the reverse way, by who is called, and by who calls" {
    tool records wrong_back
    tool records wrong_answers_back
}

@test "records: dial leaves with a CLOSE once its stream is whole" {
    tool records dialed
}

@test "records: without a PONG another channel is asked, and the first to answer carries" {
    tool records too_slow
    tool records either
    tool records late
}
