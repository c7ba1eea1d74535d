"""The ids of messages that were handled, stored with their effects: the one place that keeps a
message that comes twice from having its effect twice.
"""

from collections.abc import Sequence
from uuid import UUID

from inventory.log import now_micros
from inventory.store.database import Unit

# In sorted order, so that two replicas that got the same messages never wait for each other.
_ADMIT = """
INSERT INTO inbox (message_id, handled_at)
SELECT id, $2 FROM unnest($1::uuid[]) AS id ORDER BY id
ON CONFLICT DO NOTHING RETURNING message_id"""


async def admit(unit: Unit, ids: Sequence[UUID]) -> list[bool]:
    """Notes down message ids and says which of them are new."""
    new: set[UUID] = {row[0] for row in await unit.rows(_ADMIT, ids, now_micros())}
    admitted = []
    for message_id in ids:
        admitted.append(message_id in new)
        # The same id twice in one batch: the first is new, the second is not.
        new.discard(message_id)
    return admitted
