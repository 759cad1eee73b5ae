"""Peers: who is let in, and who goes for that."""

from __future__ import annotations

from gateway.server.peers import Peers


def test_peer_with_too_many_loses_the_one_that_has_waited_longest() -> None:
    peers: Peers[str] = Peers(100, 3)
    assert [peers.add("a", name) for name in "123"] == [(True, None)] * 3
    assert peers.add("b", "other") == (True, None)
    assert peers.add("a", "4") == (True, "1")
    peers.remove("a", "1")
    # Somebody has called on one of them, another has just asked for something.
    peers.work("a", "2")
    peers.wait("a", "2", True)
    peers.work("a", "3")
    assert peers.add("a", "5") == (True, "4")
    peers.remove("a", "4")
    assert peers.add("a", "6") == (True, "5")
    peers.remove("a", "5")
    peers.work("a", "6")
    assert peers.add("a", "7") == (True, "2")
    peers.remove("a", "2")
    peers.work("a", "7")
    # All have a request under way.
    assert peers.add("a", "8") == (False, None)
    assert peers.add("c", "9") == (True, None)


def test_connections_in_all_are_limited_at_the_cost_of_who_has_most() -> None:
    peers: Peers[str] = Peers(4, 100)
    for name in ("a1", "a2", "a3", "b1"):
        assert peers.add(name[0], name) == (True, None)
    assert peers.add("c", "c1") == (True, "a1")
    peers.remove("a", "a1")
    for name in ("a2", "a3", "b1", "c1"):
        peers.work(name[0], name)
    assert peers.add("d", "d1") == (False, None)
    assert peers.count == 4


def test_customer_with_many_addresses_is_one_peer() -> None:
    peers: Peers[int] = Peers(100, 2)
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3:4"]
    assert [peers.add(one, n) for n, one in enumerate(addresses)][2] == (True, 0)
    assert peers.add("2001:db8:0:1::1", 4) == (True, None)
    same = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"]
    assert [peers.add(one, 10 + n) for n, one in enumerate(same)][2] == (True, 10)
    assert [peers.add(one, 20 + n) for n, one in enumerate(["::1", "fe80::1%eth0"])] == [
        (True, None)
    ] * 2
