#!/usr/bin/env bats
# shellcheck shell=bats
# The process that starts the programs of serve --exec: what it has, what becomes of the programs when
# the one that faces the network is gone, and of that when it is gone itself.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

setup() {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob,carol} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
}

# launcher_of SERVER: it is the third of its helpers. Sets starter.
launcher_of() {
    starter=$(tr ' ' '\n' <"/proc/$1/task/$1/children" | sed -n 3p)
    [ -n "$starter" ] || fail "the server has no third process"
}

# start_waiting SCRIPT OPTION...: the server runs this in a shell, which adds numbers of processes to
# pids and ends up reading what alice says; she has called it and said a part.
start_waiting() {
    start_serve "${@:2}" --exec sh -c "$1"
    launcher_of "$server"
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    echo part >&8
    eventually [ -s part ]
    mapfile -t processes <pids
}

all_gone() {
    local pid
    for pid in "${processes[@]}"; do
        eventually is_gone "$pid"
    done
}

status_of() {
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

@test "what faces the network is confined, and the programs are not" {
    grep -q '^Seccomp:' /proc/self/status || skip "this kernel has no seccomp"
    ! sanitized || skip "the sanitizers make system calls of their own"
    start_serve -v --exec grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status
    eventually grep -q '^Seccomp:.*2' "/proc/$server/status"
    [ "$(status_of "$server" NoNewPrivs)" = 1 ]
    grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status >usual
    dial --recv-only | cmp - usual
    run ! grep 'sandbox: none' serve.err
}

@test "who starts programs has nothing of the network, and of the key nothing" {
    needs_to_see_descriptors
    # shellcheck disable=SC2016
    start_waiting 'echo $$ >>pids; cat >part'
    find "/proc/$starter/fd" -lname 'socket:*' >sockets # to us, and to us for the one program
    [ "$(wc -l <sockets)" -eq 2 ]
    for fd in $(<sockets); do
        run ! grep "$(readlink "$fd" | tr -dc 0-9)" /proc/net/tcp /proc/net/tcp6
    done
    [ -z "$(find "/proc/$starter/fd" -type l ! -lname 'socket:*' ! -lname 'pipe:*' ! -lname /dev/null \
        ! -lname "$PWD/serve.err")" ]
    ! sanitized || return 0
    seed=$(openssl pkey -in bob/identity -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
    [ "$(python3 "$tools/search_memory.py" "$starter" "$seed")" = 0 ]
}

# killed_with_server SCRIPT: of a server that is killed, its program sees no end.
killed_with_server() {
    # shellcheck disable=SC2016
    start_waiting "$1"
    kill -KILL "$server"
    all_gone
    [ ! -e whole ] || fail "a part was taken for the whole"
    eventually is_gone "$starter"
    exec 8>&-
    rm -f alice.in part pids told
}

@test "a server that is killed is no end of the stream to its program" {
    # shellcheck disable=SC2016
    for _ in 1 2 3 4; do
        killed_with_server 'echo $$ >>pids; cat >part && mv part whole'
    done
}

@test "nor to one that does not mind SIGTERM, nor to what it has forked" {
    # shellcheck disable=SC2016
    killed_with_server 'trap "" TERM; echo $$ >>pids; cat >part && mv part whole'
    # shellcheck disable=SC2016
    killed_with_server 'trap "" TERM; exec 3<&0; { cat >part && mv part whole; } <&3 &
        echo $$ >>pids; echo $! >>pids; wait; exec cat'
}

@test "one that has reason to clean up is told to end" {
    # shellcheck disable=SC2016
    start_waiting 'trap "echo told >told; exit 1" TERM; echo $$ >>pids
        exec 3<&0; { cat >part && mv part whole; } <&3 & echo $! >>pids; wait'
    kill -KILL "$server"
    all_gone
    [ "$(cat told)" = told ]
    [ ! -e whole ]
}

@test "after a second signal it is told to end as well, and gets no end of its input" {
    # shellcheck disable=SC2016
    start_waiting 'trap "echo told >told" TERM; echo $$ >>pids
        exec 3<&0; { cat >part && mv part whole; } <&3 & echo $! >>pids; wait; wait'
    kill "$server"
    says serve.err 'a second signal quits'
    kill "$server"
    ends "$server" 143
    all_gone
    [ "$(cat told)" = told ]
    [ ! -e whole ]
}

@test "the end of a stream that is in order is its program's, which then goes on" {
    # shellcheck disable=SC2016
    start_waiting 'echo $$ >>pids; cat >part; sleep 0.2; mv part whole; echo done'
    exec 8>&-
    ends "$dialer" 0
    [ "$(cat whole)" = part ]
    [ "$(cat alice.out)" = 'done' ]
}

# killed_with_launcher SCRIPT: of a launcher that is killed, its program sees no end, and it is said.
killed_with_launcher() {
    start_waiting "$1"
    kill -KILL "$starter"
    says serve.err 'launcher: the process that starts programs is gone'
    ends "$dialer" 8 # nobody knows how its program has ended
    ends "$server" 1
    all_gone
    [ ! -e whole ] || fail "a part was taken for the whole"
    exec 8>&-
    rm -f alice.in part pids
}

@test "a launcher that is killed is no end of the stream to its program" {
    # shellcheck disable=SC2016
    for _ in 1 2 3 4; do
        killed_with_launcher 'echo $$ >>pids; cat >part && mv part whole'
    done
    # shellcheck disable=SC2016
    killed_with_launcher 'trap "" TERM; echo $$ >>pids
        exec python3 -c "import os, sys; d = sys.stdin.buffer.read1(5); open(\"part\", \"wb\").write(d)
sys.stdin.buffer.read(); os.rename(\"part\", \"whole\")"'
}

@test "nor to what that has started, for as long as we are there" {
    # shellcheck disable=SC2016
    start_waiting 'exec 3<&0; { cat >part; echo >end; } <&3 >/dev/null & echo $! >>pids; echo $$ >>pids; wait'
    kill -KILL "$starter"
    ends "$dialer" 8
    [ ! -e end ] || fail "its input has ended before the channel"
    exec 8>&-
    ends "$server" 1
    all_gone
}

@test "nor is a launcher of listen that is killed, and both sides know" {
    mkfifo alice.in
    exec 8<>alice.in
    listen_program=(--exec sh -c 'echo $$ >pids; cat >part && mv part whole')
    start_listener --recv-only
    start_dialer
    echo part >&8
    eventually [ -s part ]
    starter=$(ps -o ppid= -p "$(cat pids)")
    kill -KILL "$starter"
    ends "$listener" 1
    ends "$dialer" 8
    [ ! -e whole ]
}

@test "a launcher that is killed is said, a channel without a program goes on, nobody else is let in" {
    python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
c = s.accept()[0]
while said := c.recv(99):
    c.sendall(said)' >port 3>&- &
    also_started $!
    eventually [ -s port ]
    start_serve all='exec:exec cat' "echo=$(<port)"
    launcher_of "$server"
    mkfifo alice.in
    exec 8<>alice.in
    KITH_DIR=alice "$KITH" dial "bob@$address:echo" <alice.in >alice.out 3>&- 8>&- &
    dialer=$!
    also_started "$dialer"
    echo first >&8
    eventually grep -qx first alice.out
    kill -KILL "$starter"
    says serve.err 'launcher: the process that starts programs is gone'
    says serve.err 'no new calls; waiting for 1 channel'
    run -4 dial </dev/null
    echo more >&8
    eventually grep -qx more alice.out
    exec 8>&-
    ends "$dialer" 0
    ends "$server" 1
}

@test "a launcher that is stopped stops nobody else, nor the end" {
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'echo $$ >>pids; exec cat'
    launcher_of "$server"
    also_started "$starter"
    kill -STOP "$starter"
    start_dialer
    eventually counts_channel
    as alice check "bob@$address"
    kill "$server"
    says serve.err 'a second signal quits'
    kill "$server"
    ends "$server" 143
    ends "$dialer" 8
    kill -CONT "$starter"
    eventually is_gone "$starter"
}

@test "who calls meanwhile waits for the handshake's time at most, and it is said why" {
    # shellcheck disable=SC2016
    start_serve -w 1s --exec cat
    launcher_of "$server"
    also_started "$starter"
    kill -STOP "$starter"
    eventually fails_in_time
    kill -CONT "$starter"
    eventually comes_back
}

# Each in the second that a call has, if the machine does not stand still for as long.
fails_in_time() {
    run -8 dial </dev/null
    says serve.err 'cat: .*: the process that starts programs did not answer in time'
}

comes_back() {
    [ "$(echo there | dial)" = there ]
}

# The server answers SIGUSR1, and has a channel.
counts_channel() {
    kill -USR1 "$server"
    grep -q 'totals open=1' serve.err
}

@test "the signals of a terminal do not end it" {
    launcher=(env --default-signal=INT --default-signal=QUIT)
    # shellcheck disable=SC2016
    start_waiting 'echo $$ >>pids; read -r line; echo "$line" >part; exec cat'
    for signal in INT QUIT HUP TERM USR1; do
        kill -s "$signal" "$starter"
    done
    echo more >&8
    exec 8>&-
    ends "$dialer" 0
    [ "$(cat alice.out)" = more ]
    kill "$server"
    ends "$server" 0
    eventually is_gone "$starter"
}

@test "its limit on descriptors is the one that we were started with, which is raised for us" {
    ulimit -S -n 100
    start_serve --max-connections 100 --exec sh -c 'ulimit -S -n; ulimit -H -n'
    [ "$(dial --recv-only)" = "$(ulimit -S -n && ulimit -H -n)" ]
    run ! grep 'there are descriptors for' serve.err
}

@test "as many at once as there are descriptors for, and then as many again" {
    launcher=(python3 "$tools/world.py" descriptors=64)
    start_serve --max-connections 1000 --exec cat
    says serve.err 'there are descriptors for [0-9]+ connections only'
    places=$(sed -n 's/.*descriptors for \([0-9]*\) .*/\1/p' serve.err)
    for _ in 1 2 3; do
        fill
    done
    run ! grep -E 'open files|unavailable' serve.err
    kill "$server"
    ends "$server" 0
}

# fill: so many callers at once are served as there are places for, one after the other let in.
fill() {
    local pids=() end ends=()
    rm -f in.* said.*
    for ((i = 0; i < places; i++)); do
        mkfifo "in.$i"
        exec {end}<>"in.$i"
        ends+=("$end")
        KITH_DIR=alice "$KITH" dial "bob@$address" <"in.$i" >"said.$i" 2>>alice.err 3>&- &
        pids+=($!)
        echo "hello $i" >&"${ends[i]}"
        eventually grep -qx "hello $i" "said.$i"
    done
    run -5 dial </dev/null
    for ((i = 0; i < places; i++)); do
        kill "${pids[i]}"
    done
    eventually counts_none
}

# The server answers SIGUSR1, and has no channel.
counts_none() {
    kill -USR1 "$server"
    tail -n 1 serve.err | grep -q 'totals open=0'
}

@test "where no process can be started the caller fails, and the log says so" {
    [ "$(id -u)" = 0 ] || skip "only root becomes another user, and nobody limits root"
    ! sanitized || skip "the sanitizers start threads of their own"
    kith_for_others
    local user=$((100000 + RANDOM))
    chown -R "$user" bob
    launcher=(setpriv --reuid "$user" --clear-groups)
    start_serve --exec cat
    launcher_of "$server"
    # There are as many as that already, and only who starts programs is held to it.
    "${launcher[@]}" prlimit --pid "$starter" --nproc=1:
    run -8 dial </dev/null
    says serve.err 'cat: (the program failed: )?Resource temporarily unavailable'
    "${launcher[@]}" prlimit --pid "$starter" --nproc="$(ulimit -H -u):"
    [ "$(echo there | dial)" = there ]
    kill "$server"
    ends "$server" 0
}

@test "it leaves no zombies, and keeps nothing of programs that have ended" {
    needs_to_see_descriptors
    start_serve --exec true
    launcher_of "$server"
    local before
    before=$(find "/proc/$starter/fd" -mindepth 1 | wc -l)
    for _ in 1 2 3 4 5; do
        dial --recv-only
    done
    eventually has_no_children "$starter"
    [ "$(find "/proc/$starter/fd" -mindepth 1 | wc -l)" -eq "$before" ]
}

has_no_children() {
    [ -z "$(cat "/proc/$1/task/$1/children")" ]
}
