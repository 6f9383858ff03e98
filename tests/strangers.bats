#!/usr/bin/env bats
# shellcheck shell=bats
# Strangers at the door: tests/tools/strangers.py brings them.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

@test "strangers of every kind are dropped, and an honest peer gets through meanwhile" {
    ! sanitized || export KITH_SANITIZED=1
    timeout -k 1 $((4 * limit)) python3 "$tools/strangers.py" 3>&-
}
