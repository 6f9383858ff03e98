#!/usr/bin/env bats
# shellcheck shell=bats
# A day in a minute: tests/churn, for ten seconds. KITH_LONG=1 gives it ten minutes; KITH_SEED repeats one.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# churn [reverse]
churn() {
    local seconds=10
    ! sanitized || export KITH_SANITIZED=1
    [ -z "${KITH_LONG:-}" ] || seconds=600
    timeout -k 1 $((seconds + 4 * limit)) \
        "$BATS_TEST_DIRNAME/churn" "${KITH_SEED:-$RANDOM}" "$seconds" "$@" 3>&-
}

@test "transfers, half-closes, aborts and reloads at random" {
    churn
}

@test "the same the reverse way" {
    churn reverse
}
