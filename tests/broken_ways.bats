#!/usr/bin/env bats
# shellcheck shell=bats
# Ways that break or lie once the channel is there, whoever leads there: --via, --inetd, --call and
# --accept. What each side says and ends with, and that nothing is believed.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

way='socat STDIO TCP:%h:%p'

# start_http_proxy: sets http_proxy, the command that leads over it, and http_proxy_pid.
start_http_proxy() {
    local port
    needs ncat
    port=$(free_port)
    start proxy ncat -l 127.0.0.1 "$port" -k --proxy-type http
    http_proxy_pid=$!
    eventually answers 127.0.0.1 "$port"
    http_proxy="ncat --proxy 127.0.0.1:$port --proxy-type http %h %p"
}

# proxy_dies: it, and those that carry for it.
proxy_dies() {
    # shellcheck disable=SC2046
    kill -KILL $(ps -o pid= --ppid "$http_proxy_pid") "$http_proxy_pid"
}

# proxy_dies_under_a_program [COMMAND...]: one at $near, which has had a part back, is reset. The command
# runs just before.
proxy_dies_under_a_program() {
    local part
    exec 7<>"/dev/tcp/127.0.0.1/${near##*:}"
    echo part >&7
    read -r -t "$limit" part <&7
    [ "$part" = part ]
    "$@"
    proxy_dies
    run ! bounded cat <&7
    [[ $output == *reset* ]]
    exec 7>&-
}

# kith_says FILE PATTERN...: of kith's lines in it there is one, with these.
kith_says() {
    one_line "$(grep ^kith: "$1")" "${@:2}"
}

# lying LIE DIRECTION COMMAND: a way that lies in the first message after the handshake, or soon.
lying() {
    rm -f lied
    lie="python3 '$tools/lying_way.py' $1 $2 900 '$3'"
}

# is_beginning FILE OF
is_beginning() {
    head -c "$(wc -c <"$1")" "$2" | cmp - "$1"
}

# has_tried N: the command was started so many times, or more.
has_tried() {
    [ -e tries ] && [ "$(wc -l <tries)" -ge "$1" ]
}

# kith_says_once FILE PATTERN
kith_says_once() {
    [ "$(grep -c "^kith: .*$2" "$1")" -eq 1 ] || fail "not once: $2"
}

# calls_back WAY: alice, who echoes, calls bob by it, whose programs connect to $near.
calls_back() {
    start_kith bob forward --ready-on listen --accept 127.0.0.1:0 127.0.0.1:0 alice
    near=$(sed -n 's/.* \(127[0-9.:]*\): each connection.*/\1/p' forward.err)
    found_at "$(sed -n 's/.* \(127[0-9.:]*\): waits for calls.*/\1/p' forward.err)"
    KITH_DIR=alice "$KITH" serve --via "$1" --call bob --spare 1 exec:cat \
        2>serve.err </dev/null 3>&- 8>&- &
    also_started $!
    kiths=($! "${kiths[@]}")
}

# is_echoed WORD: a program gets it back.
is_echoed() {
    [ "$(echo "$1" | bounded socat -t "$limit" STDIO "TCP:$near")" = "$1" ]
}

@test "a proxy that dies while the channel is open cuts it: both sides say so" {
    start_http_proxy
    start_listener
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --via "$http_proxy"
    echo part >&8
    eventually grep -q part bob.out
    proxy_dies
    ends "$dialer" 8
    ends "$listener" 8
    kith_says alice.err 'bob .*cut short'
    one_line "$(cat bob.err)" 'alice .*cut short'
}

@test "forward: a proxy that dies resets the program, and the peer is found once there is another" {
    needs socat
    start_http_proxy
    serves exec:cat
    forwards --via "if [ -e other ]; then exec $way; else exec $http_proxy; fi" \
        --spare 0 --keep 1 --ready-on listen 127.0.0.1:0
    proxy_dies_under_a_program
    eventually grep -q 'bob .*cut short' forward.err
    eventually grep -q 'alice .*cut short' serve.err
    touch other
    [ "$(echo again | bounded socat -t "$limit" STDIO "TCP:$near")" = again ]
    finish
}

@test "a command that lies about what passes is not believed: both fail, and nothing else is written" {
    local what direction lie
    needs socat
    random_file alice.in 400000
    random_file bob.in 400000
    for what in flip drop repeat inject; do
        for direction in up down; do
            start_listener
            lying "$what" "$direction" "exec socat -t 0.1 STDIO TCP:%h:%p"
            run -8 --separate-stderr dial --via "$lie" <alice.in
            ends "$listener" 8
            [ -e lied ]
            is_beginning bob.out alice.in
            if [ "$direction" = up ]; then
                kith_says bob.err 'tampered with'
                [ ! -s bob.out ]
            else
                grep '^kith: .*tampered with' <<<"$stderr"
                [ -z "$output" ]
            fi
        done
    done
}

@test "nor is one before --inetd: no file is there, and each side says so" {
    local what lie
    random_file alice.in 400000
    cat >bob.sh <<'END'
KITH_DIR=bob "$KITH" listen --inetd -o file 2>bob.err
echo $? >bob.status
END
    address=host.invalid:1
    for what in flip drop repeat inject; do
        rm -f bob.status
        lying "$what" up 'sh ./bob.sh'
        run -8 dial --via "$lie" <alice.in
        eventually [ -s bob.status ]
        [ "$(cat bob.status)" -eq 8 ]
        [ -e lied ]
        kith_says bob.err 'alice .*tampered with'
        [ ! -e file ]
    done
}

@test "nor is one of serve --call: the connection is reset on both sides, and the next is carried" {
    local what direction lie
    needs socat
    random_file sent 400000
    for what in flip drop repeat inject; do
        for direction in up down; do
            lying "$what" "$direction" "exec $way"
            calls_back "[ -e lied ] && exec $way; $lie"
            eventually grep -q 'the peer has called' forward.err
            socat -t "$limit" STDIO "TCP:$near" <sent >back 2>socat.err || true
            [ -e lied ]
            is_beginning back sent
            [ "$(wc -c <back)" -lt 400000 ]
            if [ "$direction" = up ]; then
                eventually grep -q 'alice .*tampered with' forward.err
            else
                eventually grep -q 'bob .*tampered with' serve.err
            fi
            eventually is_echoed word
            finish
        done
    done
}

@test "serve --call: a proxy that dies resets the program, and another leads there" {
    needs socat
    start_http_proxy
    calls_back "if [ -e other ]; then exec $way; else exec $http_proxy; fi"
    proxy_dies_under_a_program touch other
    eventually grep -q 'alice .*cut short' forward.err
    eventually grep -q 'bob .*cut short' serve.err
    eventually is_echoed word
    finish
}

@test "one that stalls ends with --idle-timeout, on both sides, and is ended itself" {
    needs socat
    mkfifo alice.in
    exec 8<>alice.in
    start_listener -v --idle-timeout 1s -o file
    start_dialer --idle-timeout 1s --via "echo \$\$ >pid; exec $way"
    eventually [ -s pid ]
    also_started "$(cat pid)"
    echo part >&8
    eventually grep -q connected bob.err
    kill -STOP "$(cat pid)"
    ends "$dialer" 7
    ends "$listener" 7
    kith_says alice.err 'bob .*nothing moved for the idle timeout'
    grep -q '^kith: listen: alice .*nothing moved for the idle timeout' bob.err
    [ ! -e file ]
    eventually is_gone "$(cat pid)"
}

@test "serve --call: a command that fails is said once, and once it leads there all is well" {
    needs socat
    calls_back "echo >>tries; [ -e way ] || exit 3; exec $way"
    eventually has_tried 2
    kith_says_once serve.err 'with status 3'
    touch way
    eventually grep -q 'the peer is there again' serve.err
    eventually grep -q 'the peer has called' forward.err
    is_echoed word
    kith_says_once serve.err 'with status 3'
    finish
}

@test "dial --exec: its program fails early or late, or is killed: both sides say so" {
    local script said
    # shellcheck disable=SC2016
    for script in 'exit 3' 'cat >/dev/null; echo late; exit 3' 'echo part; kill -KILL $$'; do
        said='with status 3'
        [[ $script == exit* || $script == cat* ]] || said='by signal 9'
        rm -rf new
        mkdir new
        start_listener -o new/file
        dial_program=(--exec sh -c "$script")
        refused 1 "dial: sh: the program failed: $said" -- dial
        ends "$listener" 8
        one_line "$(cat bob.err)" 'alice .*cut short'
        [ -z "$(ls -A new)" ]
    done
}

@test "--rate and --progress are the same with a program, by a command, and to a target by its name" {
    needs socat
    serves one=exec:'cat >got' --peer "$(as alice pubkey)"
    random_file sent 3000
    run -0 --separate-stderr as alice dial --via "$way" --rate 2K --progress=json bob:one <sent
    tail -n 1 <<<"$stderr" | grep '"sent":3000'
    cmp sent got
    run -0 --separate-stderr as alice dial --send-only --rate 2K --progress=json bob:one --exec cat sent
    tail -n 1 <<<"$stderr" | grep '"sent":3000'
    cmp sent got
    finish
}
