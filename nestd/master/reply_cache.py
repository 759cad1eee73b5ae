"""Answers to gateways and jobs, and a cache of those that may have got lost with their link."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from nestd.master.courses import Turn
from nestd.master.instructions import EndJob, Resend, SendReply
from nestd.master.queue import Queue, QueuedCommand
from protocol.errors import LinkLost, NestdError
from protocol.wire.messages import Failure, Message
from protocol.wire.values import Buffer

#: Room for all kept answers; the oldest are dropped.
_ROOM_BYTES = 256 * 2**20
#: Commands of which the cache remembers that they were answered.
_REMEMBERED = 100_000


class ReplyCache:
    """The latest answers, by the delivery id of their command.

    Parameters
    ----------
    room_bytes : for all kept answers
    remembered : commands of which the cache knows that they were answered
    """

    def __init__(self, room_bytes: int = _ROOM_BYTES, remembered: int = _REMEMBERED) -> None:
        self._room_bytes = room_bytes
        self._remembered = remembered
        self._kept: OrderedDict[str, Sequence[Buffer]] = OrderedDict()
        self._kept_bytes = 0
        self._known: OrderedDict[str, None] = OrderedDict()

    def keep(self, delivery_id: str, answer: Sequence[Buffer]) -> None:
        """Keep the frames of an answer that was sent."""
        self._known[delivery_id] = None
        if len(self._known) > self._remembered:
            # Small answers would take many times their bytes, were all kept that find room.
            forgotten, _ = self._known.popitem(last=False)
            self._kept_bytes -= _size(self._kept.pop(forgotten, ()))
        size = _size(answer)
        if size > self._room_bytes:
            return
        self._kept[delivery_id] = answer
        self._kept_bytes += size
        while self._kept_bytes > self._room_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size(oldest)

    def __contains__(self, delivery_id: str) -> bool:
        """Return whether the cache remembers an answer to the command."""
        return delivery_id in self._known

    def find(self, delivery_id: str) -> Sequence[Buffer] | None:
        """Return the frames of the answer; ``None`` if the answer was too large to be kept."""
        return self._kept.get(delivery_id)


def _size(answer: Sequence[Buffer]) -> int:
    return sum(memoryview(part).nbytes for part in answer)


class Replies:
    """Answers to gateways and jobs.

    Parameters
    ----------
    turn : takes the instructions to answer
    generation : of the kernel, goes into every answer
    cache : keeps answers, where links to gateways may be cut; ``None`` where none are
    """

    def __init__(self, turn: Turn, generation: str, cache: ReplyCache | None) -> None:
        self._turn = turn
        self._generation = generation
        self._cache = cache

    def reply(self, sender: bytes, answer: Message) -> None:
        """Answer a request that waits in no queue."""
        self._turn.instructions.append(SendReply(sender, answer))

    def answer(self, queued: QueuedCommand, answer: Message) -> None:
        """Answer a command, to its gateway or into the spool."""
        if queued.sender is not None:
            delivery_id = queued.command.delivery_id if self._cache is not None else ""
            self._turn.instructions.append(SendReply(queued.sender, answer, delivery_id))
        if queued.job is not None:
            self._turn.instructions.append(EndJob(queued.job, answer))

    def fail(self, queued: QueuedCommand, error: NestdError) -> Failure:
        """Answer a command with an error, and return the answer."""
        failure = Failure(queued.id, self._generation, error)
        self.answer(queued, failure)
        return failure

    def keep(self, delivery_id: str, frames: Sequence[Buffer]) -> None:
        """Keep an answer that was sent."""
        assert self._cache is not None
        self._cache.keep(delivery_id, frames)

    def arrives_again(self, again: QueuedCommand, queue: Queue) -> bool:
        """Return whether a command has arrived before, on a link that was cut.

        The answer goes to the new link.
        """
        delivery_id, sender = again.command.delivery_id, again.sender
        if self._cache is None or not delivery_id or sender is None:
            return False
        for queued in queue:
            if queued.command.delivery_id == delivery_id and queued.sender is not None:
                queued.sender = sender
                return True
        if delivery_id not in self._cache:
            return False
        frames = self._cache.find(delivery_id)
        if frames is not None:
            self._turn.instructions.append(Resend(sender, frames))
        else:
            error = LinkLost("it was executed, but its answer got lost when the network was cut")
            self.reply(sender, Failure(again.id, self._generation, error))
        return True
