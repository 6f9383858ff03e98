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

# counts N PATTERN FILE: so many of its lines have this.
counts() {
    [ "$(grep -cE -e "$2" "$3")" = "$1" ]
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
    eventually counts 2 'alice .*refused: wrong namespace or signature' bob.err
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
    rm ns && not_taken 'no such file' "copy the other side's; or .*kith keygen --namespace ns\$"
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

# lacks PID SECRET: it has ended, or does not have it.
lacks() {
    local found
    if found=$(in_memory "$1" "$(hex "$2")" 2>/dev/null); then
        [ "$found" = 0 ]
    else
        eventually has_ended "$1"
    fi
}

has_ended() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"
}

# others_lack PID SECRET N: of its children, N at least, none but the keeper has it, which is the first.
others_lack() {
    local other
    has_once "$(children_of "$1" | head -n 1)" "$2"
    for other in $(children_of "$1" | tail -n +2); do
        lacks "$other" "$2" || fail "process $other has it"
    done
    [ "$(children_of "$1" | wc -l)" -ge "$3" ]
}

# kept_from_others PID SECRET N: it and its keeper have it once, and no other of its N children has it.
kept_from_others() {
    has_once "$1" "$2"
    others_lack "$1" "$2" "$3"
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

# ---- A peer's own, by its line in the peers file ----

# own WHO OF FILE: in the peers file of WHO, the line of OF names this file.
own() {
    sed -i "s|^\(.* $2\)\$|namespace-file=\"$3\" \1|" "$1/peers"
}

# given: alice and bob have pair.ns for each other, beside their peers files.
given() {
    for who in alice bob; do
        secret "$who/pair.ns" "$pair_secret\n"
        secret "$who/other.ns" "$other_secret\n"
    done
    own alice bob pair.ns
    own bob alice pair.ns
}

@test "a peer's own: dial, listen, check, serve and forward, kept or plain" {
    given
    start_bob
    as alice check "bob@$address"
    echo whole | as alice dial "bob@$address"
    ends "$bob" 0
    [ "$(<bob.out)" = whole ]
    start_serve x=exec:cat exec:cat
    [ "$(echo there and back | dial)" = 'there and back' ]
    run -0 --separate-stderr dial -n other <<<'and under no other'
    one_line "$stderr" '^kith: peer: bob@.*: --namespace is not used; its line in the peers file has a namespace-file'
    [ "$(echo there and back | as alice dial "bob@$address:x")" = 'there and back' ]
    for kind in '' --plain; do
        # shellcheck disable=SC2086
        start_forward $kind
        [ "$(echo by forward | client "$near")" = 'by forward' ]
    done
}

# client ADDRESS: stdin there, and what comes back to stdout.
client() {
    python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), 20) as s:
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while part := s.recv(1000):
        sys.stdout.buffer.write(part)' "$1"
}

@test "one with its own and one without call the same serve, each under what it has" {
    given
    start_serve exec:cat
    [ "$(echo a | dial)" = a ]
    [ "$(echo c | as carol dial "bob@$address")" = c ]
    # The run's namespace is for those who have none of their own.
    start_serve --namespace-file other.ns exec:cat
    [ "$(echo a | dial --namespace-file other.ns)" = a ]
    [ "$(echo a | dial -n something-else)" = a ]
    [ "$(echo c | as carol dial --namespace-file other.ns "bob@$address")" = c ]
    refused 5 -- as carol dial --namespace-file pair.ns "bob@$address" </dev/null
}

@test "one that has its own is never greeted under another" {
    given
    start_serve exec:cat
    key=$(cut -d ' ' -f 1 bob/identity.pub)
    # alice under the run's: by the key alone, which has no line
    refused 5 -- as alice dial "$key@$address" </dev/null
    says serve.err 'alice .*refused: wrong namespace or signature'
    [ "$(echo a | as alice dial --namespace-file pair.ns "$key@$address")" = a ]
    # bob has another for her now
    cp other.ns bob/pair.ns
    reload "$server" serve.err
    refused 5 -- dial </dev/null
    eventually counts 2 'alice .*refused: wrong namespace' serve.err
    # a peer of ours whose line names none is not greeted under hers either
    sed -i 's/^namespace-file[^ ]* //' bob/peers
    reload "$server" serve.err
    refused 5 -- dial </dev/null
}

@test "forward to one peer by name and by key has one namespace for both" {
    given
    start_serve exec:cat
    key=$(cut -d ' ' -f 1 bob/identity.pub)
    start_daemon alice forward.err forward 127.0.0.1:0 "$key@$address" 127.0.0.1:0 "bob@$address"
    [ "$(echo by key | client "$daemon_address")" = 'by key' ]
}

# reload PID LOG: it has read its files again, or has said that it goes on with the old ones.
reload() {
    local before
    before=$(grep -cE 'read again|stay as they were|stays as it was' "$2" || true)
    kill -HUP "$1"
    eventually more_than "$before" "$2"
}

more_than() {
    [ "$(grep -cE 'read again|stay as they were|stays as it was' "$2")" -gt "$1" ]
}

@test "a reload takes another, a new one, and none" {
    given
    start_serve exec:cat
    start_forward
    [ "$(echo one | client "$near")" = one ]
    for file in alice/pair.ns bob/pair.ns; do
        cp other.ns "$file.new" && chmod 600 "$file.new" && mv "$file.new" "$file"
    done
    reload "$server" serve.err
    reload "$forwarder" forward.err
    [ "$(echo two | client "$near")" = two ]
    [ "$(echo two | dial)" = two ]
    sed -i 's/^namespace-file[^ ]* //' alice/peers bob/peers
    reload "$server" serve.err
    reload "$forwarder" forward.err
    [ "$(echo three | client "$near")" = three ]
    own alice bob other.ns
    own bob alice "$PWD/pair.ns"
    secret pair.ns "$other_secret"
    reload "$server" serve.err
    reload "$forwarder" forward.err
    [ "$(echo four | client "$near")" = four ]
}

@test "who is not root reads his own again, too" {
    [ "$(id -u)" = 0 ] || skip "every other test is for one who is not"
    command -v setpriv >/dev/null || skip "no setpriv here"
    kith_for_others
    given
    chown -R 65534 bob
    launcher=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    start_serve exec:cat
    secret alice/pair.ns "$other_secret\n"
    secret bob/pair.ns "$other_secret\n"
    chown -R 65534 bob
    reload "$server" serve.err
    [ "$(echo two | dial)" = two ]
}

@test "channels under one that is replaced or taken out end, and no others" {
    given
    start_serve exec:cat
    for who in alice carol; do
        mkfifo "$who.in"
        KITH_DIR=$who "$KITH" dial "bob@$address" <"$who.in" >"$who.out" 2>"$who.err" 3>&- 8>&- 7>&- &
        also_started $!
        eval "$who=$!"
    done
    exec 8>alice.in 7>carol.in
    echo hers >&8
    echo hers >&7
    eventually [ -s alice.out ]
    eventually [ -s carol.out ]
    reload "$server" serve.err
    echo still >&8
    eventually grep -q still alice.out
    cp other.ns bob/pair.ns
    reload "$server" serve.err
    # shellcheck disable=SC2154
    ends "$alice" 8
    says serve.err 'alice .*its namespace-file in the peers file has changed'
    echo still >&7
    eventually grep -q still carol.out
    exec 8>&- 7>&-
    # shellcheck disable=SC2154
    ends "$carol" 0
}

@test "forward ends the channels under one that is replaced" {
    given
    start_serve exec:cat
    for kind in '' --plain; do
        # shellcheck disable=SC2086
        start_forward $kind
        mkfifo c.in
        client_slowly "$near" <c.in >c.out &
        also_started $!
        exec 8>c.in
        echo one >&8
        eventually grep -q one c.out
        cp other.ns alice/pair.ns
        reload "$forwarder" forward.err
        says forward.err 'its namespace-file in the peers file has changed'
        eventually grep -q reset c.out
        exec 8>&-
        cp pair.ns alice/pair.ns
        reload "$forwarder" forward.err
        [ "$(echo two | client "$near")" = two ]
        kill "$forwarder"
        rm c.in c.out forward.err
    done
}

# The same as client, line by line, and "reset" if that is how it ends.
client_slowly() {
    python3 -uc '
import os, socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), 20) as s:
    s.settimeout(None)
    s.sendall(os.read(0, 100))
    try:
        while part := s.recv(1000):
            sys.stdout.buffer.write(part)
    except ConnectionResetError:
        print("reset")' "$1"
}

# file_refused PATTERN...: bob's peers file is, with the number of the line, by serve and listen.
file_refused() {
    for command in "listen 127.0.0.1:0" "serve 127.0.0.1:0 1"; do
        # shellcheck disable=SC2086
        refused 3 'bob/peers, line 1: namespace-file=' "$@" -- as bob $command
    done
}

@test "a file that is not in order refuses the peers file, with its line" {
    given
    printf '%031d\n' 0 >bob/pair.ns && file_refused 'pair.ns": shorter than the 32 bytes'
    printf 'a\nb\n' >bob/pair.ns && file_refused 'more than one line'
    cp pair.ns bob/pair.ns
    chmod 644 bob/pair.ns && file_refused 'a secret that others can read' 'chmod 600'
    rm bob/pair.ns && file_refused 'no such file'
    mkdir bob/pair.ns && file_refused 'a folder'
    rmdir bob/pair.ns && mkfifo bob/pair.ns && file_refused 'not a regular file'
    rm bob/pair.ns && ln -s /dev/zero bob/pair.ns && file_refused 'not a regular file'
    rm bob/pair.ns && ln -s ../pair.ns bob/pair.ns
    start_serve exec:cat
    [ "$(echo a | dial)" = a ]
    sed -i 's|pair.ns|/dev/fd/5|' bob/peers && file_refused 'a descriptor'
    sed -i 's|/dev/fd/5||' bob/peers
    refused 3 'line 1' 'names no file' -- as bob serve 127.0.0.1:0 1
}

@test "at a reload such a file leaves the old set in force, and says the line" {
    given
    start_serve exec:cat
    start_forward
    chmod 644 bob/pair.ns alice/pair.ns
    reload "$server" serve.err
    grep -q 'peers, line 1: namespace-file="pair.ns": a secret that others' serve.err
    reload "$forwarder" forward.err
    grep -q 'peers, line 1: namespace-file="pair.ns": a secret that others' forward.err
    rm bob/pair.ns && mkfifo bob/pair.ns
    reload "$server" serve.err
    grep -q 'line 1: namespace-file="pair.ns": not a regular file; it is read again at a SIGHUP' serve.err
    rm bob/pair.ns
    reload "$server" serve.err
    grep -q 'line 1: namespace-file="pair.ns": no such file' serve.err
    [ "$(echo a | client "$near")" = a ]
    chmod 640 alice/pair.ns
    secret bob/pair.ns "$pair_secret"
    reload "$server" serve.err
    reload "$forwarder" forward.err
    grep -q 'pair.ns: warning: its group can read' forward.err
    [ "$(echo a | client "$near")" = a ]
}

@test "a path begins at the folder of the peers file" {
    given
    mkdir -p bob/sub
    mv bob/pair.ns bob/sub/pair.ns
    sed -i 's|pair.ns|sub/pair.ns|' bob/peers
    start_serve exec:cat
    [ "$(echo a | dial)" = a ]
    (
        cd bob
        refused 4 -- as . check --peers peers "alice@127.0.0.1:1"
    )
    refused 3 'line 1' 'a whole path' -- as bob check -a /dev/fd/7 alice@127.0.0.1:1 7<bob/peers
    sed -i "s|sub/|$PWD/bob/sub/|" bob/peers
    refused 4 -- as bob check -a /dev/fd/7 alice@127.0.0.1:1 7<bob/peers
}

@test "in a file of keys alone it is refused" {
    given
    sed 's/^/namespace-file="pair.ns" /' alice/identity.pub >keys.pub
    refused 3 'keys.pub, line 1' 'only the peers file may have' -- as bob serve -p ./keys.pub 127.0.0.1:0 1
}

@test "nor does import take such a line" {
    sed 's/^/namespace-file="pair.ns" /' alice/identity.pub >theirs
    cp bob/peers before
    run -3 as bob import theirs dave
    [[ $output == *'only the peers file may have'* ]]
    cmp before bob/peers
}

@test "more than 1024 lines with one refuse the file" {
    secret bob/pair.ns "$pair_secret"
    python3 - <<'END' >bob/peers
# Any y of a point of the curve; those of even y are tried here, as most files of keys are not.
p = 2**255 - 19
d = -121665 * pow(121666, -1, p) % p
count, y = 0, 2
while count < 1025:
    y += 1
    u, v = (y * y - 1) % p, (d * y * y + 1) % p
    if pow(u * pow(v, -1, p), (p - 1) // 2, p) == 1:
        count += 1
        print(f'namespace-file="pair.ns" {y.to_bytes(32, "little").hex()} n{count}')
END
    refused 3 'more than 1024 lines have one' -- as bob serve 127.0.0.1:0 1
    sed -i 1d bob/peers
    start_serve 1
    reload "$server" serve.err
    grep -q 'read again' serve.err
}

@test "no other process than those two has a peer's own, after a reload either" {
    needs_memory
    given
    start_serve x=exec:cat y=127.0.0.1:1
    echo x | as alice dial "bob@$address:x"
    start_forward
    kept_from_others "$server" "$pair_secret" 3
    kept_from_others "$forwarder" "$pair_secret" 2
    reload "$server" serve.err
    reload "$forwarder" forward.err
    echo x | as alice dial "bob@$address:x"
    kept_from_others "$server" "$pair_secret" 3
    kept_from_others "$forwarder" "$pair_secret" 2
    cp other.ns bob/pair.ns
    reload "$server" serve.err
    kept_from_others "$server" "$other_secret" 3
    for process in "$server" $(children_of "$server"); do
        lacks "$process" "$pair_secret"
    done
}

@test "nor what leads the way with --via" {
    needs_memory
    given
    start_serve exec:cat
    KITH_DIR=alice "$KITH" dial -w 10m --via 'touch there; exec sleep 600' "bob@$address" \
        </dev/null 2>alice.err 8>&- 3>&- &
    local dialer=$!
    also_started "$dialer"
    eventually [ -e there ]
    others_lack "$dialer" "$pair_secret" 3
    kill "$dialer"
}

@test "nor has any a peer's own once the one channel is up" {
    needs_memory
    given
    mkfifo alice.in
    exec 8<>alice.in
    start_bob
    KITH_DIR=alice "$KITH" dial "bob@$address" <alice.in 2>alice.err 8>&- 3>&- &
    local dialer=$!
    also_started "$dialer"
    echo one >&8
    eventually grep -q one bob.out
    [ "$(in_memory "$bob" "$(hex "$pair_secret")")" = 0 ]
    [ "$(in_memory "$dialer" "$(hex "$pair_secret")")" = 0 ]
    exec 8>&-
    ends "$dialer" 0
    ends "$bob" 0
}

@test "an idle channel under one that is replaced is not used any more" {
    given
    start_serve exec:cat
    start_forward
    [ "$(echo one | client "$near")" = one ]
    cp other.ns alice/pair.ns # bob still has the old one
    reload "$forwarder" forward.err
    [ -z "$(echo two | client "$near" 2>/dev/null || true)" ]
    says serve.err 'alice .*refused: wrong namespace or signature'
}
