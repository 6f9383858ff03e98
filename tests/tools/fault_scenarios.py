"""What kith is asked to do while something in it fails, each with all that has to hold after it. In a
directory with the folders alice and bob, who know each other; nobody fails but the subject."""

from fault_daemons import (
    forward, forward_accept, forward_path, forward_plain, forward_reload, forward_run, forward_via,
    serve, serve_call, serve_exec, serve_named, serve_program, serve_reload, serve_supervised)
from fault_keys import (
    import_keys, keygen, keygen_force, keygen_namespace, meet, meet_listen, pubkey, pubkey_encrypted)
from fault_pipes import (
    check, dial, dial_again, dial_agent, dial_by_name, dial_encrypted, dial_output, dial_pipes,
    dial_program, dial_secret, dial_via, killed_output, killed_output_over, listen, listen_inetd,
    listen_output, listen_output_over, listen_program, serve_inetd, serve_inetd_pipes)

SCENARIOS = {each.__name__: each for each in (
    keygen, keygen_force, keygen_namespace, dial_via, dial_secret, dial_agent, listen_inetd,
    serve_inetd, serve_inetd_pipes, serve_call, forward_accept, pubkey, pubkey_encrypted, check, dial,
    dial_by_name, dial_again, dial_encrypted, dial_pipes, dial_program, dial_output, listen,
    listen_program, listen_output, listen_output_over, killed_output, killed_output_over, import_keys,
    meet, meet_listen, serve, serve_program, serve_exec, serve_supervised, serve_reload, serve_named,
    forward, forward_path, forward_plain, forward_reload, forward_via, forward_run)}
KILLED = ("killed_output", "killed_output_over")
