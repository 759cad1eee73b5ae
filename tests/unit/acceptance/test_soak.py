"""What ``scripts/soak`` accounts for, and that its messages are of all kinds."""

from __future__ import annotations

import random
import typing

from protocol.errors import ProtocolError
from protocol.wire import frames
from protocol.wire.messages import Message
from tests.acceptance.soak import mutations
from tests.acceptance.soak.accounts import Accounts, Outcome


def test_each_thing_sent_has_one_outcome() -> None:
    accounts = Accounts(lambda since_s, until_s: frozenset())
    answered, twice, _ = (accounts.open("call") for _ in range(3))
    answered.close(Outcome.ANSWERED)
    twice.close(Outcome.QUEUE_FULL)
    twice.close(Outcome.ANSWERED, "late")
    accounts.settle()
    assert accounts.wrong == [
        "call: Outcome.QUEUE_FULL and Outcome.ANSWERED (late)",
        "call: nothing became of it",
    ]
    assert str(accounts) == "3 sent = 1 answered, 1 queue full"


def test_only_a_fault_of_that_kind_explains_an_outcome() -> None:
    allowed: set[Outcome] = set()
    accounts = Accounts(lambda since_s, until_s: frozenset(allowed))
    accounts.open("call").close(Outcome.LOST, "reset")
    accounts.open("call").close(Outcome.REFUSED, "no")
    accounts.open("mistake", refusable=True).close(Outcome.REFUSED, "no")
    allowed.add(Outcome.LOST)
    accounts.open("call").close(Outcome.LOST, "reset")
    accounts.open("call").close(Outcome.FAILED, "died")
    allowed.add(Outcome.UNANSWERED)
    assert accounts.wrong == [
        "call: connection lost without a fault that explains it: reset",
        "call: refused without a fault that explains it: no",
        "call: failed without a fault that explains it: died",
    ]


def test_messages_to_be_mutated_are_of_all_kinds_and_some_stay_messages() -> None:
    seeds = [mutations.encoded(one) for one in mutations.messages("generation")]
    kinds = {type(one) for one in mutations.messages("generation")}
    assert kinds == set(typing.get_args(Message))
    chance = random.Random(1)
    fine = 0
    for _ in range(2000):
        try:
            frames.decode(mutations.mutated(chance, list(chance.choice(seeds))))
            fine += 1
        except ProtocolError:
            pass
    assert 100 < fine < 1900
