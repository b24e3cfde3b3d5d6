"""The driver over a cluster that the test controls."""

import json

import pytest

from earwitness_ray import slot as slots
from earwitness_ray.host import Output, Started
from earwitness_ray.wire import WireError
from fakes import Rig


def down(line: str) -> tuple[str, str, str]:
    """Address, cause and reason of a `down`."""
    address, verb, payload = line.split(" ", 2)
    assert verb == "down", line
    fields = json.loads(payload)
    return address, fields["cause"], fields["reason"]


def test_worker_is_started_in_an_actor_and_its_place_is_stated() -> None:
    rig = Rig()
    rig.tell("3.1 start {}")
    [call] = rig.calls("start")
    assert call.args == (1, ["earwitness", "worker"], {"A": "b"})
    [line] = rig.reply(call, Started("n1", "host-1", ["0"], 42))
    assert line == '3.1 up {"node": "n1", "host": "host-1", "gpus": ["0"], "pid": 42}'
    assert [call.args for call in rig.calls("read")] == [(1, slots.POLL_S)]


def test_output_is_passed_on_in_order_with_one_read_at_a_time() -> None:
    rig = Rig()
    rig.up()
    assert rig.output([b"a", b"b"]) == ["0.1 line a", "0.1 line b"]
    assert len(rig.calls("read")) == 1
    assert rig.output([b"c"]) == ["0.1 line c"]


def test_stalled_actor_does_not_stall_others() -> None:
    rig = Rig()
    rig.up(0)
    rig.up(1, node="n1")
    for number in range(50):
        assert rig.output([b"%d" % number], actor=1) == [f"1.1 line {number}"]
    rig.tell("1.1 line answer")
    assert rig.calls("write", 1)[0].args == (1, 0, [b"answer"])


def test_input_is_numbered_and_bounded_in_flight() -> None:
    rig = Rig()
    rig.up()
    for number in range(20):
        rig.tell(f"0.1 line {number}")
    writes = rig.calls("write")
    assert len(writes) == slots.WRITES_IN_FLIGHT
    rig.reply(writes[2], None)  # replies may overtake each other
    last = rig.calls("write")[-1]
    assert last.args == (1, slots.WRITES_IN_FLIGHT, [str(number).encode() for number in range(4, 20)])
    rig.tell("0.1 close {}")
    for write in list(rig.calls("write")):
        rig.reply(write, None)
    assert [call.args[1:] for call in rig.calls("write")] == [(slots.WRITES_IN_FLIGHT + 1, None)]


def test_close_comes_after_all_input() -> None:
    rig = Rig()
    rig.up()
    rig.tell("0.1 line last")
    rig.tell("0.1 close {}")
    assert [call.args for call in rig.calls("write")] == [(1, 0, [b"last"]), (1, 1, None)]


def test_child_that_exits_leaves_its_actor_for_the_next_worker() -> None:
    rig = Rig()
    rig.up()
    lines = rig.output([b"last words"], end="killed by signal 9")
    assert lines[0] == "0.1 line last words"
    assert down(lines[1]) == ("0.1", "exit", "killed by signal 9")
    rig.up(generation=2)
    assert (rig.cluster.actors, rig.cluster.discarded) == (1, [])


def test_actor_that_dies_is_distinguished_from_a_node_that_left() -> None:
    rig = Rig()
    rig.up()
    [line] = rig.fail(rig.calls("read")[0])
    assert down(line) == ("0.1", "actor", "its actor died (ActorDiedError)")
    rig.up(generation=2)
    rig.cluster.nodes.remove("n0")
    [line] = rig.fail(rig.calls("read")[0])
    assert down(line)[1] == "node"
    assert rig.cluster.discarded == [0]


def test_every_failure_of_a_worker_is_reported_once() -> None:
    rig = Rig()
    rig.up()
    rig.tell("0.1 line x")
    read, write = rig.calls("read")[0], rig.calls("write")[0]
    assert len(rig.fail(write)) == 1
    assert rig.fail(read) == []


def test_actor_that_does_not_answer_is_a_lost_node_long_before_ray_says_so() -> None:
    rig = Rig(silence_s=3.0)
    rig.up()
    rig.now += slots.POLL_S + 3.0
    assert rig.step() == []
    rig.now += 0.1
    [line] = rig.step()
    assert down(line) == ("0.1", "node", "the node has not answered for 3.1 s")
    assert rig.cluster.discarded == [0]
    late = rig.calls("read")[0]
    rig.up(generation=2, node="n1")
    assert rig.reply(late, Output([b"late"])) == []


def test_start_is_tried_again_while_ray_restarts_the_actor() -> None:
    rig = Rig()
    rig.tell("0.1 start {}")
    for tries in range(1, slots.TRIES):
        assert rig.fail(rig.calls("start")[0]) == []
        assert rig.cluster.actors == 1 + (tries - 1) // slots.TRIES_PER_ACTOR
        rig.now += slots.RETRY_S
        rig.step()
    [line] = rig.fail(rig.calls("start")[0])
    assert down(line)[1] == "actor"
    assert "cannot be started" in line


def test_program_that_cannot_be_started_is_reported_with_its_node() -> None:
    rig = Rig()
    rig.tell("0.1 start {}")
    [line] = rig.reply(rig.calls("start")[0], Started("n1", "host-1", [], 0, "/x cannot be started: No such file"))
    assert down(line) == ("0.1", "program", "/x cannot be started: No such file")
    assert '"node": "n1"' in line


def test_slot_without_room_is_reported_once() -> None:
    rig = Rig()
    rig.tell("0.1 start {}")
    rig.now += slots.PENDING_S
    assert rig.step() == []
    rig.now += 1
    assert rig.step() == ['0.1 pending {"seconds": 30.0}']
    rig.now += 60
    assert rig.step() == []


def test_kill_keeps_the_resources_and_release_gives_them_back() -> None:
    rig = Rig()
    rig.up()
    rig.tell("0.1 kill {}")
    assert [call.args for call in rig.calls("kill")] == [(1,)]
    assert rig.cluster.discarded == []
    assert rig.output([b"late"]) == []
    rig.tell("0.1 release {}")
    assert rig.cluster.discarded == [0]
    rig.up(generation=2)
    assert rig.cluster.actors == 2


def test_kill_of_an_earlier_generation_does_nothing() -> None:
    rig = Rig()
    rig.up(generation=2)
    rig.tell("0.1 kill {}")
    rig.tell("0.1 line for the first")
    assert rig.calls("kill") == rig.calls("write") == []


def test_restart_in_a_slot_ends_the_worker_before() -> None:
    rig = Rig()
    rig.up()
    rig.up(generation=2)
    assert [call.args for call in rig.calls("kill")] == [(1,)]


def test_actor_that_replies_is_reported_about_once_per_second_with_the_memory_of_its_worker() -> None:
    rig = Rig()
    rig.up()
    moments: list[tuple[float, int | None, bool]] = [
        (0.0, 1000, True),
        (0.5, 2000, False),
        (0.5, 3000, True),
        (1.0, None, True),
    ]
    for passed_s, memory, is_reported in moments:
        rig.now += passed_s
        lines = rig.reply(rig.calls("read")[0], Output([], None, memory))
        assert lines == [f"0.1 alive {json.dumps({'memory': memory})}"] * is_reported


def test_capacity_and_signs_of_life_are_sent() -> None:
    rig = Rig()
    rig.driver.step()
    assert rig._lines == [b"- capacity 2", b"- beat {}"]
    rig._lines.clear()
    rig.driver.step()
    assert rig._lines == []
    rig.cluster.room = 5
    rig.now += 1
    rig.driver.step()
    assert rig._lines == [b"- capacity 5", b"- beat {}"]


def test_stop_ends_all_actors() -> None:
    rig = Rig()
    rig.up(0)
    rig.up(1)
    rig.driver.stop()
    rig.driver.run()
    assert rig.cluster.discarded == [0, 1]


@pytest.mark.parametrize("line", ["- start {}", "0.1 dance {}"])
def test_line_that_makes_no_sense_is_an_error(line: str) -> None:
    with pytest.raises(WireError):
        Rig().tell(line)
