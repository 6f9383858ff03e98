#!/usr/bin/env bats
# shellcheck shell=bats
# Files that are put in the place of others while serve and forward run: they are found again as
# any program would find them, by their names.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

needs_mounts() {
    unshare -m true 2>/dev/null || skip "no mounts of our own available here"
}

# reads_again LOG PID: the daemon reads the peers file again, and says that it has.
reads_again() {
    local before
    before=$(grep -c "read again" "$1") || true
    kill -HUP "$2"
    eventually has_more "$1" "$before"
}

has_more() {
    [ "$(grep -c "read again" "$1")" -gt "$2" ]
}

# knows FOLDER WHO...: the peers file in this folder, made with what is above it.
knows() {
    mkdir -p "$1"
    cat "${@:2}" >"$1/peers"
}

# alice_may, alice_may_not: a call of hers, after the peers were read again.
alice_may() {
    reads_again serve.err "$server"
    as alice check "bob@$address"
}

alice_may_not() {
    reads_again serve.err "$server"
    run -5 as alice check "bob@$address"
}

@test "a peers file that is a link: to another file each time, in other folders" {
    knows one alice/identity.pub
    knows two carol/identity.pub
    knows three alice/identity.pub
    ln -sf ../one/peers bob/peers
    start_serve 1
    as alice check "bob@$address"
    ln -s ../two/peers next && mv -T next bob/peers
    rm -r one
    alice_may_not
    ln -s "$PWD/three/peers" next && mv -T next bob/peers
    alice_may
}

# volume NUMBER WHO: a mounted volume of settings is renewed: a folder that a link names is swapped.
volume() {
    knows "volume/..$1" "$2/identity.pub"
    ln -s "..$1" volume/..next
    mv -T volume/..next volume/..data
}

@test "a peers file whose folder is swapped, as a mounted volume of settings does it" {
    local path
    for path in volume/peers volume/..data/peers; do
        volume one alice
        ln -sf ..data/peers volume/peers
        start_serve -a "$path" 1
        as alice check "bob@$address"
        volume two carol
        rm -r volume/..one
        alice_may_not
        volume one alice
        rm -r volume/..two
        alice_may
    done
}

@test "a peers file whose folder was moved away, and another put in its place" {
    knows here/etc alice/identity.pub
    knows next/etc carol/identity.pub
    start_serve -a "$PWD/here/etc/peers" 1
    mv here before
    mv next here
    alice_may_not
}

@test "a key that --peer names, in a folder that is swapped" {
    mkdir one two
    cp alice/identity.pub one/it.pub
    cp carol/identity.pub two/it.pub
    ln -s one keys
    start_serve -p keys/it.pub 1
    as alice check "bob@$address"
    ln -s two next && mv -T next keys
    alice_may_not
}

# A folder that is /etc for the daemon, and that we can change under it.
own_etc() {
    needs_mounts
    mkdir etc
    cp -R /etc/ssl /etc/nsswitch.conf /etc/passwd etc 2>/dev/null || true
    printf '%s\n' 'hosts: files' >etc/nsswitch.conf
    launcher=(unshare -m sh -c 'mount --bind etc /etc && exec "$@"' launcher)
}

# carries: a connection to the forward reaches bob's cat.
carries() {
    [ "$(bounded python3 -c '
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.sendall(b"hello")
    sock.shutdown(socket.SHUT_WR)
    print(sock.recv(99).decode())' "${near##*:}" 2>/dev/null)" = hello ]
}

# forward_by_name: alice forwards to bob, where a name says he is, and calls him for each connection.
forward_by_name() {
    start_daemon alice forward.err forward --plain 127.0.0.1:0 "bob@bob.test:${address##*:}"
    near=$daemon_address
}

@test "/etc/hosts: made after the start, renamed over, removed" {
    start_serve --exec cat
    own_etc
    forward_by_name
    run ! carries
    says forward.err "bob.test"
    echo 127.0.0.1 bob.test >etc/hosts
    carries
    echo 127.0.0.9 bob.test >etc/next && mv etc/next etc/hosts
    run ! carries
    echo 127.0.0.1 bob.test >etc/next && mv etc/next etc/hosts
    carries
}

@test "/etc/hosts and nsswitch.conf that are links, whose targets are replaced" {
    start_serve --exec cat
    own_etc
    mkdir etc/one etc/two
    echo 127.0.0.9 bob.test >etc/one/hosts
    echo 127.0.0.1 bob.test >etc/two/hosts
    echo 'hosts: files' >etc/one/nsswitch.conf
    cp etc/one/nsswitch.conf etc/two
    rm etc/nsswitch.conf
    ln -s one etc/now
    ln -s now/hosts now/nsswitch.conf etc
    forward_by_name
    run ! carries
    ln -s two etc/next && mv -T etc/next etc/now
    rm -r etc/one
    carries
}

@test "a target's name is found again by serve" {
    start_echo
    own_etc
    echo 127.0.0.9 target.test >etc/hosts
    start_serve "target.test:$echo_port"
    run -8 dial <<<hello
    echo 127.0.0.1 target.test >etc/next && mv etc/next etc/hosts
    [ "$(dial <<<hello)" = hello ]
}

# start_echo: something that says back what it is told, at $echo_port.
start_echo() {
    rm -f told && mkfifo told
    python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    sock = server.accept()[0]
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.close()' >told 3>&- 8>&- &
    also_started $!
    read -r -t "$limit" echo_port <told
}

@test "/etc/resolv.conf: made after the start, and renamed over" {
    start_serve --exec cat
    own_etc
    echo 'hosts: dns' >etc/nsswitch.conf
    needs_name_server
    forward_by_name
    run ! carries
    echo "nameserver $name_server" >etc/next && mv etc/next etc/resolv.conf
    carries
}

# needs_name_server: one at $name_server that says of every name that it is 127.0.0.1.
needs_name_server() {
    name_server=127.53.$((BASHPID / 250 % 250)).$((BASHPID % 250 + 1))
    rm -f told && mkfifo told
    python3 "$tools/name_server.py" "$name_server" >told 3>&- 8>&- &
    also_started $!
    read -r -t "$limit" _ <told || skip "no name server at port 53 available here"
}

@test "a name server that says nothing holds nobody up but who asks it" {
    own_etc
    echo 'hosts: files dns' >etc/nsswitch.conf
    needs_name_server
    echo "127.0.0.1 quick.test" >etc/hosts
    printf '%s\n' "nameserver $name_server" "options timeout:30" >etc/resolv.conf
    start_serve --exec cat
    for name in silent quick; do
        bob_is_at "$name"
        [ "$name" = quick ] || start_daemon alice forward.err forward --plain -w 10s 127.0.0.1:0 bob
    done
    near=$daemon_address
    bounded python3 -c 'import socket, sys, time
for _ in range(8):
    globals().setdefault("all", []).append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
time.sleep(60)' "${near##*:}" 3>&- 8>&- &
    also_started $!
    eventually asks_for_names
    reads_again forward.err "$daemon"
    carries
    says forward.err "silent.test.*in time"
    kill "$daemon"
    ends "$daemon" 0
}

# Stop who resolves names, who makes no more children then, and these. Sets lookup.
stop_lookup() {
    lookup=$(tr ' ' '\n' <"/proc/$daemon/task/$daemon/children" | sed -n 2p)
    kill -STOP "$lookup"
    eventually grep -q '^State:.T' "/proc/$lookup/status"
    mapfile -td " " children <"/proc/$lookup/task/$lookup/children"
    lookup=("$lookup" "${children[@]}")
    kill -STOP "${lookup[@]}"
}

@test "who resolves names is stopped: a call fails in time and says why" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    start_serve --exec cat
    start_daemon alice forward.err forward --plain -w 500ms 127.0.0.1:0 "bob@localhost:${address##*:}"
    near=$daemon_address
    eventually carries # in that time, once
    stop_lookup
    run ! carries
    says forward.err "localhost.*in time"
    kill -CONT "${lookup[@]}"
    eventually carries
    kill "$daemon"
    ends "$daemon" 0
}

@test "who resolves names and reads files has ended: that is said, open channels go on, and it ends" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    start_serve --exec cat
    start_daemon alice forward.err forward --plain 127.0.0.1:0 "bob@localhost:${address##*:}"
    near=$daemon_address
    bounded python3 -c '
import os, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.sendall(b"one")
    assert sock.recv(3) == b"one"
    open("open", "w").close()
    while not os.path.exists("ending"):
        pass
    sock.sendall(b"two")
    assert sock.recv(3) == b"two"' "${near##*:}" 3>&- 8>&- &
    also_started $!
    eventually test -e open
    stop_lookup
    kill -KILL "${lookup[@]}"
    says forward.err "lookup: .* is gone"
    run ! carries
    touch ending
    ends "$daemon" 1
    says forward.err "whole address"
}

@test "a child of who resolves names that was killed has a successor" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    start_serve --exec cat
    start_daemon alice forward.err forward --plain 127.0.0.1:0 "bob@localhost:${address##*:}"
    near=$daemon_address
    local lookup child
    lookup=$(tr ' ' '\n' <"/proc/$daemon/task/$daemon/children" | sed -n 2p)
    for _ in 1 2; do
        carries
        for child in $(cat "/proc/$lookup/task/$lookup/children"); do
            kill -KILL "$child" || is_gone "$child" # it does not live long
        done
    done
    carries
    kill "$daemon"
    ends "$daemon" 0
    eventually is_gone "$lookup"
}

# The name server has been asked.
asks_for_names() {
    [ -e asked ]
}

# What runs in a network of its own: a dialer's words go to serve, whose TARGET is forward's LOCAL,
# which calls the serve of a cat; each is at a link-local address.
beyond_the_zone() {
    cat <<'END'
ip link set lo up && ip addr add fe80::7/64 dev lo nodad || exit 77
start() {
    rm -f ready && mkfifo ready # one that another still holds has an end that is not ours
    KITH_DIR=$1 "$KITH" "$2" --ready-fd 9 "${@:3}" 9>ready 2>>"$1.err" &
    read -r address <ready
}
start bob serve '[fe80::7%lo]:0' --exec cat
start alice forward "${@:2}" '[fe80::7%lo]:0' "$1@[fe80::7%lo]:${address##*:}"
start bob serve '[fe80::7%lo]:0' "[fe80::7%lo]:${address##*:}"
echo hello | KITH_DIR=alice "$KITH" dial "bob@[fe80::7%lo]:${address##*:}" >got
kill %1 %2 %3
wait
END
}

@test "a link-local address with a zone is reached from the sandbox: as peer, as target, as source" {
    unshare -n true 2>/dev/null || skip "no network of our own available here"
    beyond_the_zone >script
    local status
    for words in bob bob/identity.pub "bob/identity.pub --source fe80::7%lo"; do
        status=0
        rm -f got
        # shellcheck disable=SC2086 # words
        bounded unshare -n bash script $words 3>&- 8>&- || status=$?
        [ "$status" -ne 77 ] || skip "no link-local address available here"
        [ "$(cat got)" = hello ]
    done
}

@test "a name for which nobody waits any longer is not looked for" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    start_serve --exec cat
    own_etc
    echo 'hosts: files dns' >etc/nsswitch.conf
    needs_name_server
    echo "127.0.0.1 quick.test" >etc/hosts
    printf '%s\n' "nameserver $name_server" "options timeout:30" >etc/resolv.conf
    bob_is_at silent
    start_daemon alice forward.err forward --plain -w 500ms 127.0.0.1:0 bob
    near=$daemon_address
    stop_lookup
    run ! carries
    says forward.err "silent.test.*in time"
    bob_is_at quick
    kill -CONT "${lookup[@]}"
    reads_again forward.err "$daemon"
    eventually carries
    run ! asks_for_names
}

# bob_is_at NAME: so says the line in alice's peers file.
bob_is_at() {
    echo "addr=\"$1.test:${address##*:}\" $(cat bob/identity.pub)" >alice/peers
}

@test "a name to listen on is resolved by the deadline, too" {
    own_etc
    echo 'hosts: files dns' >etc/nsswitch.conf
    needs_name_server
    echo "127.0.0.1 quick.test" >etc/hosts
    printf '%s\n' "nameserver $name_server" "options timeout:30" >etc/resolv.conf
    refused 7 'listen: silent:0' 'not resolved in time' -- \
        "${launcher[@]}" env KITH_DIR=bob timeout 20 "$KITH" listen -w 1s silent:0
    [[ $stderr != *reached* && $stderr != *firewall* && $stderr == *resolv.conf* ]]
    refused 7 'serve: silent:0' 'not resolved in time' -- \
        "${launcher[@]}" env KITH_DIR=bob timeout 20 "$KITH" serve -w 1s silent:0 1
    refused 7 'forward: silent:0' 'not resolved in time' -- \
        "${launcher[@]}" env KITH_DIR=alice timeout 20 "$KITH" forward -w 1s silent:0 bob@127.0.0.1:1
    serve_on=quick.test:0 start_serve --exec cat
    [[ $address == 127.0.0.1:* ]]
}

# some_run: a process of the copy of kith that stands here. By the file, for where that is in a chroot
# the path of a process in other mounts is another one.
some_run() {
    [ -n "$(find -L /proc/[0-9]*/exe -maxdepth 0 -samefile kith-here 2>/dev/null)" ]
}

@test "who asks a name server that says nothing is ended: nobody goes on asking" {
    ! grep -q __tsan_init "$KITH" ||
        skip "ThreadSanitizer holds a signal back until the C library has returned"
    needs_to_see_descriptors
    own_etc
    echo 'hosts: dns' >etc/nsswitch.conf
    needs_name_server
    printf '%s\n' "nameserver $name_server" "options timeout:30" >etc/resolv.conf
    cp "$KITH" kith-here
    for command in "dial bob@silent:1" "check bob@silent:1" "listen silent:0" "serve silent:0 1" \
        "forward silent:0 bob@127.0.0.1:1" "forward 127.0.0.1:0 bob@silent:1"; do
        rm -f asked
        # shellcheck disable=SC2086
        "${launcher[@]}" env KITH_DIR=alice ./kith-here $command -w 1h </dev/null 2>>kith.err 3>&- 8>&- &
        started+=("$!")
        eventually asks_for_names
        eventually some_run
        kill "${started[-1]}"
        wait "${started[-1]}" || true
        eventually eval '! some_run'
    done
}
