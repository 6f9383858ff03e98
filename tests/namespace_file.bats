#!/usr/bin/env bats
# shellcheck shell=bats
# A namespace that is kept as a secret, in a file: which files are taken, who comes together with
# whom, and where the secret is not.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# Of 44 bytes, as kith keygen --namespace makes them.
pair_secret=iuNwB9sQqMlTHo2V0v9M3bXgS4xJr6yD5PzKcFhWnAE=
other_secret=Zb1kq0RtvLwYd8uGmXeN7oSfJhC2iP5aTjQxV9yDnUo=

# secret FILE TEXT: as its owner keeps it; of other bytes, as printf %b has them.
secret() {
    (umask 077 && printf %b "$2" >"$1")
}

eval "enter_$(declare -f setup)" # the daemons'

setup() {
    enter_setup
    secret pair.ns "$pair_secret\n"
    secret other.ns "$other_secret\n"
}

# start_bob: he listens with the options in "bobs". Sets bob, the pid, and address.
bobs=()
start_bob() {
    rm -f ready
    mkfifo ready
    KITH_DIR=bob "$KITH" listen --ready-fd 9 "${bobs[@]}" 127.0.0.1:0 \
        </dev/null >bob.out 2>bob.err 9>ready 3>&- &
    bob=$!
    started+=("$bob")
    read -r -t "$limit" address <ready || fail "bob is not ready: $(<bob.err)"
}

@test "both have the same file: dial and listen, check, and a program" {
    bobs=(--namespace-file pair.ns)
    start_bob
    as alice check --namespace-file pair.ns "bob@$address"
    echo whole | as alice dial --namespace-file pair.ns "bob@$address"
    ends "$bob" 0
    [ "$(<bob.out)" = whole ]
    start_serve --namespace-file pair.ns --exec cat
    [ "$(echo there and back | dial --namespace-file pair.ns)" = 'there and back' ]
}

@test "it is the bytes that count: as -n, with any line end or none" {
    secret lf.ns "$pair_secret\n"
    secret crlf.ns "$pair_secret\r\n"
    secret bare.ns "$pair_secret"
    bobs=(-n "$pair_secret")
    start_bob
    for file in lf crlf bare; do
        as alice check --namespace-file "$file.ns" "bob@$address"
    done
    secret blank.ns "$pair_secret \n"
    secret small.ns "${pair_secret,,}\n"
    for file in blank small; do
        refused 5 namespace -- as alice check --namespace-file "$file.ns" "bob@$address"
    done
}

@test "serve and forward, with kept channels and with plain ones" {
    start_serve --namespace-file pair.ns --exec cat
    for kind in '' --plain; do
        # shellcheck disable=SC2086
        start_forward --namespace-file pair.ns $kind
        python3 - "$near" <<'END'
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), 20) as s:
    s.sendall(b"there and back")
    s.shutdown(socket.SHUT_WR)
    got = b""
    while part := s.recv(100):
        got += part
assert got == b"there and back", got
END
    done
}

@test "another file, or none, on one side: status 5, and the log says which" {
    bobs=(--namespace-file pair.ns)
    start_bob
    refused 5 namespace -- as alice check --namespace-file other.ns "bob@$address"
    refused 5 namespace -- as alice check "bob@$address"
    eventually [ "$(grep -c 'alice .*refused: wrong namespace or signature' bob.err)" = 2 ]
    grep -q 'what its file holds' bob.err
    as alice check --namespace-file pair.ns "bob@$address"
}

@test "a kept channel under another file is refused as well" {
    start_serve --namespace-file pair.ns x=127.0.0.1:1
    refused 5 -- as alice check --namespace-file other.ns "bob@$address:x"
    says serve.err 'refused: wrong namespace or signature'
}

# not_taken PATTERN...: ns is refused for this, by every command that shakes hands.
not_taken() {
    for command in "listen 127.0.0.1:0" "serve 127.0.0.1:0 1" "dial bob@127.0.0.1:1" \
        "check bob@127.0.0.1:1" "forward 0 bob@127.0.0.1:1"; do
        # shellcheck disable=SC2086
        refused 3 'kith: namespace: ns: ' "$@" -- as alice $command --namespace-file ns
    done
}

@test "32 to 1024 bytes of printable ASCII in one line, and nothing else" {
    secret ns x
    printf '%031d\n' 0 >ns && not_taken 'shorter than the 32 bytes'
    printf '%01025d\n' 0 >ns && not_taken 'longer than the 1024 bytes'
    printf '%032d\n\n' 0 >ns && not_taken 'more than one line'
    printf '%032d\n%032d\n' 0 1 >ns && not_taken 'more than one line'
    printf '%032d\t' 0 >ns && not_taken 'not printable'
    printf '%032d\r' 0 >ns && not_taken 'not printable'
    printf '%032d\0' 0 >ns && not_taken 'not printable'
    printf '%032d\303\274' 0 >ns && not_taken 'not printable'
    printf '%032d\177' 0 >ns && not_taken 'not printable'
    : >ns && not_taken empty
    head -c 20000 /dev/zero | tr '\0' a >ns && not_taken 'too large'
    printf '%0200d\n' 0 >ns
    refused 4 -- as alice check --namespace-file ns bob@127.0.0.1:1
    printf '%01024d\r\n' 0 >ns
    bobs=(--namespace-file ns)
    start_bob
    as alice check --namespace-file ns "bob@$address"
    printf '%032d' 0 >ns
    refused 5 -- as alice check --namespace-file ns "bob@$address"
}

@test "what is refused of it does not show it" {
    secret ns "$pair_secret\n$other_secret\n"
    run -3 as alice check -vv --namespace-file ns bob@127.0.0.1:1
    [[ $output != *iuNwB9* ]]
    [[ $output != *Zb1kq0* ]]
}

@test "it is kept as a private key is" {
    secret ns "$pair_secret\n"
    chmod 604 ns && not_taken 'a secret that others can read or change' 'chmod 600'
    chmod 602 ns && not_taken 'others can read or change'
    chmod 620 ns && not_taken 'others can read or change'
    chmod 640 ns
    run -4 as alice check --namespace-file ns bob@127.0.0.1:1
    [[ ${lines[0]} == *'namespace: ns: warning: its group can read'* ]]
    rm ns && not_taken 'no such file' 'kith keygen --namespace ns$'
    mkdir ns && not_taken folder
    rmdir ns && mkfifo ns && chmod 600 ns && not_taken 'not a regular file'
    rm ns && ln -s /dev/zero ns && not_taken 'not a regular file'
    rm ns && ln -s pair.ns ns
    run -4 as alice check --namespace-file ns bob@127.0.0.1:1
    refused 3 empty -- as alice check --namespace-file '' bob@127.0.0.1:1 || true
}

@test "one of another user is refused, and one that cannot be read" {
    [ "$(id -u)" = 0 ] || skip "only root can make files of others"
    secret ns "$pair_secret\n"
    chown 65533 ns
    not_taken 'belongs to another user'
    kith_for_others
    chown 65533:65533 . -R
    chown 0:0 ns
    refused 3 'ns: cannot be read' -- setpriv --reuid=65533 --regid=65533 --clear-groups \
        env KITH_DIR=alice "$KITH" check --namespace-file ns bob@127.0.0.1:1
    chown 65533 ns
    refused 4 -- setpriv --reuid=65533 --regid=65533 --clear-groups \
        env KITH_DIR=alice "$KITH" check --namespace-file ns bob@127.0.0.1:1
}

@test "from a pipe, a descriptor, and standard input, which then are closed" {
    bobs=(--namespace-file pair.ns)
    start_bob
    as alice check --namespace-file <(cat pair.ns) "bob@$address"
    as alice check --namespace-file /dev/fd/7 "bob@$address" 7<pair.ns
    as alice check --namespace-file - "bob@$address" <pair.ns
    as alice check -i - --namespace-file /dev/fd/7 "bob@$address" <alice/identity 7<pair.ns
    as alice dial --namespace-file - "bob@$address" <pair.ns
    ends "$bob" 0
    [ ! -s bob.out ]
    refused 3 'it is not open' -- as alice check --namespace-file /dev/fd/77 "bob@$address"
}

@test "what a descriptor gives is one secret, not two" {
    refused 3 'another secret is read from there' 'a file of its own' -- \
        as alice check -i - --namespace-file - bob@127.0.0.1:1 <alice/identity
    refused 3 'another secret is read from there' -- \
        as alice check --passphrase-file /dev/fd/7 --namespace-file /dev/fd/7 bob@127.0.0.1:1 7<pair.ns
}

@test "not together with --namespace, and not for meet" {
    refused 2 'excludes --namespace' -- as alice check -n kith --namespace-file pair.ns bob@127.0.0.1:1
    refused 2 'namespace-file' -- as alice meet --namespace-file pair.ns 127.0.0.1:1
}

in_memory() {
    python3 "$tools/search_memory.py" "$@"
}

# children_of PID: every process that it has started, and theirs.
children_of() {
    local child
    for child in $(cat "/proc/$1/task/"*/children); do
        echo "$child"
        children_of "$child"
    done
}

needs_memory() {
    ! sanitized || skip "the sanitizers keep freed memory, and maps of terabytes"
    [ "$(id -u)" = 0 ] || skip "only root can look into the memory of other processes"
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
}

hex() {
    printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}

# has_once PID SECRET: in locked memory that no core file has, and nowhere else.
has_once() {
    [ "$(in_memory "$1" "$(hex "$2")")" = 1 ]
    [ "$(in_memory "$1" "$(hex "$2")" lo dd)" = 1 ]
}

# kept_from_others PID SECRET: its keeper and it have it once, and no other process of its has it.
kept_from_others() {
    local keeper other
    has_once "$1" "$2"
    keeper=$(children_of "$1" | head -n 1)
    has_once "$keeper" "$2"
    for other in $(children_of "$1" | tail -n +2); do
        [ "$(in_memory "$other" "$(hex "$2")")" = 0 ] || fail "process $other has it"
    done
    [ "$(children_of "$1" | wc -l)" -ge "$3" ]
}

@test "its keeper and the process that faces the network have it, locked, and no other" {
    needs_memory
    start_serve --namespace-file pair.ns x='exec:cat' y=127.0.0.1:1
    as alice check --namespace-file pair.ns "bob@$address:y" || true
    echo x | as alice dial --namespace-file pair.ns "bob@$address:x"
    run -5 as alice check --namespace-file other.ns "bob@$address"
    kept_from_others "$server" "$pair_secret" 3
    start_forward --namespace-file pair.ns
    kept_from_others "$forwarder" "$pair_secret" 2
}

@test "no process has it any more once the one channel is up" {
    needs_memory
    mkfifo alice.in
    exec 8<>alice.in
    bobs=(--namespace-file pair.ns)
    start_bob
    has_once "$bob" "$pair_secret"
    KITH_DIR=alice "$KITH" dial --namespace-file pair.ns "bob@$address" <alice.in \
        2>alice.err 8>&- 3>&- &
    also_started $!
    local dialer=$!
    echo one >&8
    eventually grep -q one bob.out
    [ "$(in_memory "$bob" "$(hex "$pair_secret")")" = 0 ]
    [ "$(in_memory "$dialer" "$(hex "$pair_secret")")" = 0 ]
    exec 8>&-
    ends "$dialer" 0
    ends "$bob" 0
}

@test "it is in no argument, no environment and no log" {
    bobs=(-vv --log-format json --namespace-file pair.ns)
    start_bob
    run ! grep -aq iuNwB9 "/proc/$bob/cmdline" "/proc/$bob/environ"
    as alice check -vv --namespace-file pair.ns "bob@$address" 2>alice.err
    run -5 as alice check -vv --namespace-file other.ns "bob@$address"
    run ! grep -q -e iuNwB9 -e Zb1kq0 alice.err bob.err
    [[ $output != *Zb1kq0* ]]
}
