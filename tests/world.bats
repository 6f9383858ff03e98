#!/usr/bin/env bats
# shellcheck shell=bats
# The world that kith is started in need not be clean: signals that are blocked or ignored,
# descriptors that are closed or not ours, system calls and threads that are not to be had.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# in_world WORD...: what kith is started in from here on; see tests/tools/world.py.
in_world() {
    launcher=(python3 "$tools/world.py" "$@")
    at_terminal=("${launcher[@]}")
}

# Whether a process, or any other one of kith's, has handled what was sent to it before: it answers.
answers_signals() {
    kill -USR1 "$server"
    says serve.err totals
}

@test "signals that were blocked are not any longer: programs end, and so do we" {
    in_world block=ALL
    start_serve --exec cat
    [ "$(dial <<<hello)" = hello ]
    kill "$server"
    ends "$server" 0
    start_listener
    kill "$listener"
    ends "$listener" 143
}

@test "children that were ignored are not any longer" {
    in_world ignore=CHLD
    start_serve --exec sh -c 'exit 1'
    run -8 dial --recv-only
    says serve.err 'alice .*the program failed'
}

@test "SIGINT that is ignored at start, as behind a shell's &, remains so" {
    in_world ignore=INT
    start_serve --exec cat
    kill -INT "$server"
    answers_signals
    run ! grep 'no new calls' serve.err
    [ "$(dial <<<hello)" = hello ]
    kill "$server"
    ends "$server" 0
}
