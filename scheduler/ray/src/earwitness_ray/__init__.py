"""Runs Earwitness workers on a Ray cluster.

`earwitness run --cluster ray` starts `python3 -m earwitness_ray`, the driver, and speaks with it over stdin and stdout:

    coordinator <-- stdin, stdout --> driver <-- Ray calls --> actor <-- stdin, stdout --> earwitness worker

| module    | purpose                                                                  |
|-----------|--------------------------------------------------------------------------|
| `wire`    | the lines between coordinator and driver                                 |
| `host`    | runs one worker process; an actor's whole code                           |
| `slot`    | the state of one slot: its actor, its worker, the calls in flight        |
| `driver`  | the loop over all slots                                                  |
| `cluster` | the cluster as the driver sees it, and its implementation; imports `ray` |
"""

PROTOCOL = 1
"""Version of the lines between coordinator and driver. Both sides must use the same one."""
