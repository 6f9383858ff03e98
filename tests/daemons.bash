# shellcheck shell=bash
# What the tests of serve and forward share: bob serves, alice forwards to him.

# Once a file: carol calls bob as well.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    local who
    for who in alice bob carol; do
        as "$who" keygen -n "$who"
    done
    cat alice/identity.pub carol/identity.pub >bob/peers
    cp bob/identity.pub alice/peers
    cp bob/identity.pub carol/peers
}

setup() {
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob,carol} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
}

# tool NAME SUBJECT ARGUMENT...: one subject of a tool in tests/tools.
tool() {
    ! sanitized || export KITH_SANITIZED=1
    timeout -k 1 $((4 * limit)) python3 "$tools/$1.py" "${@:2}" 3>&-
}

# start_daemon WHO LOG COMMAND...: run this with the folder of alice or bob, and stderr added to
# LOG. Sets daemon, its pid, and daemon_address.
start_daemon() {
    rm -f ready
    mkfifo ready
    KITH_DIR=$1 "${launcher[@]}" "$KITH" "$3" --ready-fd 9 "${@:4}" \
        </dev/null >/dev/null 2>>"$2" 9>ready 3>&- 8>&- &
    daemon=$!
    started+=("$daemon")
    read -r -t "$limit" daemon_address <ready || fail "$3 is not ready: $(cat "$2")"
}
launcher=() # what starts kith in its place, if not the shell

# start_serve ARGUMENT...: what follows [HOST:]PORT, options before or after. Sets server and address.
start_serve() {
    start_daemon bob serve.err serve "${serve_on:-127.0.0.1:0}" "$@"
    server=$daemon
    address=$daemon_address
}

# start_forward OPTION...: on a free port, or $forward_on. Sets forwarder and near.
start_forward() {
    start_daemon alice forward.err forward "$@" "${forward_on:-127.0.0.1:0}" "bob@$address"
    forwarder=$daemon
    near=$daemon_address
}

# says FILE PATTERN: the log comes to say this.
says() {
    eventually grep -Eq -e "$2" "$1"
}

# dial OPTION...: alice calls the server herself.
dial() {
    as alice dial "$@" "bob@$address"
}
