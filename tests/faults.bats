#!/usr/bin/env bats
# shellcheck shell=bats
# Whatever call fails, wherever: no crash, no hang, no leak, no byte that is wrong, the right status
# and one line. tests/tools/faults.py has each fail in turn; here a sample of them, the same each
# time unless KITH_SEED is another. make faults tries all.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# libcrypto leaks where a call of its own fails for want of memory: that is not ours to mend. To see
# whose a leak is takes all of the stack.
export_sanitizer_options() {
    echo 'leak:libcrypto' >libcrypto.supp
    export LSAN_OPTIONS=suppressions=$PWD/libcrypto.supp:print_suppressions=0
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0:fast_unwind_on_malloc=0
}

# The library that has calls fail.
make_library() {
    [ "$(uname)" = Linux ] || skip "made for Linux"
    ! grep -q __tsan_init "$KITH" || skip "ThreadSanitizer's library has to come first"
    "${CC:-cc}" -O1 -shared -fPIC -o faults.so "$tools/faults.c" -ldl || skip "no compiler"
    ! sanitized || export_sanitizer_options
}

# faults COUNT SCENARIO...: so many of what can fail there.
faults() {
    make_library
    ! sanitized || set -- $(($1 / 4)) "${@:2}"
    KITH_TEST_LIMIT=20 timeout 300 python3 "$tools/faults.py" faults.so --jobs 3 \
        --seed "${KITH_SEED:-1}" --most "$@" 3>&-
}

@test "keys: both files are whole or there is none" {
    faults 100 keygen keygen_force pubkey pubkey_encrypted
    faults 6 --only '^0 malloc (4|11|29|41|65|75) ENOMEM' keygen # where libcrypto begins
}

@test "a call that fails somewhere is whole, or says why it is not" {
    faults 120 check dial dial_by_name dial_again dial_encrypted dial_pipes dial_program
    faults 2 --only '^0 send 1 (EAGAIN|ENOBUFS)$' dial_program # its end is told to who holds its input
}

@test "a secret namespace is whole or not there; by a command, an agent's key or a secret, as any call" {
    command -v ssh-agent >/dev/null || skip "no ssh-agent here"
    faults 24 keygen_namespace dial_via dial_agent dial_secret
}

@test "a super-server's one call is whole, or both sides say why it is not" {
    faults 16 listen_inetd serve_inetd serve_inetd_pipes
}

@test "the reverse way loses one connection at most, and holds nothing of it" {
    ! sanitized || skip "in each thread the sanitizer allocates for itself, and fails when that does"
    faults 16 serve_call forward_accept
}

@test "listen takes one call whatever failed before" {
    faults 80 listen listen_program
}

@test "a peer is added whole or not at all, by import and by meet" {
    faults 40 import_keys meet meet_listen
}

@test "a file that is received is whole or not there, and who sent it is told which" {
    faults 40 dial_output listen_output listen_output_over
    faults 30 killed_output killed_output_over
}

@test "listen ends once the process has that holds its key" {
    start_listener
    kill -KILL "$(cat "/proc/$listener/task/$listener/children")"
    ends "$listener" 1
    one_line "$(cat bob.err)" 'keeper.*private key failed'
}

# Whether the call has come that was to be slow.
is_slow() {
    [ "$(od -A n -N 4 -t u4 board)" -gt 0 ]
}

@test "a helper that ends while its daemon starts is missed" {
    make_library
    truncate -s 1M board
    KITH_FAULT_BOARD=$PWD/board KITH_FAULT='0 bind 1 1 slow 1000' LD_PRELOAD=$PWD/faults.so \
        KITH_DIR=bob "$KITH" serve 127.0.0.1:0 1 2>serve.err 3>&- &
    server=$!
    also_started "$server"
    eventually is_slow
    read -r keeper _ <"/proc/$server/task/$server/children" || true # no newline at its end
    kill -KILL "$keeper"
    ends "$server" 1
    grep 'keeper: .*it has ended' serve.err
}

@test "serve loses one call at most, and holds nothing of it" {
    ! sanitized || skip "in each thread the sanitizer allocates for itself, and fails when that does"
    faults 80 serve serve_program serve_reload serve_named
    faults 4 --only '^0 calloc' serve_named # where its channel would be
    faults 20 --only '^0 malloc 16[0-9]{2} ENOMEM$' serve_named # what libcrypto needs first then
}

@test "forward loses one connection at most, and holds nothing of it" {
    ! sanitized || skip "in each thread the sanitizer allocates for itself, and fails when that does"
    faults 80 forward forward_path forward_plain forward_reload
}

@test "so it is by a command that leads there, for a program of --run, for a target that is one, and under a supervisor" {
    ! sanitized || skip "in each thread the sanitizer allocates for itself, and fails when that does"
    faults 24 serve_exec serve_supervised forward_via
    faults 10 forward_run
    faults 4 --only '^0 send 2 (EIO|ENOBUFS)$|^0.2 send [34] (EINTR|ENOBUFS)$' forward_run # words that are lost
}

# without_random ROLE ARGUMENT...: kith without a random number, in one of its processes.
without_random() {
    rm -f board
    truncate -s 1M board
    KITH_FAULT_BOARD=$PWD/board KITH_FAULT="$1 getentropy 1 4294967295 fail $number" \
        LD_PRELOAD=$PWD/faults.so timeout "$limit" "$KITH" "${@:2}"
}

# What a caller says, to its end.
start_hearing() {
    rm -f heard.at heard
    python3 -c 'import socket
server = socket.create_server(("127.0.0.1", 0))
print("%s:%d" % server.getsockname(), file=open("heard.at", "w"), flush=True)
open("heard", "wb").write(server.accept()[0].recv(1000))' 3>&- &
    also_started "$!"
    eventually [ -s heard.at ]
}

@test "random numbers that fail stop all before a byte is sent or a key is there" {
    ! sanitized || skip "its library would have to come first"
    make_library
    for number in 5 38; do # EIO, ENOSYS
        KITH_DIR=new refused 1 libcrypto -- without_random 0 keygen
        [ ! -e new/identity ]
        [ ! -e new/identity.pub ]
        start_hearing
        KITH_DIR=alice refused 1 libcrypto -- without_random 0 dial "bob@$(cat heard.at)"
        eventually [ -e heard ]
        [ ! -s heard ]
        start_hearing
        KITH_DIR=alice refused 1 libcrypto -- without_random 0 check "bob@$(cat heard.at)"
        eventually [ -e heard ]
        [ ! -s heard ]
    done
}

@test "without random numbers nobody who meets says a word" {
    ! sanitized || skip "its library would have to come first"
    make_library
    KITH_FAULT="0 getentropy 1 4294967295 fail 5" FAULTS=$PWD/faults.so \
        bounded python3 "$tools/meeting.py" without_random 3>&-
}

# begins_without_random WHO COMMAND ARGUMENT...: it is ready, but has no random number. Sets begun and near.
begins_without_random() {
    rm -f ready
    mkfifo ready
    number=5 KITH_DIR=$1 without_random 0 "${@:2}" --ready-fd 9 </dev/null >/dev/null 2>begun.err 9>ready 3>&- &
    begun=$!
    also_started "$begun"
    read -r -t "$limit" near <ready
}

# All that is answered to a hello of alice's.
answered() {
    bounded python3 - "$near" <<'END'
import os, sys
sys.path.insert(0, os.environ["tools"])
import attacked, daemons, speaker
alice, bob = map(speaker.identity_of, ("alice", "bob"))
with attacked.connect(sys.argv[1]) as sock:
    sock.sendall(speaker.Dialer(alice, bob.public).message_1())
    print(*daemons.read_to_end(sock))
END
}

@test "without random numbers nobody is answered, nor called for a program" {
    ! sanitized || skip "its library would have to come first"
    make_library
    for command in 'listen 127.0.0.1:0' 'serve 127.0.0.1:0 127.0.0.1:1'; do
        # shellcheck disable=SC2086
        begins_without_random bob $command
        run -0 answered
        [[ $output = "b'' "* ]] || fail "${command%% *} answers: $output"
        eventually grep -q 'alice .* refused: libcrypto failed' begun.err
        kill "$begun"
    done
    start_hearing
    begins_without_random alice forward --plain 127.0.0.1:0 "bob@$(cat heard.at)"
    bounded python3 "$tools/echoed.py" "$near" <<<hello >heard.back || true # it is reset, be it while it speaks
    [ ! -s heard.back ]
    eventually [ -e heard ]
    [ ! -s heard ]
    eventually grep -q 'bob .*libcrypto failed' begun.err
}

# From the Nth on nothing is given any more, so that one of them is the first call that is to be made.
@test "forward and serve --call say it, once, where memory is lacking for a call, now and later" {
    ! sanitized || skip "its library would have to come first"
    make_library
    local command nth begun
    for command in 'forward 0 bob@127.0.0.1:1' 'serve --call bob@127.0.0.1:1 1'; do
        for nth in {2..10}; do
            rm -f board
            truncate -s 1M board
            # shellcheck disable=SC2086
            KITH_DIR=alice KITH_FAULT_BOARD=$PWD/board KITH_FAULT="0 calloc $nth 4294967295 fail 12" \
                LD_PRELOAD=$PWD/faults.so "$KITH" $command </dev/null >/dev/null 2>said.err 3>&- &
            begun=$!
            also_started "$begun"
            eventually grep -qE 'out of memory|no thread can|cannot be reached' said.err || fail "$command, calloc $nth"
            sleep 0.3 # in which it is tried again
            kill "$begun" 2>/dev/null || true
            ends "$begun" 0 1 4
            [ -z "$(sort said.err | uniq -d)" ] || # each reason once
                fail "$command, calloc $nth: $(cat said.err)"
        done
    done
}
