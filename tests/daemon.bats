#!/usr/bin/env bats
# shellcheck shell=bats
# The manners of a daemon: how it says that it is ready, what it does at signals, how it ends.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# start_call: alice has called a server that runs cat, and waits.
start_call() {
    start_serve "$@" --exec cat
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --ready-fd 7 7>up
    eventually [ -s up ]
}

# finish_call: she says her last word, and gets it back.
finish_call() {
    echo last >&8
    exec 8>&-
    ends "$dialer" 0
    [ "$(tail -n 1 alice.out)" = last ]
}

@test "port 0 is a free port, which --ready-fd says" {
    start_serve --exec cat
    [[ $address =~ ^127\.0\.0\.1:[1-9][0-9]*$ ]] || fail "it is at $address"
    dial </dev/null
}

@test "--ready-fd is closed, so that who waits for its end is not held up" {
    mkfifo ready
    KITH_DIR=bob "$KITH" serve --ready-fd 9 127.0.0.1:0 --exec cat 9>ready 2>serve.err 3>&- &
    also_started "$!"
    run -0 bounded cat ready
    [[ $output =~ ^127\.0\.0\.1:[0-9]+$ ]]
}

@test "a signal that comes as soon as we are ready finds us so" {
    tool manners early_signals
}

# Blocked there, by the bits of its number: SIGTERM is the 15th.
leave_it_to_main() {
    local task blocked found=0
    for task in "/proc/$server/task"/*; do
        [ "${task##*/}" != "$server" ] || continue
        blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "$task/status")
        ((0x$blocked >> 14 & 1)) || return
        found=1
    done
    ((found))
}

@test "what a daemon is told by signals interrupts no thread that carries" {
    [ -d /proc/self/task ] || skip "no /proc"
    start_serve --exec cat
    eventually leave_it_to_main
}

@test "sockets of LISTEN_FDS are taken" {
    launcher=(python3 "$tools/listen_fds.py" 127.0.0.1:0 127.0.0.1:0)
    serve_on=127.0.0.1:1 start_serve --exec cat
    readarray -t given <given
    [ "$address" = "${given[0]}" ]
    for address in "${given[@]}"; do
        [ "$(dial <<<hello)" = hello ]
    done
}

@test "a UNIX socket of LISTEN_FDS is taken, and left there" {
    start_serve --exec cat
    launcher=(python3 "$tools/listen_fds.py" "$PWD/given.socket")
    forward_on=1 start_forward
    launcher=()
    [ "$near" = "$PWD/given.socket" ] || fail "it says that it is at $near"
    tool manners carries "$PWD/given.socket"
    kill "$forwarder"
    ends "$forwarder" 0
    [ -S given.socket ]
}

@test "LISTEN_FDS for another process is not for us, nor for what we start" {
    launcher=(python3 "$tools/listen_fds.py" --pid 1 127.0.0.1:0)
    start_serve --exec cat
    [ "$address" != "$(cat given)" ]
    dial <<<hello
    start_serve --exec env
    dial --recv-only >alice.out
    run ! grep ^LISTEN_ alice.out
    launcher=(python3 "$tools/listen_fds.py" 127.0.0.1:0)
    start_serve --exec env
    dial --recv-only >alice.out
    run ! grep '^LISTEN_' alice.out
}

@test "LISTEN_FDS that is no number is refused" {
    # shellcheck disable=SC2016
    launcher=(sh -c 'export LISTEN_PID=$$ && exec "$@"' sh env)
    for count in -1 '' 1x; do
        refused 4 'LISTEN_FDS of the environment is not a number' -- \
            "${launcher[@]}" "LISTEN_FDS=$count" KITH_DIR=bob "$KITH" serve 127.0.0.1:0 --exec cat
    done
}

@test "listen is no daemon, and listens where it is told" {
    launcher=(python3 "$tools/listen_fds.py" 127.0.0.1:0)
    start_daemon bob listen.err listen 127.0.0.1:0
    address=$daemon_address
    [ "$address" != "$(cat given)" ] || fail "it listens on the socket of LISTEN_FDS"
    dial </dev/null
    ends "$daemon" 0
}

@test "LISTEN_FDS of what does not listen, or for messages, is refused" {
    for kind in --connected --messages; do
        run -4 --separate-stderr env KITH_DIR=bob timeout "$limit" \
            python3 "$tools/listen_fds.py" "$kind" "$KITH" serve 0 --exec cat
        one_line "$stderr" LISTEN_FDS
    done
}

# places: for how many connections the forward has descriptors, by its own word.
places() {
    says forward.err 'there are descriptors for [0-9]+ connections only'
    sed -n 's/.*descriptors for \([0-9]*\) .*/\1/p' forward.err
    rm forward.err
}

@test "a UNIX socket of LISTEN_FDS takes as many descriptors as one of our own" {
    start_serve --exec cat
    launcher=(sh -c 'ulimit -n 64; exec "$@"' sh)
    forward_on=$PWD/own start_forward --max-connections 1000
    own=$(places)
    launcher+=(python3 "$tools/listen_fds.py" "$PWD/given.socket")
    forward_on=1 start_forward --max-connections 1000
    [ "$(places)" = "$own" ]
}

@test "NOTIFY_SOCKET is told READY, RELOADING and STOPPING" {
    tool manners notifications path
    tool manners notifications abstract
    tool manners notifications path 1
    tool manners notifications abstract 1
}

@test "a NOTIFY_SOCKET where nobody listens is no trouble, and said" {
    NOTIFY_SOCKET=$PWD/nowhere start_serve --exec cat
    [ "$(dial <<<hello)" = hello ]
    says serve.err "NOTIFY_SOCKET: $PWD/nowhere: No such file or directory; the supervisor is not told"
    NOTIFY_SOCKET=vsock:2:1 start_forward
    says forward.err 'NOTIFY_SOCKET: vsock:2:1: Address family not supported'
    NOTIFY_SOCKET=@$(printf '%0200d' 0) start_forward
    says forward.err 'NOTIFY_SOCKET: @0*.*: File name too long'
}

@test "a NOTIFY_SOCKET that is gone is no trouble, and said once" {
    python3 "$tools/supervisor.py" "$PWD/supervisor" >states 3>&- &
    local supervisor=$!
    also_started "$supervisor"
    eventually [ -S supervisor ]
    NOTIFY_SOCKET=$PWD/supervisor start_serve --exec cat
    eventually grep -q READY=1 states
    kill "$supervisor"
    wait "$supervisor" || true
    kill -HUP "$server"
    says serve.err "NOTIFY_SOCKET: $PWD/supervisor: Connection refused; the supervisor is not told"
    says serve.err 'read again'
    kill "$server"
    ends "$server" 0
    [ "$(grep -c NOTIFY_SOCKET serve.err)" = 1 ]
}

@test "SIGTERM when nobody is there ends it with 0" {
    start_serve --exec cat
    start_forward
    kill "$server" "$forwarder"
    ends "$server" 0
    ends "$forwarder" 0
    launcher=("${interruptible[@]}")
    start_serve --exec cat
    kill -INT "$server"
    ends "$server" 0
}

@test "SIGTERM: no new calls, and what runs may finish" {
    start_call
    kill "$server"
    says serve.err 'no new calls'
    run -4 dial </dev/null
    finish_call
    ends "$server" 0
}

@test "SIGTERM at a forwarder: a running transfer finishes" {
    tool manners drains
}

@test "a second signal quits" {
    launcher=("${interruptible[@]}")
    start_call
    kill "$server"
    says serve.err 'a second signal quits'
    kill -INT "$server"
    ends "$server" 130 143
    ends "$dialer" 8
}

@test "--drain-timeout is the most that is waited" {
    start_call --drain-timeout 200ms
    kill "$server"
    ends "$server" 143
    ends "$dialer" 8
}

# comes_to_show PATTERN: what the server says of a channel when it is asked for its state; who has had
# the bytes is a moment ahead of who counts them.
comes_to_show() {
    eventually shown "$1"
}

shown() {
    kill -USR1 "$server"
    sleep 0.05
    grep -Eq "$1" serve.err
}

# ids FILE: of the streams that were whole, by what both sides call them.
ids() {
    sed -n 's/.*whole.* id=\([0-9a-f]\{8\}\.[0-9]*\)\( .*\)*$/\1/p' "$1"
}

# whole FILE COUNT: so many streams were, by what it says.
whole() {
    [ "$(grep -c ': whole ' "$1")" -ge "$2" ]
}

# carried WORD: by the forward, there and back.
carried() {
    local fd
    exec {fd}<>"/dev/tcp/${near%:*}/${near##*:}"
    printf %s "$1" >&"$fd"
    [ "$(bounded head -c "${#1}" <&"$fd")" = "$1" ]
    exec {fd}>&-
}

@test "both sides call a stream the same" {
    start_serve --exec cat
    : >dial.err
    for _ in 1 2; do
        dial -v <<<hello 2>>dial.err
    done
    eventually whole serve.err 2
    [ "$(ids dial.err | grep -c '\.1$')" -eq 2 ]
    [ "$(ids serve.err)" = "$(ids dial.err)" ]
    start_forward --keep 1 --spare 0 --ready-on listen
    for i in 1 2 3; do
        carried hello
        eventually whole forward.err "$i"
    done
    eventually whole serve.err 5
    [ "$(ids forward.err | cut -d . -f 1 | uniq | wc -l)" -eq 1 ]
    [ "$(ids forward.err | cut -d . -f 2 | xargs)" = '1 2 3' ]
    [ "$(ids serve.err | tail -n 3)" = "$(ids forward.err)" ]
    grep -v ' alice$' bob/peers >peers
    mv peers bob/peers
    kill -HUP "$server"
    says serve.err 'alice .*ended: .*no longer in the peers file.* seconds=[0-9.]*$' # a channel, no stream
}

@test "SIGUSR1 shows each channel, and the totals" {
    start_call
    echo 12345 >&8
    eventually [ -s alice.out ]
    comes_to_show 'alice \([0-9a-f]{8}\) at 127\.0\.0\.1:[0-9]+: channel seconds=[0-9]+ sent=6 received=6 id=[0-9a-f]{8}\.1$'
    says serve.err 'totals open=1 pending=0 channels=1 sent-by-ended=0 received-by-ended=0'
    finish_call
    comes_to "$server" serve.err 'totals open=0 pending=0 channels=1 sent-by-ended=11 received-by-ended=11'
    says serve.err 'whole'
}

@test "SIGUSR1 shows every channel, however many" {
    start_serve --exec cat
    mkfifo alice.in
    exec 8<>alice.in
    for _ in {1..17}; do
        start_dialer
    done
    comes_to "$server" serve.err 'totals open=17 '
    [ "$(grep -oE 'at 127\.0\.0\.1:[0-9]+: channel' serve.err | sort -u | wc -l)" -eq 17 ]
}

@test "SIGHUP: who is new may call, who is removed or expired may not any longer, and is ended" {
    tool reload peers_change
}

@test "the channel of a key that expires goes on until SIGHUP" {
    tool reload expiry_passes
}

@test "SIGHUP: the files of --peer are read again, and it is said when there are none" {
    mkdir some
    tool reload peer_files
}

@test "SIGHUP: a broken or missing file leaves all as it was" {
    tool reload broken_file
}

@test "SIGHUP: of who is removed a slow target gets no more, though much of it is here" {
    tool reload slow_target
}

@test "SIGHUP under load loses nothing" {
    tool reload under_load
}

@test "a name of --peer whose line is taken out is gone at SIGHUP, and the others stay" {
    start_serve --peer alice --peer carol --exec cat
    [ "$(dial <<<hello)" = hello ]
    echo nonsense >bob/peers
    kill -HUP "$server"
    says serve.err 'the peers stay as they were'
    [ "$(dial <<<hello)" = hello ]
    mkfifo in
    dial <in >out 2>dial.err &
    also_started "$!"
    exec 7>in
    echo hello >&7
    eventually grep -q hello out
    cat carol/identity.pub >bob/peers
    kill -HUP "$server"
    says serve.err 'alice: no longer in the peers file'
    says serve.err 'the peers were read again'
    ends "$!" 8
    exec 7>&-
    run -5 dial </dev/null
    [ "$(as carol dial "bob@$address" <<<hello)" = hello ]
    cat {alice,carol}/identity.pub >bob/peers
    kill -HUP "$server"
    eventually dial </dev/null
}

# minds_early_signals COMMAND...: bob's daemon gets both while it waits for its key.
minds_early_signals() {
    : >ready
    rm -f key
    mkfifo key
    KITH_DIR=bob "$KITH" "$1" --ready-fd 9 -i - "${@:2}" <key >/dev/null 2>early.err 9>ready 3>&- 8>&- &
    daemon=$!
    started+=("$daemon")
    exec 7>key
    eventually pgrep -P "$daemon" >/dev/null # the keeper, which reads it
    kill -HUP "$daemon"
    kill -USR1 "$daemon"
    cat bob/identity >&7
    exec 7>&-
    eventually [ -s ready ]
    says early.err 'read again'
    says early.err totals
}

@test "SIGHUP and SIGUSR1 that come before a daemon is ready are minded once it is" {
    minds_early_signals serve 127.0.0.1:0 --exec cat
    cp carol/identity.pub carol.pub
    minds_early_signals forward --ready-on listen 127.0.0.1:0 ./carol.pub@127.0.0.1:1
}

@test "events as JSON are JSON" {
    start_call --log-format json
    kill -USR1 "$server"
    says serve.err totals
    finish_call
    kill "$server"
    ends "$server" 0
    python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert all(isinstance(line["why"], str) for line in lines), lines
totals, ended = ([line for line in lines if name in line][-1] for name in ("open", "address"))
assert totals["open"] == 1 and isinstance(totals["sent-by-ended"], int), totals
assert isinstance(ended["received"], int) and ended["seconds"] >= 0, ended' <serve.err
}

@test "-vv shows the steps of a call, and what begins" {
    start_serve -vv --exec cat
    start_forward -vv
    exec 7<>"/dev/tcp/127.0.0.1/${near##*:}"
    echo hello >&7
    read -r -t "$limit" word <&7
    exec 7>&-
    [ "$word" = hello ]
    says serve.err "identity: .*our public key is $(cut -d ' ' -f 1 bob/identity.pub)"
    says serve.err 'serve: alice .*: begins, on a channel that is kept address='
    says forward.err 'call: bob .* at 127[.0-9:]*: there is a way there'
    says forward.err 'call: bob .*has shown that it is the one; its clock is .* ours'
    says forward.err 'forward: bob .*: begins, on a channel that is kept address='
    run -0 --separate-stderr dial -vv <<<hello
    [[ $stderr == *"has shown that it is the one"* ]]
    says serve.err 'serve: alice .*: begins address='
}

@test "--quiet shows errors only" {
    start_call --quiet
    finish_call
    kill "$server"
    ends "$server" 0
    [ ! -s serve.err ]
}

@test "who holds the key goes when the daemon is killed" {
    start_serve --exec cat
    read -r -a family <"/proc/$server/task/$server/children" || true
    [ "${#family[@]}" -gt 0 ]
    kill -KILL "$server"
    for pid in "${family[@]}"; do
        eventually is_gone "$pid"
    done
}

# in_container COMMAND...: as the first process of a namespace of its own.
in_container=(unshare --pid --fork --kill-child --mount-proc)

can_contain() {
    "${in_container[@]}" true 2>/dev/null || skip "no container may be made here"
}

# inner PID: what unshare has forked, as it is seen from here.
inner() {
    first=$(pgrep -o -P "$1")
}

@test "as the first process of a container: orphans are reaped, SIGTERM ends it" {
    can_contain
    launcher=("${in_container[@]}")
    mkfifo gate
    exec 8<>gate
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'sed -n "s/^PPid:.//p" /proc/$PPID/status
        setsid sh -c "cat <gate & cat <gate & exec true" >/dev/null 2>&1'
    [ "$(dial --recv-only)" = 1 ]
    eventually inner "$server"
    eventually has_children 5
    kill -STOP "$first" # both end before it hears of one
    exec 8>&-
    eventually has_dead 2
    kill -CONT "$first"
    eventually has_children 3
    kill "$first"
    ends "$server" 0
}

# has_children COUNT: so has the first process: who holds the key, who looks things up and who starts
# programs, and the orphans of these.
has_children() {
    [ "$(wc -w <"/proc/$first/task/$first/children")" -eq "$1" ]
}

# has_dead COUNT: so many of them have ended.
has_dead() {
    local child dead=0
    for child in $(<"/proc/$first/task/$first/children"); do
        ! grep -q '^State:.Z' "/proc/$child/status" || dead=$((dead + 1))
    done
    [ "$dead" -eq "$1" ]
}

@test "as the first process of a container: a second signal ends it all" {
    can_contain
    launcher=("${in_container[@]}")
    start_call
    launcher=()
    eventually inner "$server"
    kill "$first"
    says serve.err 'a second signal quits'
    kill "$first"
    ends "$server" 143
    ends "$dialer" 8
}
