#!/usr/bin/env bats
# shellcheck shell=bats
# The reverse way: serve --call calls, has the targets and waits to be used; forward --accept is
# called, and carries local connections on the channels that it was called for.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# bob and carol call alice, and know her; she knows both.
setup() {
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob,carol} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
    cat bob/identity.pub carol/identity.pub >alice/peers
    cp alice/identity.pub carol/peers
}

@test "connections are carried to who has called, by TCP and UNIX sockets, on few channels" {
    tool reverse carries tcp tcp
    tool reverse carries unix unix
}

@test "16 programs at once: nobody gets what is another's" {
    tool reverse at_once
}

@test "--spare: channels are there before anybody needs them, and one that is taken is replaced" {
    tool reverse spares
}

@test "--keep, --keep-time and --channel-age of serve --call: it closes, and calls again" {
    tool reverse lets_go
}

@test "serve --call listens nowhere, and says so of a number that stands where others have a port" {
    start_daemon bob serve.err serve --ready-on listen --call alice@127.0.0.1:1 9000 web=80
    says serve.err 'serve: 9000: taken for a target, .*with --call there is no port to listen on'
    start_daemon bob again.err serve --ready-on listen --call alice@127.0.0.1:1 web=80 9000
    start_daemon bob again.err serve --ready-on listen --call alice@127.0.0.1:1 9000
    ! grep -q 'taken for' again.err || fail "$(<again.err)"
}

@test "with no channel a connection waits for one, within the handshake's timeout" {
    tool reverse waits
}

@test "--ready-fd is told once the peer has called" {
    tool reverse ready
}

@test "targets by their names, and permit-target" {
    tool reverse named
}

@test "two who call with different keys never get each other's connections" {
    tool reverse two_peers
}

@test "a call of the wrong kind: the log says which side lacks --call or --accept" {
    tool reverse wrong_kinds
}

@test "who calls is killed and started again: back by itself, one line each way" {
    tool reverse caller_killed
}

@test "who is called is killed and started again: back by itself, one line each way" {
    tool reverse accept_killed
}

@test "who calls is restarted, again and again: no connection is lost" {
    tool reverse restarted
}

@test "SIGTERM at either side: what is carried ends, and nothing begins" {
    tool reverse drained accept
    tool reverse drained call
}

@test "a key that is removed at either side: SIGHUP ends its channels" {
    tool reverse removed accept
    cp "$BATS_FILE_TMPDIR/bob/identity.pub" alice/peers
    tool reverse removed call
}

@test "a peer that is called by its name: SIGHUP has it called elsewhere, or no longer" {
    tool reverse moved
}

@test "from and expiry-time of who calls, at its call and at a reload" {
    tool reverse conditions
}

@test "channels that a NAT has forgotten: the next one is asked, and then one is waited for" {
    tool reverse forgotten
}

@test "--ping: channels that carry nothing are asked, and replaced if they do not answer" {
    tool reverse pings
}

@test "limits of either side: spare calls that are refused are no loss" {
    tool reverse limits
}

@test "a channel whose target has not answered yet is one of --max-per-peer" {
    tool reverse limits_of_who_waits
}

@test "--max-per-peer is of a key, whatever a reload calls it" {
    tool reverse limits_of_each
}

@test "at SIGTERM a connection whose channel does not answer is no matter of a deadline" {
    tool reverse ends_while_asked
}

@test "SIGUSR1 tells whether the peer is there" {
    tool reverse told
}

@test "a program of --exec for each connection" {
    tool reverse program
}

@test "a secret namespace of a peer's own: with another one there is no channel" {
    tool reverse secret
}

@test "PROXY headers: from a balancer before who is called, and for the target of who calls" {
    tool reverse introduced
}

@test "LISTEN_FDS: a socket for the calls, and one for each LOCAL" {
    tool reverse passed
}

# misused PATTERN ARGUMENT...: this command line is a usage error, and the line about it has the pattern.
misused() {
    refused 2 "$1" -- as alice "${@:2}"
}

@test "what makes no sense together is refused" {
    misused '--peer: excludes --call' serve --call bob@127.0.0.1:1 -p bob 1
    misused '--max-pending: excludes --call' serve --call bob@127.0.0.1:1 --max-pending 3 1
    misused '--accept-proxy: excludes --call' serve --call bob@127.0.0.1:1 --accept-proxy ::1 1
    misused '--spare: is for --call' serve 0 --spare 2 1
    misused '--ready-on: is for --call' serve 0 --ready-on peer 1
    misused '--spare 0: ' serve --call bob@127.0.0.1:1 --spare 0 1
    misused 'TARGET is missing; usage: kith serve .options. --call PEER TARGET' serve --call bob
    misused 'names a target, but the targets are on our side' serve --call bob@127.0.0.1:1:db 1
    misused 'not an option of this command' forward --call bob 1
    misused '--accept-proxy: is for --accept' forward 0 bob@127.0.0.1:1 --accept-proxy ::1
    misused '--spare: excludes --accept; .*kith serve --call' forward --accept 0 --spare 2 0 bob
    misused '--channel-age: excludes --accept' forward --accept 0 --channel-age 2m 0 bob
    misused '--plain: excludes --accept' forward --accept 0 --plain 0 bob
    misused '--run: excludes --accept' forward --accept 0 0 bob --run true
    misused 'WHO is missing; usage: kith forward .options. --accept \[HOST:\]PORT LOCAL WHO' \
        forward --accept 0 0
    misused 'it calls us here, so no address is needed' forward --accept 0 0 bob@127.0.0.1:9000
    misused 'it calls us here, so no address is needed' forward --accept 0 0 ./new.pub@127.0.0.1:9000
    misused 'it calls us here, so no address is needed' forward --accept 0 0 bob:9000
    refused 3 'dora.*not in the peers file|dora' -- as alice forward --accept 0 0 dora
}
