#!/usr/bin/env bats
# shellcheck shell=bats
# Several forwards in one process: each is of itself, and all of them or none are served.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

setup() {
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob,carol} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
    cp alice/identity.pub carol/peers
}

# start_both: bob's server says "bob" to who comes, carol's "carol". Sets bob, carol (where they are)
# and bob_pid, carol_pid. With a port, each listens there.
start_both() {
    start_daemon bob bob.err serve "127.0.0.1:${1:-0}" --exec sh -c 'cat; echo bob'
    bob=$daemon_address bob_pid=$daemon
    start_daemon carol carol.err serve "127.0.0.1:${2:-0}" --exec sh -c 'cat; echo carol'
    carol=$daemon_address carol_pid=$daemon
    {
        printf 'addr="%s" ' "$bob" && cat bob/identity.pub
        printf 'addr="%s" ' "$carol" && cat carol/identity.pub
    } >alice/peers
}

# start_several ARGUMENT...: alice's forwards. Sets forwarder, and near: an address for each, once
# they are ready.
start_several() {
    rm -f ready
    KITH_DIR=alice "${launcher[@]}" "$KITH" forward --ready-fd 9 "$@" \
        </dev/null >/dev/null 2>>forward.err 9>ready 3>&- 8>&- &
    forwarder=$!
    started+=("$forwarder")
    eventually [ -s ready ] || fail "not ready: $(cat forward.err)"
    mapfile -t near <ready
}

# talk ADDRESS: what is answered there to "hello".
talk() {
    bounded python3 - "$1" "$tools" <<'EOF'
import sys
sys.path.insert(0, sys.argv[2])
import daemons
with daemons.connect(sys.argv[1]) as sock:
    sock.sendall(b"hello ")
    sock.shutdown(1)
    print(daemons.read_to_end(sock)[0].decode(), end="")
EOF
}

gets_nothing() {
    [ -z "$(talk "$1")" ]
}

answers_as() {
    [ "$(talk "$1")" = "hello $2" ]
}

@test "a port, a path, and another port: each goes to its own peer, and --ready-fd names each" {
    start_both
    start_several 0 bob ./here carol 0 carol
    [ "${#near[@]}" = 3 ]
    [[ ${near[0]} == 127.0.0.1:* && ${near[1]} == ./here && ${near[2]} == 127.0.0.1:* ]]
    [ "$(talk "${near[0]}")" = 'hello bob' ]
    [ "$(talk "${near[1]}")" = 'hello carol' ]
    [ "$(talk "${near[2]}")" = 'hello carol' ]
    kill "$forwarder"
    ends "$forwarder" 0
    [ ! -e here ]
}

@test "one that cannot be bound refuses all, and leaves nothing behind" {
    start_both
    start_several 0 bob
    refused 4 "${near[0]}" 'in use' -- as alice forward ./here carol 0 carol "${near[0]##*:}" bob
    [ ! -e here ]
    refused 4 './here' -- as alice forward ./here bob ./here carol
    [ ! -e here ]
    touch file
    refused 4 './file' -- as alice forward ./here bob ./file carol
    [ ! -e here ]
    refused 3 'nobody' -- as alice forward ./here bob 0 nobody
    refused 2 'PEER is missing' -- as alice forward 0 bob 0
    refused 4 '9000: .*: it is a LOCAL twice' -- as alice forward 9000 bob@127.0.0.1:1 9000 bob@127.0.0.1:1
    refused 4 '\./s: .*: it is a LOCAL twice' -- as alice forward ./s bob@127.0.0.1:1 ./s bob@127.0.0.1:1
    refused 2 '70000' -- as alice forward ./here bob 70000 carol
    [ ! -e here ]
}

@test "SIGUSR1 and STATUS say of each how it is, also while a peer is lost" {
    start_both 0 "$(free_port)"
    python3 "$tools/supervisor.py" supervisor >states 3>&- 8>&- &
    also_started "$!"
    eventually [ -S supervisor ]
    export NOTIFY_SOCKET=$PWD/supervisor
    start_several 0 bob ./here carol
    says states "^STATUS=listening on ${near[0]}, ./here\$"
    talk ./here
    comes_to "$forwarder" forward.err "${near[0]}: state to=bob peer=\"?is there\"? kept=1 open=0 pending=0 channels=0 " 3
    comes_to "$forwarder" forward.err './here: state to=carol .* channels=1 sent-by-ended=6 received-by-ended=12' 3
    says states "${near[0]}: 0 open, 0 in all, 1 kept, bob is there; ./here: 0 open, 1 in all, . kept, carol is there"
    kill -KILL "$carol_pid"
    says states '^STATUS=.*, ./here; carol is not there$'
    kill -USR1 "$forwarder"
    says forward.err 'to=carol peer="?is not there"? kept=0'
    [ "$(talk "${near[0]}")" = 'hello bob' ]
    start_both 0 "${carol##*:}"
    says states '^STATUS=.*, ./here$'
    [ "$(talk ./here)" = 'hello carol' ]
    says forward.err 'carol.*there again'
    [ "$(grep -c 'carol.*there again' forward.err)" = 1 ]
}

@test "READY waits for each peer; --ready-on listen for none" {
    start_both 0 "$(free_port)"
    kill "$carol_pid"
    ends "$carol_pid" 0
    start_several --ready-on listen 0 bob 0 carol
    [ "$(talk "${near[0]}")" = 'hello bob' ]
    KITH_DIR=alice "$KITH" forward --ready-fd 9 0 bob 0 carol 2>late.err 9>late 3>&- 8>&- &
    also_started "$!"
    says late.err 'carol.*refused'
    [ ! -s late ]
    start_daemon carol carol.err serve "$carol" --exec sh -c 'cat; echo carol'
    eventually [ -s late ]
    [ "$(wc -l <late)" = 2 ]
}

@test "a reload before that is not told to be READY, and finds who is there now" {
    start_both
    here=$carol
    sed -i "s/$here/127.0.0.1:1/" alice/peers
    python3 "$tools/supervisor.py" supervisor >states 3>&- 8>&- &
    also_started "$!"
    eventually [ -S supervisor ]
    NOTIFY_SOCKET=$PWD/supervisor KITH_DIR=alice "$KITH" forward --ready-fd 9 0 bob 0 carol \
        2>late.err 9>late 3>&- 8>&- &
    forwarder=$!
    also_started "$forwarder"
    says late.err 'carol.*refused'
    says states '; carol is not there$'
    kill -HUP "$forwarder"
    says late.err 'the peers were read again'
    kill -USR1 "$forwarder" # what is said before this is in states by then
    says states '^STATUS=.* in all'
    run ! grep -E 'READY|RELOADING' states
    [ ! -s late ]
    sed -i "s/127.0.0.1:1\"/$here\"/" alice/peers
    kill -HUP "$forwarder"
    says states '^READY=1$'
    eventually [ -s late ]
    kill -HUP "$forwarder"
    says states '^RELOADING=1$'
}

@test "SIGHUP acts on each: a name that is gone, one that is elsewhere, one that stays" {
    start_both
    start_several 0 bob 0 carol 0 "./bob/identity.pub@$bob"
    sed -i /bob/d alice/peers
    kill -HUP "$forwarder"
    says forward.err 'bob: no longer called'
    says forward.err 'the peers were read again'
    [ -z "$(talk "${near[0]}")" ]
    [ "$(talk "${near[1]}")" = 'hello carol' ]
    [ "$(talk "${near[2]}")" = 'hello bob' ]
    cp carol/identity.pub bob/identity.pub
    kill -HUP "$forwarder"
    eventually gets_nothing "${near[2]}"
    echo nonsense >bob/identity.pub
    kill -HUP "$forwarder"
    says forward.err 'the peers stay as they were'
    [ "$(talk "${near[1]}")" = 'hello carol' ]
}

@test "a drain lets what is open on each finish" {
    start_both
    start_several 0 bob ./here carol
    bounded python3 - "$tools" "$forwarder" "${near[@]}" <<'EOF'
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import daemons
socks = [daemons.connect(address) for address in sys.argv[3:]]
for sock in socks:
    sock.sendall(b"x")
    daemons.read_exactly(sock, 1)
os.kill(int(sys.argv[2]), signal.SIGTERM)
for sock, name in zip(socks, (b"bob\n", b"carol\n")):
    sock.sendall(b"yz")
    sock.shutdown(1)
    got = daemons.read_to_end(sock)
    assert got == (b"yz" + name, "end"), got
EOF
    ends "$forwarder" 0
    [ ! -e here ]
}

@test "--max-connections is of all together, and each has its turn" {
    start_both
    start_several --max-connections 1 0 bob 0 carol
    bounded python3 - "$tools" "${near[@]}" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
import daemons
first = daemons.connect(sys.argv[2])
first.sendall(b"x")
daemons.read_exactly(first, 1)
try:
    assert daemons.read_to_end(daemons.connect(sys.argv[3]))[1] == "reset"
except ConnectionResetError:
    pass
EOF
    eventually answers_as "${near[1]}" carol
}

@test "LISTEN_FDS: one socket for each, in their order; another count is refused" {
    start_both
    launcher=(env KITH="$KITH" python3 "$tools/listen_fds.py" 127.0.0.1:0 "$PWD/mine.socket")
    start_several 0 carol 0 bob
    diff ready given
    [ "$(talk "${near[0]}")" = 'hello carol' ]
    [ "$(talk "${near[1]}")" = 'hello bob' ]
    refused 4 LISTEN_FDS 'one socket is needed for each' -- env KITH_DIR=alice \
        python3 "$tools/listen_fds.py" 127.0.0.1:0 "$PWD/other.socket" "$KITH" forward 0 bob 0 carol 0 bob
    refused 4 LISTEN_FDS 'one socket is needed for each' -- env KITH_DIR=alice \
        python3 "$tools/listen_fds.py" 127.0.0.1:0 "$KITH" forward 0 bob 0 carol
}

@test "with --plain" {
    start_both
    start_several --plain 0 bob ./here carol
    [ "$(talk "${near[0]}")" = 'hello bob' ]
    [ "$(talk ./here)" = 'hello carol' ]
    comes_to "$forwarder" forward.err './here: state to=carol .* channels=1 ' 3
}

@test "a reload finds the key of each, where a file is named for two" {
    start_both
    cp bob/identity.pub bob.pub
    start_several 0 "bob.pub@$bob" 0 "bob.pub@$bob"
    kill -HUP "$forwarder"
    says forward.err 'the peers were read again'
    [ "$(talk "${near[0]}")" = 'hello bob' ]
    [ "$(talk "${near[1]}")" = 'hello bob' ]
    run ! grep -E 'empty|stays as it was' forward.err
}

@test "of many it is said how they are, as far as there is room for it" {
    local forwards=() i folder
    folder=$(printf '%.0sa-folder/' {1..90})
    mkdir -p "$folder"
    cp bob/identity.pub "$folder/bob.pub"
    for i in {1..64}; do
        forwards+=("./$i" "$folder/bob.pub@127.0.0.1:1")
    done
    start_several --spare 0 "${forwards[@]}"
    comes_to "$forwarder" forward.err 'totals open=0 pending=0' 65
    kill "$forwarder"
    ends "$forwarder" 0
}

@test "of two to one peer that is away, each line says which target it is for" {
    start_several --ready-on listen 0 bob@127.0.0.1:1:db 0 bob@127.0.0.1:1:web
    says forward.err 'forward: db of bob .* at 127\.0\.0\.1:1: cannot be reached'
    says forward.err 'forward: web of bob .* at 127\.0\.0\.1:1: cannot be reached'
}
