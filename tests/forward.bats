#!/usr/bin/env bats
# shellcheck shell=bats
# forward: each local connection is carried to the peer, on a port or a UNIX socket.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# ask TEXT [ADDRESS]: say this at the forwarder, and show what comes back.
ask() {
    bounded python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
import daemons
sock = daemons.connect(sys.argv[3])
sock.sendall(sys.argv[2].encode())
sock.shutdown(1)
data, how = daemons.read_to_end(sock)
print(data.decode() or how)' "$tools" "$1" "${2:-$near}" 3>&-
}

@test "both ways, between a UNIX socket and TCP" {
    tool joined both_ways unix tcp
}

@test "both ways, between UNIX sockets" {
    tool joined both_ways unix unix
}

@test "nobody there, or somebody else: a reset at once, and the log says why" {
    tool joined no_peer
}

@test "forward is killed: both programs see a reset" {
    tool joined killed forward
    tool joined killed_under_load forward
}

@test "forward is killed while its peer is waited for: the program sees a reset" {
    tool joined killed_waiting --plain
    tool joined killed_waiting --spare=0
}

@test "a bare port is on loopback, and port 0 a free one" {
    start_serve --exec cat
    forward_on=0 start_forward
    [[ $near =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "it is at $near"
    [ "$(ask hello)" = hello ]
}

@test "over IPv6" {
    needs_ipv6
    serve_on='[::1]:0' start_serve --exec cat
    forward_on='[::1]:0' start_forward
    [[ $near =~ ^\[::1\]:[0-9]+$ ]] || fail "it is at $near"
    [ "$(ask hello)" = hello ]
}

@test "a UNIX socket is for us alone, and removed at the end" {
    start_serve --exec cat
    umask 0
    forward_on=$PWD/local start_forward
    [ "$near" = "$PWD/local" ]
    [ "$(stat -c %F:%a local)" = socket:600 ]
    [ "$(ask hello)" = hello ]
    kill "$forwarder"
    ends "$forwarder" 0
    [ ! -e local ]
}

@test "the UNIX socket of a dead process is replaced" {
    start_serve --exec cat
    forward_on=$PWD/local start_forward
    kill -KILL "$forwarder"
    ends "$forwarder" 137
    [ -S local ]
    forward_on=$PWD/local start_forward
    [ "$(ask hello)" = hello ]
}

@test "the UNIX socket of a living process is not" {
    start_serve --exec cat
    forward_on=$PWD/local start_forward
    refused 4 "$PWD/local" 'another process listens' -- as alice forward "$PWD/local" "bob@$address"
    [ "$(ask hello)" = hello ]
}

@test "a file that is no socket is left alone" {
    start_serve --exec cat
    echo content >local
    refused 4 "$PWD/local" 'not a socket' -- as alice forward "$PWD/local" "bob@$address"
    [ "$(cat local)" = content ]
    ln -s local link
    refused 4 "$PWD/link" 'not a socket' -- as alice forward "$PWD/link" "bob@$address"
    [ -L link ]
}

@test "a socket that somebody else has put there meanwhile is not removed" {
    start_serve --exec cat
    forward_on=$PWD/local start_forward
    rm local
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("local")'
    kill "$forwarder"
    ends "$forwarder" 0
    [ -S local ]
}

@test "a path that is too long is refused before anything is done" {
    long=$PWD/$(printf 'x%.0s' {1..120})
    refused 2 -- as alice forward "$long" bob@127.0.0.1:1
}

@test "a port that is taken" {
    start_serve --exec cat
    start_forward
    refused 4 "$near" 'in use' -- as alice forward "$near" "bob@$address"
}

@test "the address of a name is read again by SIGHUP" {
    start_serve --exec echo first
    echo "addr=\"$address\" $(cat bob/identity.pub)" >alice/peers
    start_daemon alice forward.err forward 0 bob
    near=$daemon_address
    forwarder=$daemon
    [ "$(ask '')" = first ]
    start_serve --exec echo second
    echo "addr=\"$address\" $(cat bob/identity.pub)" >alice/peers
    kill -HUP "$forwarder"
    says forward.err 'the peers were read again'
    [ "$(ask '')" = second ]
}

# reloads LINE...: alice's peers file has these lines now, and the forward has read them, as it says.
reloads() {
    local times
    times=$(grep -c 'read again' forward.err) || true
    printf '%s\n' "$@" >alice/peers
    kill -HUP "$daemon"
    read_again() {
        [ "$(grep -c 'read again' forward.err)" -gt "$times" ]
    }
    eventually read_again
}

@test "who the peer is, and where, is said again by SIGHUP when that is another" {
    local key next
    key=$(cut -d ' ' -f 1 bob/identity.pub)
    as bob keygen -q next
    next=$(cut -d ' ' -f 1 next.pub)
    echo "addr=\"127.0.0.1:1\" $key bob" >alice/peers
    start_daemon alice forward.err forward --ready-on listen 0 bob:db
    reloads "addr=\"127.0.0.1:1\" $key bob"
    reloads "addr=\"127.0.0.1:1\" $next bob"
    says forward.err "$daemon_address: each connection is carried to db of bob \\(${next:0:8}\\) at 127.0.0.1:1 now\$"
    reloads "addr=\"127.0.0.1:2\" $next bob"
    says forward.err "bob \\(${next:0:8}\\) at 127.0.0.1:2 now\$"
    reloads ''
    says forward.err 'bob:db: no longer called'
    reloads "addr=\"127.0.0.1:2\" $next bob"
    third_is_said() {
        [ "$(grep -c ' now$' forward.err)" = 3 ]
    }
    eventually third_is_said
}

@test "of who is the peer after a reload it is said if it cannot be reached, whoever was lost before" {
    echo "addr=\"127.0.0.1:1\" $(cat bob/identity.pub)" >alice/peers
    start_daemon alice forward.err forward --ready-on listen 0 bob
    near=$daemon_address
    run ask ''
    says forward.err 'bob .* at 127.0.0.1:1: cannot be reached'
    echo "addr=\"127.0.0.1:2\" $(cut -d ' ' -f 1 carol/identity.pub) bob" >alice/peers
    kill -HUP "$daemon"
    says forward.err 'at 127.0.0.1:2 now'
    run ask ''
    says forward.err 'bob .* at 127.0.0.1:2: cannot be reached'
}

@test "a peer that is removed is no longer called, and its channels end" {
    tool reload forward_removed
}

@test "a summary for each channel, with its peer and its bytes" {
    start_serve --exec cat
    start_forward
    [ "$(ask hello)" = hello ]
    says forward.err 'bob \([0-9a-f]{8}\): whole address=127\.0\.0\.1:[0-9]+ sent=5 received=5 seconds='
}

@test "what cannot be a LOCAL or a PEER is refused" {
    refused 2 -- as alice forward 127.0.0.1 bob@127.0.0.1:1
    refused 2 -- as alice forward 70000 bob@127.0.0.1:1
    refused 2 bob -- as alice forward 0 bob
    refused 3 nobody -- as alice forward 0 nobody@127.0.0.1:1
}
